package report

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

func compile(t *testing.T, file string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	s, err := c.Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// validate checks JSON against a schema.
func validate(s *jsonschema.Schema, data string) error {
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(data))
	if err != nil {
		return err
	}
	return s.Validate(v)
}

// long has everything as long as it can be, and a little longer.
func long(t *testing.T) *Report {
	t.Helper()
	r := full(t)
	much := strings.Repeat("ä", 3000)
	f := rules.Finding{
		Rule: "any-pool", Severity: rules.Critical, AccountID: "100000000001", AccountName: much, Region: "eusc-de-east-1", Resource: "module." + much,
		PoolName: much, Summary: much, Message: much, Remedy: much, File: much,
	}
	blank := rules.Finding{Rule: "any-pool", Severity: rules.Info, AccountID: "100000000001", Region: "us-gov-west-1", Identity: "example.com", Message: " "}
	for _, f := range []rules.Finding{f, blank} {
		r.Findings = append(r.Findings, Finding{Finding: f, Fingerprint: fingerprint(&f)})
	}
	return r
}

func TestASFF(t *testing.T) {
	s := compile(t, "testdata/asff.schema.json")
	for name, r := range map[string]*Report{"full": full(t), "long": long(t), "none": {}} {
		if err := validate(s, write(t, r, "asff")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	type finding struct {
		ID                      string `json:"Id"`
		ProductArn, RecordState string
		Severity                struct{ Label string }
		Compliance              struct{ Status string }
		Resources               []struct {
			ID   string `json:"Id"`
			Type string
		}
	}
	var all []finding
	if err := json.Unmarshal([]byte(write(t, full(t), "asff")), &all); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range all {
		got[strings.TrimPrefix(f.ID, "cognito-ses-exporter/")] = strings.Join([]string{f.Severity.Label, f.Compliance.Status, f.RecordState, f.ProductArn, f.Resources[0].Type, f.Resources[0].ID}, " ")
	}
	const product = " arn:aws:securityhub:eu-west-1:100000000001:product/100000000001/default "
	for id, want := range map[string]string{
		"any-pool/100000000001/eu-west-1/eu-west-1_3":                              "CRITICAL FAILED ACTIVE" + product + "Other arn:aws:cognito-idp:eu-west-1:100000000001:userpool/eu-west-1_3",
		"any-pool/100000000001/eu-west-1/eu-west-1_9":                              "MEDIUM PASSED ARCHIVED" + product + "Other arn:aws:cognito-idp:eu-west-1:100000000001:userpool/eu-west-1_9",
		"any-account/100000000001/eu-west-1":                                       "INFORMATIONAL FAILED ACTIVE" + product + "AwsAccount AWS::::Account:100000000001",
		"any-identity/100000000001/eu-west-1/example.com":                          "INFORMATIONAL FAILED ACTIVE" + product + "Other arn:aws:ses:eu-west-1:100000000001:identity/example.com",
		`any-pool/100000000001/eu-west-1/module.a["b"].aws_cognito_user_pool.main`: "MEDIUM FAILED ACTIVE" + product + `Other module.a["b"].aws_cognito_user_pool.main`,
	} {
		if got[id] != want {
			t.Errorf("%s: %q, want %q", id, got[id], want)
		}
	}
	r := full(t)
	r.Findings[0].AccountID = ""
	var b strings.Builder
	if cut, err := r.asff(&b); err != nil || cut != "1 finding without an account ID, which Security Hub demands" || validate(s, b.String()) != nil {
		t.Errorf("without an account: %q, %v", cut, err)
	}
}

func TestOCSF(t *testing.T) {
	s := compile(t, "testdata/ocsf-1.8.0-compliance-finding.schema.json")
	captions := map[string]map[float64]string{
		"severity": {1: "Informational", 3: "Medium", 5: "Critical"}, "status": {1: "New", 4: "Resolved"}, "activity_name": {1: "Create", 2: "Update", 3: "Close"},
	}
	for name, r := range map[string]*Report{"full": full(t), "long": long(t)} {
		var events []map[string]any
		if err := json.Unmarshal([]byte(write(t, r, "ocsf")), &events); err != nil {
			t.Fatal(err)
		}
		activities := map[string]float64{}
		for _, e := range events {
			if err := s.Validate(e); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			for caption, names := range captions {
				id, _ := e[strings.TrimSuffix(caption, "_name")+"_id"].(float64)
				if e[caption] != names[id] {
					t.Errorf("%s %v has the caption %v", caption, id, e[caption])
				}
			}
			id, _ := e["activity_id"].(float64)
			if e["type_uid"] != 200300+id || e["time"] != float64(now.UnixMilli()) {
				t.Errorf("type %v, time %v", e["type_uid"], e["time"])
			}
			info, _ := e["finding_info"].(map[string]any)
			uid, _ := info["uid"].(string)
			activities[uid] = id
		}
		const pools = "any-pool/100000000001/eu-west-1/eu-west-1_"
		for id, want := range map[string]float64{pools + "1": 2, pools + "2": 1, pools + "3": 2, pools + "9": 3} {
			if activities[id] != want {
				t.Errorf("%s: %s has activity %v, want %v", name, id, activities[id], want)
			}
		}
	}
	if got := write(t, &Report{}, "ocsf"); got != "[]\n" {
		t.Errorf("no findings: %s", got)
	}
}

// TestSchemas checks that the schemas refuse what AWS and OCSF would.
func TestSchemas(t *testing.T) {
	for file, wrong := range map[string]map[string]string{
		"testdata/asff.schema.json": {
			`"CreatedAt": "2026`: `"CreatedAt": "on 2026`, `"Title": "`: `"Title": "` + strings.Repeat("x", 257), `"Label": "MEDIUM"`: `"Label": "WARNING"`,
			`"SchemaVersion"`: `"Version"`, `"AwsAccountId": "1`: `"AwsAccountId": "`, `"Partition": "aws"`: `"Partition": "eu"`, `"Resources": [`: `"Resources": [1, `,
		},
		"testdata/ocsf-1.8.0-compliance-finding.schema.json": {
			`"class_uid": 2003`: `"class_uid": 2001`, `"severity_id"`: `"severities"`, `"time": 1`: `"time": -1`, `"provider"`: `"supplier"`,
			`"version": "1.8.0"`: `"version": "1.0"`, `"uid": "any-pool/`: `"uid": 1, "x": "`, `"type_id": 1`: `"type_id": 77`, `"resources": [`: `"resources": [1, `,
		},
	} {
		s, format := compile(t, file), "asff"
		if strings.Contains(file, "ocsf") {
			format = "ocsf"
		}
		out := write(t, many(1), format)
		if format == "ocsf" {
			out = strings.TrimSuffix(strings.TrimPrefix(out, "["), "]\n")
		}
		out = strings.Replace(out, `"CRITICAL"`, `"MEDIUM"`, 2)
		if err := validate(s, out); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		for right, not := range wrong {
			changed := strings.ReplaceAll(out, right, not)
			if err := validate(s, changed); changed == out || err == nil {
				t.Errorf("%s: %s may be %.40s", file, right, not)
			}
		}
	}
}

func TestClip(t *testing.T) {
	for _, tt := range []struct {
		s    string
		n    int
		want string
	}{{"abcdef", 6, "abcdef"}, {"abcdefg", 6, "abc…"}, {"aäöü", 6, "aä…"}, {"aaäöü", 6, "aa…"}} {
		if got := clip(tt.s, tt.n); got != tt.want || len(got) > tt.n {
			t.Errorf("clip(%q, %d) = %q, want %q", tt.s, tt.n, got, tt.want)
		}
	}
}
