package iac

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// TestParseRefuses names what a file is instead, and what to give.
func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct{ name, data, want string }{
		{"saved plan", "PK\x03\x04...", "x: this is a plan as Terraform saves it; give what terraform show -json prints of it"},
		{"UTF-16", "\xff\xfe{\x00}\x00", "x: the file is UTF-16 text; write it as UTF-8"},
		{"log", `{"@level":"info","@message":"Terraform 1.13.4"}` + "\n" + `{"@level":"info"}`, "x: this is the log of terraform plan -json; save the plan with -out and give what terraform show -json prints of it"},
		{"state", `{"format_version":"1.0","values":{"root_module":{}}}`, "x: this is a state of Terraform, not a plan; give what terraform show -json prints of a plan file"},
		{"version", `{"format_version":"3.0","resource_changes":[]}`, `x: not a plan of Terraform: unsupported plan format version: "3.0.0" does not satisfy ">= 0.1, < 2.0"`},
		{"no version", `{"resource_changes":[]}`, "x: not a plan of Terraform: unexpected plan input, format version is missing"},
		{"half a plan", `{"format_version":"1.2","resource_changes":[{`, "x:1: not valid JSON: unexpected EOF"},
		{"shape", `{"format_version":"1.2","resource_changes":{}}`, "x: not a plan of Terraform: json: cannot unmarshal object into Go "},
		{"manifest", `{"version":"48.0.0","artifacts":{}}`, "x: this is the manifest of a CDK cloud assembly; give its directory"},
		{"other JSON", `{"name":"x"}`, "x:1:1: this is neither a template of CloudFormation, which has Resources, nor a plan of Terraform as terraform show -json prints it"},
		{"resources of a list", "Resources: []\n", "x:1:1: this is neither a template of CloudFormation"},
		{"other YAML", "- a\n", "x:1:1: a template must be a mapping, not a list"},
		{"tag", "Resources:\n  A: !Env B\n", `x:2:6: the YAML tag "!Env" is not supported; omit it`},
		{"empty", "", "x: the template is empty; a minimal one is: Resources: {}"},
		{"deep", "Resources: " + strings.Repeat("{a: ", 200) + strings.Repeat("}", 200), "more than 100 values are nested in each other here"},
		{"deep plan", `{"format_version":"1.2","resource_changes":` + strings.Repeat("[", 20_000), "x:1:143: more than 100 values"},
	} {
		d, err := Parse("x", []byte(tt.data))
		if d != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %s", tt.name, err, tt.want)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	write := func(name, data string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		return filepath.Dir(path)
	}
	stack := func(file string) string {
		return `{"artifacts":{"S":{"type":"aws:cloudformation:stack","properties":{"templateFile":"` + file + `"}}}}`
	}
	write("outside.json", `{"Resources":{}}`)
	// A cloud assembly that is in itself.
	loop := write("loop/manifest.json", `{"artifacts":{"A":{"type":"cdk:cloud-assembly","properties":{"directoryName":"."}}}}`)
	for _, tt := range []struct{ path, want string }{
		{filepath.Join(dir, "none"), "none: the file cannot be read: no such file or directory"},
		{"/dev/null", "/dev/null: the file cannot be read: it must be a regular file, not a device"},
		{t.TempDir(), "a directory must be a CDK cloud assembly: "},
		{write("broken/manifest.json", "{"), "manifest.json: not the manifest of a CDK cloud assembly: unexpected end of JSON input"},
		{write("escape/manifest.json", stack("../outside.json")), `manifest.json: stack "S": "../outside.json" is not a file in the cloud assembly`},
		{write("absolute/manifest.json", stack(filepath.Join(dir, "outside.json"))), " is not a file in the cloud assembly"},
		{write("missing/manifest.json", stack("gone.json")), "gone.json: the file cannot be read"},
		{write("up/manifest.json", `{"artifacts":{"A":{"type":"cdk:cloud-assembly","properties":{"directoryName":".."}}}}`), `manifest.json: ".." is not a directory in it`},
		{loop, "more than 10 cloud assemblies are in each other"},
	} {
		d, err := Open(tt.path)
		if d != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %s", tt.path, err, tt.want)
		}
	}
	// A stack that is nested in itself ends.
	nested := write("nested/manifest.json", stack("a.json"))
	write("nested/a.json", `{"Resources":{"A":{"Type":"AWS::CloudFormation::Stack","Metadata":{"aws:asset:path":"a.json"}},"P":{"Type":"AWS::Cognito::UserPool"}}}`)
	d, err := Open(nested)
	if err != nil {
		t.Fatal(err)
	}
	if p := d.Plan(inventory.Key{}); len(p.Pools) != maxNested+1 || len(p.Notes) != 1 {
		t.Errorf("%d pools and notes %q", len(p.Pools), p.Notes)
	}
}

