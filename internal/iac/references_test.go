package iac

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// TestReferences follows a source_arn to the identity that will have it, and
// takes none for it where more than one may be meant.
func TestReferences(t *testing.T) {
	identity := func(module, index, name string) string {
		address := strings.TrimPrefix(module+".aws_ses_domain_identity.a", ".")
		key := "null"
		if index != "" {
			address, key = address+"["+index+"]", index
		}
		return fmt.Sprintf(`{"address":%s,"module_address":%s,"mode":"managed","type":"aws_ses_domain_identity","name":"a","index":%s,"change":{"actions":["create"],"after":{"domain":%q}}}`,
			quoted(address), quoted(module), key, name)
	}
	refs := func(all ...string) string {
		data, err := json.Marshal(map[string]any{"references": all})
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	const direct, whole = "aws_ses_domain_identity.a.arn", "aws_ses_domain_identity.a"
	one := []string{identity("", "", "one.example")}
	each := []string{identity("", `"x"`, "x.example"), identity("", `"y"`, "y.example")}
	count := []string{identity("", "0", "zero.example"), identity("", "1", "one.example")}
	modules := []string{identity(`module.m["x"]`, "", "x.example"), identity(`module.m["y"]`, "", "y.example")}
	output := func(x string) string {
		return `"module_calls":{"m":{"module":{"outputs":{"arn":{"expression":` + x + `}}}}},`
	}
	for _, tt := range []struct {
		name       string
		identities []string
		source     string // the expression
		index      string // of the pool
		calls      string // of modules
		want       string
	}{
		{"directly", one, refs(direct, whole), "", "", "one.example"},
		{"the identity, not its ARN", one, refs("aws_ses_domain_identity.a.id", whole), "", "", ""},
		{"an identity and something else", one, refs(direct, whole, "var.x"), "", "", ""},
		{"a local value", one, refs("local.arn"), "", "", ""},
		{"data", one, refs("data.aws_ses_domain_identity.a.arn", "data.aws_ses_domain_identity.a"), "", "", ""},
		{"a configuration set", one, refs("aws_ses_configuration_set.a.arn", "aws_ses_configuration_set.a"), "", "", ""},
		{"nothing", one, `{}`, "", "", ""},
		{"a constant", one, `{"constant_value":null}`, "", "", ""},
		{"a variable of the root module", one, refs("var.arn"), "", "", ""},
		{"one that is not in the plan", nil, refs(direct, whole), "", "", ""},
		{"the same key", each, refs(whole, "each.key"), `"y"`, "", "y.example"},
		{"the value of another resource's loop", each, refs("aws_ses_domain_identity.a", "each.value"), `"x"`, "", "x.example"},
		{"no such key", each, refs(whole, "each.key"), `"z"`, "", ""},
		{"any of several", each, refs(direct, whole), "", "", ""},
		{"a key", each, refs(`aws_ses_domain_identity.a["x"].arn`, `aws_ses_domain_identity.a["x"]`, whole), "", "", "x.example"},
		{"an index", count, refs("aws_ses_domain_identity.a[1].arn", "aws_ses_domain_identity.a[1]", whole), "", "", "one.example"},
		{"the same index", count, refs(whole, "count.index"), "0", "", "zero.example"},
		{"an output", []string{identity("module.m", "", "m.example")}, refs("module.m.arn", "module.m"), "", output(refs(direct, whole)), "m.example"},
		{"an output of one instance", modules, refs(`module.m["y"].arn`, `module.m["y"]`, "module.m"), "", output(refs(direct, whole)), "y.example"},
		{"an output of any instance", modules, refs("module.m.arn", "module.m"), "", output(refs(direct, whole)), ""},
		{"an output that there is not", one, refs("module.m.nothing", "module.m"), "", output(refs(direct, whole)), ""},
		{"a module that there is not", one, refs("module.n.arn", "module.n"), "", output(refs(direct, whole)), ""},
		{"an output that is itself", one, refs("module.m.arn", "module.m"), "", `"module_calls":{"m":{"expressions":{"x":` + refs("module.m.arn", "module.m") + `},"module":{"outputs":{"arn":{"expression":` + refs("var.x") + `}}}}},`, ""},
	} {
		index := ""
		if tt.index != "" {
			index = `"index":` + tt.index + `,`
		}
		pool := `{"address":"aws_cognito_user_pool.p","mode":"managed","type":"aws_cognito_user_pool","name":"p",` + index +
			`"change":{"actions":["create"],"after":{"email_configuration":[{"email_sending_account":"DEVELOPER"}]},"after_unknown":{"email_configuration":[{"source_arn":true}]}}}`
		plan := `{"format_version":"1.2","resource_changes":[` + strings.Join(append(tt.identities, pool), ",") + `],"configuration":{"root_module":{` + tt.calls +
			`"resources":[{"address":"aws_cognito_user_pool.p","mode":"managed","type":"aws_cognito_user_pool","name":"p","expressions":{"email_configuration":[{"source_arn":` + tt.source + `}]}}]}}}`
		d, err := Parse("x.json", []byte(plan))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		p := d.Plan(inventory.Key{Region: "eu-west-1"})
		if got := p.Pools[0].Settings.Identity.Name; got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		if !p.Pools[0].Settings.Pending.Has(inventory.PendingSourceARN) {
			t.Errorf("%s: the SourceArn is known", tt.name)
		}
	}
}

func quoted(s string) string {
	data, err := json.Marshal(s)
	if err != nil {
		panic(err) // It is a string.
	}
	return string(data)
}

// TestPlaces finds out for which account and region a provider is.
func TestPlaces(t *testing.T) {
	for _, tt := range []struct{ name, provider, rest, want string }{
		{"a constant", `"region":{"constant_value":"eu-west-1"}`, "", " eu-west-1"},
		{"no region", `"region":{"constant_value":"mars"}`, "", " "},
		{"a variable", `"region":{"references":["var.region"]}`, `"variables":{"region":{"value":"eu-west-3"}},`, " eu-west-3"},
		{"a part of a variable", `"region":{"references":["var.region"]}`, `"variables":{"region":{"value":"eu-west"}},`, " "},
		{"two variables", `"region":{"references":["var.region","var.x"]}`, `"variables":{"region":{"value":"eu-west-3"}},`, " "},
		{"no such variable", `"region":{"references":["var.region"]}`, "", " "},
		{"a role", `"assume_role":[{"role_arn":{"constant_value":"arn:aws:iam::111122223333:role/x"}}]`, "", "111122223333 "},
		{"a role that is unknown", `"assume_role":[{"role_arn":{"references":["local.x"]}}]`, "", " "},
		{"an account", `"allowed_account_ids":{"constant_value":["111122223333"]}`, "", "111122223333 "},
		{"two accounts", `"allowed_account_ids":{"constant_value":["111122223333","444455556666"]}`, "", " "},
		{"no account", `"allowed_account_ids":{"constant_value":["1"]}`, "", " "},
		{
			"what it has read", `"region":{}`,
			`"prior_state":{"format_version":"1.0","values":{"root_module":{"child_modules":[{"address":"module.m","resources":[{"address":"module.m.data.aws_caller_identity.x","mode":"data","type":"aws_caller_identity","name":"x","values":{"account_id":"111122223333"}}]}]}}},`,
			" ", // Nothing tells that it is the same provider.
		},
	} {
		plan := `{"format_version":"1.2",` + tt.rest + `"resource_changes":[{"address":"aws_cognito_user_pool.p","mode":"managed","type":"aws_cognito_user_pool","name":"p","change":{"actions":["create"],"after":{}}}],` +
			`"configuration":{"provider_config":{"aws":{"name":"aws","expressions":{` + tt.provider + `}}},"root_module":{"resources":[{"address":"aws_cognito_user_pool.p","mode":"managed","type":"aws_cognito_user_pool","name":"p","provider_config_key":"aws"}]}}}`
		d, err := Parse("x.json", []byte(plan))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		k := d.Plan(inventory.Key{}).Pools[0].Key
		if got := k.AccountID + " " + k.Region; got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		if k := d.Plan(inventory.Key{AccountID: "999999999999", Region: "us-east-1"}).Pools[0].Key; k.AccountID == "" || k.Region == "" || strings.HasPrefix(tt.want, "1") && k.AccountID != "111122223333" {
			t.Errorf("%s: with another place it is %v", tt.name, k)
		}
	}
}
