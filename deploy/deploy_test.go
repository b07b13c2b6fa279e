// Package deploy has no code: its tests hold what is deployed against the rest
// of the repository.
package deploy

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awsread"
)

const chart = "helm/cognito-ses-exporter/"

// statement is one of an IAM policy, which writes lists of one as the one.
type statement struct {
	Sid, Effect      string
	Action, Resource any
	Condition        any `json:",omitempty"`
}

func (s statement) actions() []string {
	if one, ok := s.Action.(string); ok {
		return []string{one}
	}
	var all []string
	for _, a := range s.Action.([]any) {
		all = append(all, a.(string))
	}
	return all
}

type policy struct{ Statement []statement }

func (p policy) actions() []string {
	var all []string
	for _, s := range p.Statement {
		all = append(all, s.actions()...)
	}
	slices.Sort(all)
	return all
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// parse decodes a file of YAML or JSON, tags of CloudFormation as plain values.
func parse[T any](t *testing.T, name string) T {
	t.Helper()
	var v T
	if err := yaml.Unmarshal([]byte(read(t, name)), &v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return v
}

func parsePolicy(t *testing.T, name string) policy {
	t.Helper()
	var p policy
	if err := json.Unmarshal([]byte(read(t, name)), &p); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return p
}

func TestPolicyOnlyReads(t *testing.T) {
	reads := regexp.MustCompile(`^[a-z-]+:(Describe|Get|List|Lookup)[A-Za-z]+$`)
	for _, name := range []string{"iam", "discovery"} {
		p := parsePolicy(t, "aws/"+name+"-policy.json")
		for _, s := range p.Statement {
			if s.Effect != "Allow" || s.Resource != "*" || s.Condition != nil {
				t.Errorf("%s: effect %s, resource %v, condition %v", s.Sid, s.Effect, s.Resource, s.Condition)
			}
		}
		for _, a := range p.actions() {
			if !reads.MatchString(a) {
				t.Errorf("%s does not only read", a)
			}
		}
	}
}

func TestPoliciesAllowWhatIsCalled(t *testing.T) {
	var want []string
	for service, operations := range awsread.Operations() {
		for _, o := range operations {
			if o != "GetCallerIdentity" { // It takes no permission.
				want = append(want, service+":"+o)
			}
		}
	}
	var got []string
	for _, name := range []string{"iam", "hub", "discovery"} {
		got = append(got, parsePolicy(t, "aws/"+name+"-policy.json").actions()...)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("allowed:\n%v\ncalled:\n%v", got, want)
	}
}

// TestPartitions checks that the files that are used as they are name no
// partition. The trust policies are examples, with an account to be replaced.
func TestPartitions(t *testing.T) {
	for _, name := range []string{
		"aws/iam-policy.json", "aws/hub-policy.json", "aws/discovery-policy.json", "aws/member-role.yaml", "aws/organization.yaml",
		"aws/terraform/main.tf", "aws/terraform/variables.tf", "aws/terraform/outputs.tf",
	} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if named := regexp.MustCompile(`arn:aws[a-z-]*:`).FindString(string(data)); named != "" {
			t.Errorf("%s has %s", name, named)
		}
	}
}

// role is an IAM role of a template.
type role struct {
	Type       string
	Properties struct {
		RoleName                 string
		PermissionsBoundary      any
		AssumeRolePolicyDocument any
		Policies                 []struct{ PolicyDocument policy }
	}
}

// templateRole returns the role of a template, checked to have these policies:
// its own, and the trust of trust-policy.json with the hub's organization.
func templateRole(t *testing.T, template map[string]any, name, policyFile string, organization any) role {
	t.Helper()
	b, err := json.Marshal(template["Resources"].(map[string]any)[name])
	if err != nil {
		t.Fatal(err)
	}
	var r role
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	if r.Type != "AWS::IAM::Role" || len(r.Properties.Policies) != 1 {
		t.Fatalf("%s: type %q, %d policies", name, r.Type, len(r.Properties.Policies))
	}
	if got, want := r.Properties.Policies[0].PolicyDocument, parsePolicy(t, policyFile); !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got:\n%v\nwant, as in %s:\n%v", name, got, policyFile, want)
	}
	trust := parse[map[string]any](t, "aws/trust-policy.json")
	s := trust["Statement"].([]any)[0].(map[string]any)
	s["Principal"] = map[string]any{"AWS": "HubRoleArn"}
	s["Condition"] = map[string]any{"StringEquals": map[string]any{"sts:ExternalId": "ExternalId", "aws:PrincipalOrgID": organization}}
	if got := r.Properties.AssumeRolePolicyDocument; !reflect.DeepEqual(got, any(trust)) {
		t.Errorf("%s: trust:\n%v\nwant, as in trust-policy.json:\n%v", name, got, trust)
	}
	boundary := []any{"Bounded", "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/${PermissionsBoundary}", "AWS::NoValue"}
	if got := r.Properties.PermissionsBoundary; !reflect.DeepEqual(got, any(boundary)) {
		t.Errorf("%s: boundary %v, want %v", name, got, boundary)
	}
	return r
}

