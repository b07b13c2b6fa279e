package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/collector"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/report"
)

func TestParseOutputs(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("there", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("there", "link"); err != nil {
		t.Fatal(err)
	}
	for values, want := range map[string]string{
		"":                      "",
		"table":                 "",
		"json csv=a":            "",
		"json=- csv=a sarif=b":  "",
		"json=there csv=here":   "",
		"xml":                   `--output: unknown format "xml"; use `,
		"json= csv":             "--output: json= has no file; omit the = for standard output",
		"json csv":              "--output: json and csv both go to standard output; give one of them a file, such as csv=FILE",
		"json=- table":          "both go to standard output",
		"json=a csv=./b/../a":   "--output: json and csv both go to the file ./b/../a",
		"json=there csv=link":   "both go to the file link",
		"json=a table sarif=a":  "--output: json and sarif both go to the file a",
		"sarif=a=b junit=a=b":   "both go to the file a=b",
		"json=new/../x csv=x":   "both go to the file x",
		"json=/a/b/c csv=/a//b": "",
	} {
		outputs, err := parseOutputs(strings.Fields(values))
		switch {
		case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: %v, want %q", values, err, want)
		case want == "" && len(outputs) != max(1, len(strings.Fields(values))):
			t.Errorf("%q: %v", values, outputs)
		}
	}
	if outputs, _ := parseOutputs(nil); !slices.Equal(outputs, []sink{{"table", ""}}) {
		t.Errorf("by default %v", outputs)
	}
}

// TestOutputs writes several formats at once, over files that are there.
func TestOutputs(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("old.json", []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod("old.json", 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("old.json", "link.json"); err != nil {
		t.Fatal(err)
	}
	code, out, errs := checkDemo(t, "-o", "table", "-o", "json=link.json", "--output=junit=j.xml", "-o", "sarif=s.sarif")
	if code != exitFindings || errs != "" || !strings.HasPrefix(out, "SEVERITY") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	for file, want := range map[string]string{"old.json": "{\n", "j.xml": "<?xml", "s.sarif": "{\n"} {
		data, err := os.ReadFile(file)
		if err != nil || !strings.HasPrefix(string(data), want) {
			t.Errorf("%s: %.20q, %v", file, data, err)
		}
	}
	if info, err := os.Lstat("link.json"); err != nil || info.Mode().IsRegular() {
		t.Errorf("the symbolic link is %v, %v", info, err)
	}
	if info, err := os.Stat("old.json"); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the file's permissions are %v, %v", info.Mode(), err)
	}
	if files, _ := filepath.Glob(".*"); len(files) > 0 {
		t.Errorf("left behind: %q", files)
	}
}

// TestOutputsAreWrittenOrNot checks that no file changes, and nothing is printed,
// when one cannot be written.
func TestOutputsAreWrittenOrNot(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("old.csv", []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 250) // With what makes the name of a new file unique, it is too long.
	var printed bytes.Buffer
	err := writeOutputs(&report.Report{}, []sink{{"table", ""}, {"csv", "old.csv"}, {"json", long}}, &printed, nil)
	if printed.Len() > 0 {
		t.Errorf("printed:\n%s", printed.String())
	}
	if err == nil || !strings.Contains(err.Error(), "--output: ") {
		t.Errorf("no error but %v", err)
	}
	if data, _ := os.ReadFile("old.csv"); string(data) != "old" {
		t.Errorf("the other file is %q", data)
	}
	if files, _ := filepath.Glob(".*"); len(files) > 0 {
		t.Errorf("left behind: %q", files)
	}
}

// TestCheckFlags tries what is refused before anything is read.
func TestCheckFlags(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("no.json", []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ arg, want string }{
		{"--output=json=nowhere/x", "--output: there is no directory nowhere for nowhere/x"},
		{"--output=json=no.json/x", "--output: there is no directory no.json"},
		{"--output=json=.", "--output: . is not a regular file"},
		{"--output=json=/dev/null", "--output: /dev/null is not a regular file; - is standard output"},
		{"--baseline=none.json", "--baseline: there is no file none.json; write one with cognito-ses-exporter check --output=json=none.json"},
		{"--baseline=no.json", "--baseline: no.json: it is not the JSON of check"},
		{"--baseline=.", "--baseline: .: "},
		{"--fail-on=never", "enum value must be one of info,warning,critical,none"},
		{"--account=nobody", `--account: there is no "nobody", only 100000000001 (production), 100000000002 (staging), 100000000003 (sandbox)`},
		{"--account=", `--account: there is no ""`},
		{"--region=eu-west-9", `--region: there is no "eu-west-9", only eu-central-1, eu-west-1, me-south-1, us-east-1`},
	} {
		code, out, errs := checkDemo(t, tt.arg)
		if code != exitUsage || out != "" || !strings.Contains(errs, tt.want) {
			t.Errorf("%s: exit code %d, %q, want %q", tt.arg, code, errs, tt.want)
		}
	}
	// The region is one of another account.
	if code, _, errs := checkDemo(t, "--account=staging", "--region=me-south-1"); code != exitUsage || !strings.Contains(errs, `no "me-south-1", only eu-central-1, eu-west-1, us-east-1`) {
		t.Errorf("exit code %d, %q", code, errs)
	}
}

// found is what the JSON of a check says, as far as tests look at it.
type found struct {
	Targets, Pools int
	Findings       []struct {
		AccountID  string `json:"account_id"`
		Region     string
		UserPoolID string `json:"user_pool_id"`
		State      string
	}
	Baseline *struct {
		Known, New int
		Gone       []struct{ Rule string }
		NotJudged  int `json:"not_judged"`
	}
	Unreadable []struct{ Region string }
}

func parseCheck(t *testing.T, out string) (f found) {
	t.Helper()
	if err := json.Unmarshal([]byte(out), &f); err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	return f
}

// twoAccounts have a pool without an identity in each of two regions.
const twoAccounts = `{"accounts": [
	{"id": "100000000001", "regions": {"eu-west-1": {"pools": [{"name": "a", "mode": "DEVELOPER"}]}, "us-east-1": {"pools": [{"name": "b", "mode": "DEVELOPER"}]}}},
	{"id": "100000000002", "regions": {"eu-west-1": {"pools": [{"name": "c", "mode": "DEVELOPER"}]}, "us-east-1": {"pools": [{"name": "d", "mode": "DEVELOPER"}]}}}]}`

const twoConfigured = `
regions: [eu-west-1, us-east-1]
accounts:
  - {id: "100000000001", name: one}
  - {id: "100000000002", name: two, role_arn: "arn:aws:iam::100000000002:role/r"}
`

func TestCheckAccountsAndRegions(t *testing.T) {
	fleet, err := awssim.ParseFleet([]byte(twoAccounts))
	if err != nil {
		t.Fatal(err)
	}
	denied := []awssim.Fault{{Kind: "deny", Account: "100000000002", Region: "us-east-1"}}
	for _, tt := range []struct {
		name    string
		args    []string
		code    int
		pools   string // that have a finding
		targets int
	}{
		{"all, of which one is denied", nil, exitUnjudged, "1 eu-west-1, 1 us-east-1, 2 eu-west-1", 4},
		{"an account by name", []string{"--account=one"}, exitFindings, "1 eu-west-1, 1 us-east-1", 2},
		{"accounts by ID and name", []string{"--account=100000000001", "--account=two"}, exitUnjudged, "1 eu-west-1, 1 us-east-1, 2 eu-west-1", 4},
		{"a region", []string{"--region=eu-west-1"}, exitFindings, "1 eu-west-1, 2 eu-west-1", 2},
		{"regions", []string{"--region=eu-west-1", "--region=us-east-1"}, exitUnjudged, "1 eu-west-1, 1 us-east-1, 2 eu-west-1", 4},
		{"both", []string{"--region=us-east-1", "--account=one"}, exitFindings, "1 us-east-1", 1},
		{"what is denied", []string{"--region=us-east-1", "--account=two", "--fail-on=none"}, exitUnjudged, "", 1},
	} {
		code, out, _ := runCheck(t, fleet, denied, twoConfigured, append(tt.args, "-o", "json", "--rule=identity-missing")...)
		f := parseCheck(t, out)
		var pools []string
		for _, finding := range f.Findings {
			pools = append(pools, strings.TrimLeft(finding.AccountID[1:], "0")+" "+finding.Region)
		}
		if got := strings.Join(pools, ", "); code != tt.code || f.Targets != tt.targets || got != tt.pools {
			t.Errorf("%s: exit code %d, %d targets, findings in %s", tt.name, code, f.Targets, got)
		}
	}
}

// TestNarrow looks at what is read of which accounts, and who is asked after.
func TestNarrow(t *testing.T) {
	target := func(id, name, region string) inventory.Target {
		return inventory.Target{AccountID: id, AccountName: name, Region: region}
	}
	all := func() collector.Plan {
		return collector.Plan{
			Targets: []inventory.Target{target("1", "one", "eu-west-1"), target("1", "one", "us-east-1"), target("2", "two", "eu-west-1"), target("", "", "eu-north-1")},
			Fleet:   collector.Fleet{Members: []inventory.Member{{ID: "1", Name: "one"}, {ID: "2", Name: "two"}, {}}},
		}
	}
	for _, tt := range []struct {
		accounts, regions []string
		targets, members  int
		err               string
	}{
		{nil, nil, 4, 3, ""},
		{[]string{"two"}, nil, 2, 2, ""},    // The ambient account may be another name of it.
		{[]string{"nobody"}, nil, 1, 1, ""}, // Likewise.
		{[]string{"1"}, []string{"us-east-1"}, 3, 2, ""},
		{[]string{"2"}, []string{"us-east-1"}, 2, 2, `--region: there is no "us-east-1", only eu-north-1, eu-west-1`},
	} {
		p := all()
		_, err := narrow(&p, tt.accounts, tt.regions)
		if len(p.Targets) != tt.targets || len(p.Fleet.Members) != tt.members || (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err {
			t.Errorf("%q %q: %d targets, %d members, %v", tt.accounts, tt.regions, len(p.Targets), len(p.Fleet.Members), err)
		}
	}

	p := all()
	scope, err := narrow(&p, []string{"one"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	read, err := scope.keep([]inventory.Reading{{Target: target("1", "one", "eu-west-1")}, {Target: target("3", "", "eu-north-1")}})
	if err != nil || len(read) != 1 || read[0].Target.AccountID != "1" {
		t.Errorf("kept %v, %v", read, err)
	}

	var many []string
	for i := range 25 {
		many = append(many, fmt.Sprintf("%02d", i), fmt.Sprintf("%02d", i))
	}
	err = missing("--account", []string{"x"}, func(string) bool { return false }, many)
	if got := fmt.Sprint(err); !strings.HasSuffix(got, "only 00, 01, 02, 03, 04, 05, 06, 07, 08, 09, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19 and 5 more") {
		t.Error(got)
	}
}

// TestCheckAmbientAccount filters by an account whose ID is known when it is read.
func TestCheckAmbientAccount(t *testing.T) {
	fleet, err := awssim.Generate(awssim.GenerateOptions{Accounts: 1, Regions: []string{"eu-west-1"}, Pools: 1, Seed: 1, Mix: "healthy"})
	if err != nil {
		t.Fatal(err)
	}
	id := fleet.Accounts[0].ID
	if code, out, errs := runCheck(t, fleet, nil, "{}", "--account="+id); code != exitOK || !strings.HasPrefix(out, "1 pool on 1 target") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	if code, out, errs := runCheck(t, fleet, nil, "{}", "--account=999999999999"); code != exitUsage || out != "" || !strings.Contains(errs, `no "999999999999", only `+id) {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
}

func TestFailOnNone(t *testing.T) {
	if code, out, _ := checkDemo(t, "--fail-on=none"); code != exitOK || !strings.Contains(out, "critical") {
		t.Errorf("exit code %d\n%s", code, out)
	}
}

// TestCheckBaseline follows a fleet over four runs, each compared with the first.
func TestCheckBaseline(t *testing.T) {
	t.Chdir(t.TempDir())
	fleet := func(pools string) *awssim.Fleet {
		f, err := awssim.ParseFleet([]byte(`{"accounts": [{"id": "100000000001", "regions": {"eu-west-1": {"pools": [` + pools + `]}}}]}`))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	const one, two = `{"id": "eu-west-1_AAAAAAAAA", "name": "one", "mode": "DEVELOPER"}`, `{"id": "eu-west-1_BBBBBBBBB", "name": "two", "mode": "DEVELOPER"}`
	const rule = "--rule=identity-missing"
	if code, _, errs := runCheck(t, fleet(one), nil, "{}", rule, "-o", "json=baseline.json"); code != exitFindings {
		t.Fatalf("exit code %d, %s", code, errs)
	}
	for _, tt := range []struct {
		name, pools      string
		faults           []awssim.Fault
		code             int
		known, new, gone int
		notJudged        int
	}{
		{"the same", one, nil, exitOK, 1, 0, 0, 0},
		{"one more", one + "," + two, nil, exitFindings, 1, 1, 0, 0},
		{"another", two, nil, exitFindings, 0, 1, 1, 0},
		{"none", "", nil, exitOK, 0, 0, 1, 0},
		{"denied", one, []awssim.Fault{{Kind: "deny", Account: "100000000001"}}, exitUnjudged, 0, 0, 0, 1},
	} {
		code, out, _ := runCheck(t, fleet(tt.pools), tt.faults, "{}", rule, "-o", "json", "--baseline=baseline.json")
		b := parseCheck(t, out).Baseline
		if code != tt.code || b == nil || b.Known != tt.known || b.New != tt.new || len(b.Gone) != tt.gone || b.NotJudged != tt.notJudged {
			t.Errorf("%s: exit code %d, want %d; %+v", tt.name, code, tt.code, b)
		}
	}
}
