package report

import (
	"cmp"
	"io"
	"strings"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// asffType is the type of all findings, of those that Security Hub knows.
const asffType = "Software and Configuration Checks/AWS Security Best Practices"

// asff writes the findings in the AWS Security Finding Format, as an array that
// BatchImportFindings takes up to 100 elements of. What is gone since the
// baseline is archived. Lengths are cut to what the API takes, in bytes.
func (r *Report) asff(w io.Writer) (cut string, err error) {
	findings, homeless := []map[string]any{}, 0
	add := func(f *Finding, gone bool) {
		if f.AccountID == "" {
			homeless++
			return
		}
		findings = append(findings, r.imported(f, gone))
	}
	for i := range r.Findings {
		add(&r.Findings[i], false)
	}
	if r.Baseline != nil {
		for i := range r.Baseline.Gone {
			add(&r.Baseline.Gone[i], true)
		}
	}
	if homeless > 0 {
		cut = count(homeless, "finding") + " without an account ID, which Security Hub demands"
	}
	return cut, encode(w, findings)
}

// imported is a finding as Security Hub imports it.
func (r *Report) imported(f *Finding, gone bool) map[string]any {
	type object = map[string]any
	label := map[rules.Severity]string{rules.Critical: "CRITICAL", rules.Warning: "MEDIUM", rules.Info: "INFORMATIONAL"}[f.Severity]
	state, compliance := "ACTIVE", "FAILED"
	if gone {
		state, compliance = "ARCHIVED", "PASSED"
	}
	about, at := resourceOf(&f.Finding), r.GeneratedAt.Format(time.RFC3339)
	details := fields(map[string]string{"Name": about.name, "Type": about.kind, "File": f.File})
	subject := object{"Type": "Other", "Id": clip(about.uid, 512), "Region": f.Region, "Details": object{"Other": details}}
	if about.kind == "AWS::::Account" {
		subject["Type"] = "AwsAccount"
		delete(subject, "Details")
	}
	if about.partition != "aws-eusc" { // Which Security Hub's API does not list.
		subject["Partition"] = about.partition
	}
	finding := object{
		"SchemaVersion": "2018-10-08",
		"Id":            clip(tool+"/"+f.Fingerprint, 512),
		"ProductArn":    strings.Join([]string{"arn", about.partition, "securityhub", f.Region, f.AccountID, "product/" + f.AccountID + "/default"}, ":"),
		"ProductName":   tool, "CompanyName": tool,
		"GeneratorId":  clip(tool+"/"+f.Rule, 512),
		"AwsAccountId": f.AccountID, "CreatedAt": at, "UpdatedAt": at,
		"Title": clip(cmp.Or(f.Summary, f.Rule), 256), "Description": clip(about.name+": "+message(&f.Finding), 1024),
		"Types": []string{asffType}, "Severity": object{"Label": label, "Original": string(f.Severity)},
		"FindingProviderFields": object{"Types": []string{asffType}, "Severity": object{"Label": label, "Original": string(f.Severity)}},
		"Resources":             []object{subject}, "Compliance": object{"Status": compliance}, "RecordState": state,
		"ProductFields": fields(map[string]string{
			tool + "/Rule": f.Rule, tool + "/Fingerprint": f.Fingerprint, tool + "/Cause": f.Cause.String(),
		}),
	}
	if f.AccountName != "" {
		finding["AwsAccountName"] = clip(f.AccountName, 50)
	}
	if f.Remedy != "" {
		finding["Remediation"] = object{"Recommendation": object{"Text": clip(f.Remedy, 512)}}
	}
	return finding
}

// fields are the entries that are not blank, which Security Hub refuses.
func fields(all map[string]string) map[string]string {
	for key, value := range all {
		if all[key] = clip(value, 1024); strings.TrimSpace(value) == "" {
			delete(all, key)
		}
	}
	return all
}