func TestCloudFormation(t *testing.T) {
	template := parse[map[string]any](t, "aws/member-role.yaml")
	if len(template["Resources"].(map[string]any)) != 1 {
		t.Error("more than one role")
	}
	templateRole(t, template, "Role", "aws/iam-policy.json", []any{"InOrganization", "OrganizationId", "AWS::NoValue"})
}

// TestStackSet checks that every account of the organization gets the member
// role, also those that join later, and the hub the role that lists them.
func TestStackSet(t *testing.T) {
	template := parse[map[string]any](t, "aws/organization.yaml")
	if len(template["Resources"].(map[string]any)) != 2 {
		t.Error("not one role and one stack set")
	}
	templateRole(t, template, "DiscoveryRole", "aws/discovery-policy.json", "OrganizationId")
	v := parse[struct {
		Parameters map[string]map[string]any
		Resources  struct {
			Members struct {
				Type       string
				Properties struct {
					PermissionModel string `yaml:"PermissionModel"`
					AutoDeployment  struct {
						Enabled bool `yaml:"Enabled"`
						Retain  bool `yaml:"RetainStacksOnAccountRemoval"`
					} `yaml:"AutoDeployment"`
					Capabilities []string `yaml:"Capabilities"`
					Parameters   []struct {
						Key   string `yaml:"ParameterKey"`
						Value string `yaml:"ParameterValue"`
					} `yaml:"Parameters"`
					TemplateBody string `yaml:"TemplateBody"`
				} `yaml:"Properties"`
			} `yaml:"Members"`
		} `yaml:"Resources"`
	}](t, "aws/organization.yaml")
	p := v.Resources.Members.Properties
	if p.PermissionModel != "SERVICE_MANAGED" || !p.AutoDeployment.Enabled || p.AutoDeployment.Retain || !slices.Equal(p.Capabilities, []string{"CAPABILITY_NAMED_IAM"}) {
		t.Errorf("accounts that join do not get the role: %+v", p)
	}
	if p.TemplateBody != read(t, "aws/member-role.yaml") {
		t.Error("the stack set's template is not member-role.yaml; copy it")
	}
	member := parse[struct {
		Parameters map[string]map[string]any `yaml:"Parameters"`
	}](t, "aws/member-role.yaml").Parameters
	var given []string
	for _, g := range p.Parameters {
		given = append(given, g.Key)
		if g.Key != g.Value {
			t.Errorf("parameter %s is given %s", g.Key, g.Value)
		}
	}
	want := slices.DeleteFunc(slices.Collect(maps.Keys(member)), func(k string) bool { return k == "RoleName" }) // The hub policy knows the default alone.
	same(t, "the stack set", given, want)
}

