package iac

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// TestLocate finds the blocks of resources in a configuration with modules, and
// leaves what it does not find where it is in the plan.
func TestLocate(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"live/main.tf":      "# resource \"aws_cognito_user_pool\" \"main\" {\nmodule \"local\" {\n  source = \"../modules/pool\"\n}\n",
		"live/pools.tf":     "\n\n  resource   \"aws_cognito_user_pool\"   \"main\" {\n}\nmodule \"bought\" {}\n",
		"live/other.txt":    "resource \"aws_cognito_user_pool\" \"lost\" {\n",
		"modules/pool/a.tf": "resource \"aws_cognito_user_pool\" \"this\" {}\nresource \"aws_cognito_user_pool\" \"this\" {}\n",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// It is as a file that cannot be read.
	if err := os.Mkdir(filepath.Join(dir, "live", "dir.tf"), 0o700); err != nil {
		t.Fatal(err)
	}
	change := func(module, name string) string {
		address := strings.TrimPrefix(module+".aws_cognito_user_pool."+name, ".")
		return fmt.Sprintf(`{"address":%q,"module_address":%q,"mode":"managed","type":"aws_cognito_user_pool","name":%q,"change":{"actions":["create"],"after":{}}}`, address, module, name)
	}
	plan := `{"format_version":"1.2","resource_changes":[` + strings.Join([]string{
		change("", "main"), change("", "lost"), change(`module.local["a"]`, "this"), change("module.bought", "x"), change("module.bought.module.inner", "x"), change("module.untold", "x"),
	}, ",\n") + `],"configuration":{"root_module":{"module_calls":{"local":{"source":"../modules/pool","module":{}},"bought":{"source":"example/pool/aws","module":{"module_calls":{"inner":{"source":"./inner","module":{}}}}}}}}}`
	d, err := Parse("plan.json", []byte(plan))
	if err != nil {
		t.Fatal(err)
	}
	d.Locate(filepath.Join(dir, "live"))
	want := map[string]string{
		"aws_cognito_user_pool.main":                         "live/pools.tf:3",
		"aws_cognito_user_pool.lost":                         "plan.json:2",
		`module.local["a"].aws_cognito_user_pool.this`:       "modules/pool/a.tf:1",
		"module.bought.aws_cognito_user_pool.x":              "live/pools.tf:5",
		"module.bought.module.inner.aws_cognito_user_pool.x": "live/pools.tf:5",
		"module.untold.aws_cognito_user_pool.x":              "plan.json:6",
	}
	p := d.Plan(inventory.Key{})
	if len(p.Pools) != len(want) {
		t.Errorf("%d pools", len(p.Pools))
	}
	for _, pool := range p.Pools {
		at := pool.Planned
		file := strings.TrimPrefix(filepath.ToSlash(strings.TrimPrefix(at.File, dir)), "/")
		if got := fmt.Sprintf("%s:%d", file, at.Line); got != want[at.Resource] {
			t.Errorf("%s is at %s, want %s", at.Resource, got, want[at.Resource])
		}
	}
	template, err := Parse("x.yaml", []byte("Resources:\n  P: {Type: AWS::Cognito::UserPool}\n"))
	if err != nil {
		t.Fatal(err)
	}
	template.Locate(dir)
	if at := template.Plan(inventory.Key{}).Pools[0].Planned; at.File != "x.yaml" || at.Line != 2 {
		t.Errorf("a template's pool is at %s:%d", at.File, at.Line)
	}
}
