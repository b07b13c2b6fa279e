package report

import (
	"cmp"
	"io"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// The version of the Open Cybersecurity Schema Framework, and its numbers.
const (
	ocsfVersion = "1.8.0"

	ocsfFindings   = 2    // category
	ocsfCompliance = 2003 // class Compliance Finding
	ocsfAWSAccount = 10   // type of an account
	ocsfRule       = 1    // type of an analytic
)

// ocsfActivity is what became of a finding since the baseline.
type ocsfActivity struct {
	id       int
	name     string
	statusID int // of the finding
	status   string
	resultID int // of the compliance check
	result   string
}

var (
	ocsfCreate = ocsfActivity{1, "Create", 1, "New", 3, "Fail"}
	ocsfUpdate = ocsfActivity{2, "Update", 1, "New", 3, "Fail"}
	ocsfClose  = ocsfActivity{3, "Close", 4, "Resolved", 1, "Pass"}
)

// ocsf writes a Compliance Finding of OCSF for each finding, and closes what is
// gone since the baseline.
func (r *Report) ocsf(w io.Writer) error {
	events := []map[string]any{}
	for i := range r.Findings {
		activity := ocsfCreate
		if s := r.Findings[i].State; s == Known || s == Worse {
			activity = ocsfUpdate
		}
		events = append(events, r.event(&r.Findings[i], activity))
	}
	if r.Baseline != nil {
		for i := range r.Baseline.Gone {
			events = append(events, r.event(&r.Baseline.Gone[i], ocsfClose))
		}
	}
	return encode(w, events)
}

// event is a finding as OCSF has it.
func (r *Report) event(f *Finding, a ocsfActivity) map[string]any {
	type object = map[string]any
	type level struct {
		id   int
		name string
	}
	severity := map[rules.Severity]level{rules.Critical: {5, "Critical"}, rules.Warning: {3, "Medium"}, rules.Info: {1, "Informational"}}[f.Severity]
	about := resourceOf(&f.Finding)
	subject := object{"uid": about.uid, "name": about.name, "type": about.kind, "cloud_partition": about.partition, "region": f.Region}
	cloud := object{"provider": "AWS", "region": f.Region, "cloud_partition": about.partition}
	if f.AccountID != "" {
		owner := object{"uid": f.AccountID, "type_id": ocsfAWSAccount, "type": "AWS Account"}
		if f.AccountName != "" {
			owner["name"] = f.AccountName
		}
		cloud["account"] = owner
	}
	product := object{"name": tool, "vendor_name": tool, "version": cmp.Or(r.o.Version, "0"), "url_string": website, "lang": "en"}
	event := object{
		"category_uid": ocsfFindings, "category_name": "Findings",
		"class_uid": ocsfCompliance, "class_name": "Compliance Finding",
		"activity_id": a.id, "activity_name": a.name,
		"type_uid": ocsfCompliance*100 + a.id, "type_name": "Compliance Finding: " + a.name,
		"severity_id": severity.id, "severity": severity.name, "status_id": a.statusID, "status": a.status,
		"time": r.GeneratedAt.UnixMilli(), "message": about.name + ": " + message(&f.Finding),
		"metadata": object{"version": ocsfVersion, "profiles": []string{"cloud"}, "product": product},
		"cloud":    cloud,
		"finding_info": object{
			"uid": f.Fingerprint, "title": cmp.Or(f.Summary, f.Rule), "desc": message(&f.Finding),
			"analytic": object{"uid": f.Rule, "name": f.Rule, "type_id": ocsfRule, "type": "Rule"},
		},
		"compliance": object{
			"control": f.Rule, "desc": cmp.Or(f.Summary, f.Rule), "standards": []string{tool}, "status_id": a.resultID, "status": a.result,
		},
		"resources": []object{subject},
	}
	if f.Remedy != "" {
		event["remediation"] = object{"desc": f.Remedy}
	}
	return event
}