// TestHubMayAssume checks that the hub policy names the roles that templates
// and documentation create, in every partition and account.
func TestHubMayAssume(t *testing.T) {
	s := parsePolicy(t, "aws/hub-policy.json").Statement[0]
	var want []any
	member := parse[struct {
		Parameters map[string]map[string]any `yaml:"Parameters"`
	}](t, "aws/member-role.yaml").Parameters["RoleName"]["Default"].(string)
	discovery := templateRole(t, parse[map[string]any](t, "aws/organization.yaml"), "DiscoveryRole", "aws/discovery-policy.json", "OrganizationId").Properties.RoleName
	for _, name := range []string{member, discovery} {
		want = append(want, "arn:*:iam::*:role/"+name)
		if !strings.Contains(read(t, "aws/README.md"), "create-role --role-name "+name+" ") {
			t.Errorf("the README does not create %s", name)
		}
	}
	if !reflect.DeepEqual(s.Resource, any(want)) {
		t.Errorf("the hub may assume %v, want %v", s.Resource, want)
	}
	example := read(t, "../config.example.yaml")
	for _, line := range []string{"role_arn: arn:aws:iam::111122223333:role/" + discovery + "\n", "member_role_name: " + member + "\n"} {
		if !strings.Contains(example, line) {
			t.Errorf("config.example.yaml lacks %s", line)
		}
	}
}

// TestSourceConditions checks that what only requests of AWS services have is
// asked only of them: a role that asks the hub for it could not be assumed.
func TestSourceConditions(t *testing.T) {
	for _, name := range []string{"trust-policy.json", "hub-policy.json", "member-role.yaml", "organization.yaml", "terraform/main.tf"} {
		if strings.Contains(read(t, "aws/"+name), "aws:Source") {
			t.Errorf("%s asks the hub for what only AWS services have", name)
		}
	}
	hub := read(t, "aws/hub-trust-policy.json")
	for _, key := range []string{`"Service"`, `"aws:SourceAccount"`, `"aws:SourceArn"`} {
		if !strings.Contains(hub, key) {
			t.Errorf("hub-trust-policy.json lacks %s", key)
		}
	}
}

func TestTerraform(t *testing.T) {
	for name, file := range map[string]string{"read": "iam-policy.json", "list": "discovery-policy.json"} {
		if got, want := terraformStatements(t, name), parsePolicy(t, "aws/"+file).Statement; !reflect.DeepEqual(got, want) {
			t.Errorf("got:\n%v\nwant, as in %s:\n%v", got, file, want)
		}
	}
	main := read(t, "aws/terraform/main.tf")
	for resource, n := range map[string]int{
		`resource "aws_iam_role" `: 2, "permissions_boundary = local.boundary\n": 2, "= data.aws_iam_policy_document.trust[0].json\n": 2,
		`variable = "sts:ExternalId"`: 1, `variable = "aws:PrincipalOrgID"`: 1, `variable = "aws:ResourceOrgID"`: 1,
	} {
		if got := strings.Count(main, resource); got != n {
			t.Errorf("main.tf has %s %d times, want %d", resource, got, n)
		}
	}
	documented := tableKeys(read(t, "aws/terraform/README.md"))
	var declared []string
	for _, file := range []string{"variables.tf", "outputs.tf"} {
		for _, m := range regexp.MustCompile(`(?m)^(?:variable|output) "(\w+)" \{`).FindAllStringSubmatch(read(t, "aws/terraform/"+file), -1) {
			declared = append(declared, m[1])
		}
	}
	same(t, "the README of the module", documented, declared)
}

// terraformStatements returns the statements of a policy document of the module.
func terraformStatements(t *testing.T, name string) []statement {
	t.Helper()
	_, document, _ := strings.Cut(read(t, "aws/terraform/main.tf"), `data "aws_iam_policy_document" "`+name+`" {`)
	document, _, ok := strings.Cut(document, "\n}\n")
	if !ok {
		t.Fatalf("no policy document named %s", name)
	}
	var (
		got    []statement
		sid    = regexp.MustCompile(`sid\s*= "(\w+)"`)
		action = regexp.MustCompile(`"([^"]+:[^"]+)"`)
	)
	for _, block := range strings.Split(document, "statement {")[1:] {
		var actions []any
		for _, m := range action.FindAllStringSubmatch(block, -1) {
			actions = append(actions, m[1])
		}
		s := statement{Sid: sid.FindStringSubmatch(block)[1], Effect: "Allow", Action: actions, Resource: "*"}
		if len(actions) == 1 {
			s.Action = actions[0]
		}
		if strings.Contains(block, "effect") || !regexp.MustCompile(`resources\s*= \["\*"\]`).MatchString(block) {
			t.Errorf("%s: not Allow on *", s.Sid)
		}
		got = append(got, s)
	}
	return got
}