// TestCircles has functions, conditions and parameters refer to each other.
func TestCircles(t *testing.T) {
	many := strings.Repeat(`{"Fn::If": ["No", {"Ref": "Big"}, `, 40) + `"x"` + strings.Repeat(`]}`, 40)
	d, err := Parse("x.json", []byte(`{
		"Parameters": {"Big": {"Type": "CommaDelimitedList", "Default": "`+strings.Repeat("a,", 200_000)+`"}},
		"Conditions": {"A": {"Condition": "B"}, "B": {"Fn::Not": [{"Condition": "A"}]}, "Wide": {"Fn::And": [`+strings.Repeat(`{"Condition": "Wide"},`, 50)+`{"Condition": "Wide"}]}},
		"Resources": {
			"I": {"Type": "AWS::SES::EmailIdentity", "Properties": {"EmailIdentity": {"Ref": "J"}}},
			"J": {"Type": "AWS::SES::EmailIdentity", "Properties": {"EmailIdentity": {"Ref": "I"}}},
			"P": {"Type": "AWS::Cognito::UserPool", "Condition": "A", "Properties": {"UserPoolName": {"Ref": "I"}, "EmailConfiguration": {
				"From": {"Fn::Join": ["", [`+many+`, {"Fn::Join": ["", {"Ref": "Big"}]}]]}}}},
			"Q": {"Type": "AWS::Cognito::UserPool", "Condition": "Wide", "Properties": {"AutoVerifiedAttributes": {"Ref": "Big"}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	p := d.Plan(inventory.Key{})
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("it took %s", took)
	}
	if len(p.Pools) != 2 || !p.Pools[0].Settings.Pending.Has(inventory.PendingFrom) || p.Pools[0].Name != "" {
		t.Errorf("the pools are %+v", p.Pools)
	}
}

// check holds a plan against what is said of plans.
func check(t *testing.T, d *Document, data []byte) {
	t.Helper()
	lines := 1 + strings.Count(string(data), "\n")
	for _, key := range []inventory.Key{{}, {AccountID: account, Region: "eu-west-1"}} {
		p := d.Plan(key)
		for _, pool := range p.Pools {
			if at := pool.Planned; at == nil || at.Action == "" || at.Line < 0 || at.Line > lines || pool.Settings == nil || pool.Settings.Mode == "" {
				t.Fatalf("a pool is %+v, in the plan %+v", pool, at)
			}
		}
		judged(t, p, ses())
	}
}

func FuzzTerraform(f *testing.F) {
	files, err := filepath.Glob("testdata/tf-*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"format_version":"1.0","resource_changes":[null,{"type":"aws_cognito_user_pool"},{"type":"aws_cognito_user_pool","change":{"actions":["create"]}}],"configuration":{"root_module":{"resources":[null]}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if d, err := parseTerraform("x.json", data); err == nil {
			check(t, d, data)
		}
	})
}

func FuzzTemplate(f *testing.F) {
	files, err := filepath.Glob("testdata/cfn-*[nl]")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		if data, err := os.ReadFile(file); err == nil && !strings.HasSuffix(file, ".golden") {
			f.Add(data)
		}
	}
	f.Add([]byte("Resources: {A: {Type: AWS::Cognito::UserPool, Properties: {EmailConfiguration: !If [A], UserPoolTags: !Sub [], Policies: !Select [0]}}}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if d, err := parseTemplate("x.yaml", data); err == nil {
			check(t, d, data)
		}
	})
}

func FuzzAssembly(f *testing.F) {
	data, err := os.ReadFile("testdata/cdk-out/manifest.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"artifacts":{"a":null,"b":{"type":"cdk:cloud-assembly","properties":null}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "manifest.json"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		if d, err := Open(dir); err == nil {
			check(t, d, data)
		}
	})
}