// tableKeys returns what stands in backquotes in the first column of tables.
func tableKeys(markdown string) []string {
	var keys []string
	for line := range strings.Lines(markdown) {
		cell, ok := strings.CutPrefix(line, "| ")
		if !ok {
			continue
		}
		cell, _, _ = strings.Cut(cell, " | ")
		for i, part := range strings.Split(cell, "`") {
			if i%2 == 1 {
				keys = append(keys, part)
			}
		}
	}
	return keys
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	for _, k := range want {
		if !slices.Contains(got, k) {
			t.Errorf("%s lacks %s", what, k)
		}
	}
	for _, k := range got {
		if !slices.Contains(want, k) {
			t.Errorf("%s has %s, which does not exist", what, k)
		}
	}
}

func TestChartVersion(t *testing.T) {
	c := parse[struct {
		Version    string
		AppVersion string `yaml:"appVersion"`
	}](t, chart+"Chart.yaml")
	if v := strings.TrimSpace(read(t, "../VERSION")); c.Version != v || c.AppVersion != v {
		t.Errorf("chart %s, app %s, VERSION %s", c.Version, c.AppVersion, v)
	}
}

// TestChartValues compares the values, their schema and their table.
func TestChartValues(t *testing.T) {
	values := parse[map[string]any](t, chart+"values.yaml")
	schema := parse[map[string]any](t, chart+"values.schema.json")
	var leaves []string
	var walk func(prefix string, values, schema map[string]any)
	walk = func(prefix string, values, schema map[string]any) {
		properties, _ := schema["properties"].(map[string]any)
		closed := schema["additionalProperties"] == false
		if closed {
			keys := slices.DeleteFunc(slices.Collect(maps.Keys(properties)), func(k string) bool { return prefix == "" && k == "global" })
			same(t, "the schema of "+prefix, keys, slices.Collect(maps.Keys(values)))
		}
		for k, v := range values {
			below, _ := properties[k].(map[string]any)
			if m, ok := v.(map[string]any); ok && below["additionalProperties"] == false {
				walk(prefix+k+".", m, below)
				continue
			}
			leaves = append(leaves, prefix+k)
		}
	}
	walk("", values, schema)
	_, table, _ := strings.Cut(read(t, chart+"README.md"), "\n## Values\n")
	table, others, _ := strings.Cut(table, "\n## ")
	same(t, "the chart's README", tableKeys(table), leaves)
	// What it says of other charts' names it says with names that exist here.
	for line := range strings.Lines(others) {
		cells := strings.Split(line, " | ")
		if len(cells) != 2 {
			continue
		}
		for i, name := range strings.Split(cells[1], "`") {
			if i%2 == 1 && !slices.ContainsFunc(leaves, func(leaf string) bool { return leaf == name || strings.HasPrefix(leaf, name+".") }) {
				t.Errorf("the chart's README has %s, which does not exist", name)
			}
		}
	}
}

// TestChartFiles compares the chart's copies with their originals, which make
// helm-sync copies.
func TestChartFiles(t *testing.T) {
	originals := map[string]string{}
	for _, pattern := range []string{"../rules/prometheus/*.yaml", "../dashboards/*.json"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			copied := "alerts/" + filepath.Base(name)
			if strings.HasSuffix(name, ".json") {
				copied = "dashboards/" + filepath.Base(name)
			}
			originals[copied] = name
		}
	}
	files := os.DirFS(chart + "files")
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && name == "." {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		if originals[name] == "" {
			t.Errorf("files/%s has no original; run make helm-sync", name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for copied, name := range originals {
		b, err := fs.ReadFile(files, copied)
		if err != nil || !bytes.Equal(b, []byte(read(t, name))) {
			t.Errorf("files/%s is not what %s is (%v); run make helm-sync", copied, name, err)
		}
	}
}

// TestCompose checks that the parts find each other and their files.
func TestCompose(t *testing.T) {
	c := parse[struct {
		Services map[string]struct {
			Image   string
			Build   string
			Volumes []string
			Ports   []string
			Depends []string `yaml:"depends_on"`
		}
	}](t, "compose.yaml")
	if len(c.Services) == 0 {
		t.Fatal("no services")
	}
	// These are of other parts of the repository.
	optional := []string{"../rules/prometheus", "../dashboards"}
	mounts := map[string]string{}
	for name, s := range c.Services {
		if (s.Image == "") == (s.Build == "") {
			t.Errorf("%s: neither or both of image and build", name)
		}
		if s.Image != "" && !regexp.MustCompile(`:v?\d+\.\d+\.\d+$`).MatchString(s.Image) {
			t.Errorf("%s: image %s is not pinned", name, s.Image)
		}
		if s.Build != "" {
			read(t, filepath.Join(s.Build, "Dockerfile"))
		}
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s: port %s is open to others", name, p)
			}
		}
		for _, d := range s.Depends {
			if _, ok := c.Services[d]; !ok {
				t.Errorf("%s depends on %s, which does not exist", name, d)
			}
		}
		for _, v := range s.Volumes {
			parts := strings.Split(v, ":")
			if len(parts) != 3 || parts[2] != "ro" {
				t.Errorf("%s: volume %s is not SOURCE:TARGET:ro", name, v)
				continue
			}
			mounts[parts[1]] = parts[0]
			if slices.Contains(optional, parts[0]) {
				continue
			}
			parse[map[string]any](t, parts[0])
		}
	}

	hosts := regexp.MustCompile(`[ \[/]([a-z]+):(\d+)\b`)
	for target, source := range mounts {
		if slices.Contains(optional, source) {
			continue
		}
		for _, m := range hosts.FindAllStringSubmatch(read(t, source), -1) {
			if s, ok := c.Services[m[1]]; !ok || !slices.ContainsFunc(s.Ports, func(p string) bool { return strings.HasSuffix(p, ":"+m[2]) }) {
				t.Errorf("%s: no service %s with port %s", target, m[1], m[2])
			}
		}
	}
	rules := parse[struct {
		Files []string `yaml:"rule_files"`
	}](t, mounts["/etc/prometheus/prometheus.yml"])
	for _, f := range rules.Files {
		if mounts["/etc/prometheus/"+filepath.Dir(f)] == "" {
			t.Errorf("rule file %s is not mounted", f)
		}
	}
	provided := parse[struct {
		Providers []struct{ Options struct{ Path string } }
	}](t, mounts["/etc/grafana/provisioning/dashboards/dashboards.yml"])
	for _, p := range provided.Providers {
		if mounts[p.Options.Path] != "../dashboards" {
			t.Errorf("dashboards in %s are not mounted", p.Options.Path)
		}
	}
}

// TestPackageFiles checks that what the packages are made of exists, and that
// nobody but root can read what may hold external ids and keys.
func TestPackageFiles(t *testing.T) {
	n := parse[struct {
		Scripts  map[string]string
		Contents []struct {
			Src, Dst, Type string
			Info           struct{ Mode fs.FileMode } `yaml:"file_info"`
		}
	}](t, "package/nfpm.yaml")
	made := []string{"cognito-ses-exporter", "cognito-ses-exporter.service", "cognito-ses-exporter.1.gz", "completion.bash", "completion.zsh"}
	for _, script := range n.Scripts {
		if info, err := os.Stat("../" + script); err != nil || info.Mode()&0o100 == 0 {
			t.Errorf("%s is not a script (%v)", script, err)
		}
	}
	secret := 0
	for _, c := range n.Contents {
		if c.Src != "" && !slices.Contains(made, c.Src) {
			if found, err := filepath.Glob("../" + c.Src); err != nil || len(found) == 0 {
				t.Errorf("%s does not exist", c.Src)
			}
		}
		if strings.HasPrefix(c.Dst, "/etc/") && c.Type != "dir" {
			secret++
			if c.Type != "config|noreplace" || c.Info.Mode != 0o600 {
				t.Errorf("%s is %q with mode %o", c.Dst, c.Type, c.Info.Mode)
			}
		}
	}
	if len(n.Scripts) != 3 || secret != 2 {
		t.Errorf("%d scripts, %d files in /etc", len(n.Scripts), secret)
	}
}
