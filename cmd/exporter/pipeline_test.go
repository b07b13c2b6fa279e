package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
)

// blocksOf returns the blocks of code of a page in a language.
func blocksOf(t *testing.T, file, language string) (blocks []string) {
	t.Helper()
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```").FindAllStringSubmatch(string(page), -1) {
		blocks = append(blocks, block[1])
	}
	return blocks
}

// runner runs the steps of a pipeline in a directory, on a simulated AWS whose
// pool has findings. It has stand-ins for gh and for the part of aws that is
// used, which keep what they are given.
func runner(t *testing.T) (dir string) {
	t.Helper()
	fleet, err := awssim.ParseFleet([]byte(`{"accounts": [{"id": "100000000001", "regions": {"eu-west-1": {"pools": [{"name": "a", "mode": "DEVELOPER"}]}}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	sim, err := awssim.New(awssim.Options{Fleet: fleet, NoQuotas: true, NoDelays: true})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	dir = t.TempDir()
	t.Chdir(dir)
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	const keep = "#!/bin/sh\nwhile [ \"$1\" != \"%\" ]; do shift; done\ncp \"${2#file://}\" \"$(mktemp $PWD/given-XXXXXX)\"\n"
	for name, content := range map[string]string{
		"config.yaml": "regions: [eu-west-1]\n", "bin/gh": strings.Replace(keep, "%", "--body-file", 1), "bin/aws": strings.Replace(keep, "%", "--findings", 1),
	} {
		if err := os.WriteFile(name, []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "eu-west-1", "PR": "1",
		"GITHUB_STEP_SUMMARY": filepath.Join(dir, "step-summary"), "PATH": bin + string(os.PathListSeparator) + os.Getenv("PATH"),
	} {
		t.Setenv(name, value)
	}
	return dir
}

// shell runs a step and returns its exit code. The exporter runs in this process.
func shell(t *testing.T, step string) int {
	t.Helper()
	if args, ok := strings.CutPrefix(step, name+" "); ok {
		if strings.ContainsAny(args, "'|<>;&") {
			t.Fatalf("%s needs a shell", step)
		}
		var out, errs bytes.Buffer
		code := run(t.Context(), strings.Fields(os.ExpandEnv(strings.ReplaceAll(args, `"`, ""))), &out, &errs, nil)
		t.Logf("%s\n%.1000s%s", step, out.String(), errs.String())
		return code
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-e", "-c", step)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	t.Logf("%s\n%.1000s", step, out)
	return cmd.ProcessState.ExitCode()
}

func exists(t *testing.T, files ...string) {
	t.Helper()
	for _, file := range files {
		if info, err := os.Stat(file); err != nil || info.Size() == 0 {
			t.Errorf("%s is missing or empty", file)
		}
	}
}

// TestPipelines runs every command of docs/check.md: those between the text, and
// the steps of the pipelines, whose files have to be there for what follows.
func TestPipelines(t *testing.T) {
	const page = "../../docs/check.md"
	workflows, jenkins, commands := blocksOf(t, page, "yaml"), blocksOf(t, page, "groovy"), commandsOf(t, page)
	if len(workflows) != 2 || len(jenkins) != 1 {
		t.Fatalf("%d blocks of YAML, %d of Groovy", len(workflows), len(jenkins))
	}
	runner(t)

	var github struct {
		Jobs map[string]struct {
			Steps []struct {
				Run, Uses string
				If        string
				With      map[string]string
			}
		}
	}
	if err := yaml.Unmarshal([]byte(workflows[0]), &github); err != nil {
		t.Fatal(err)
	}
	steps := github.Jobs["check"].Steps
	if len(steps) != 6 {
		t.Fatalf("%d steps", len(steps))
	}
	for i, step := range steps {
		if step.Run != "" {
			if code := shell(t, step.Run); code != map[bool]int{true: exitFindings}[strings.Contains(step.Run, " check ")] {
				t.Errorf("step %d: exit code %d", i, code)
			}
		}
		for _, file := range regexp.MustCompile(`hashFiles\('(.*?)'\)`).FindAllStringSubmatch(step.If, -1) {
			exists(t, file[1])
		}
		for _, key := range []string{"sarif_file", "path"} {
			if file := step.With[key]; file != "" {
				exists(t, file)
			}
		}
	}
	exists(t, "step-summary")

	var gitlab map[string]struct {
		Script    []string
		Artifacts struct {
			Paths   []string
			Reports struct{ JUnit string }
		}
	}
	if err := yaml.Unmarshal([]byte(workflows[1]), &gitlab); err != nil {
		t.Fatal(err)
	}
	job := gitlab["cognito-ses"]
	if len(job.Script) != 1 {
		t.Fatalf("%d steps", len(job.Script))
	}
	if code := shell(t, job.Script[0]); code != exitFindings {
		t.Errorf("GitLab: exit code %d", code)
	}
	exists(t, append(job.Artifacts.Paths, job.Artifacts.Reports.JUnit)...)

	if err := os.Remove("junit.xml"); err != nil {
		t.Fatal(err)
	}
	step := regexp.MustCompile(`sh '(.*)'`).FindStringSubmatch(jenkins[0])
	if step == nil || shell(t, step[1]) != exitFindings {
		t.Errorf("Jenkins: %q", step)
	}
	used := regexp.MustCompile(`(?:testResults|artifacts): '(.*)'`).FindAllStringSubmatch(jenkins[0], -1)
	if len(used) != 2 {
		t.Errorf("Jenkins uses %q", used)
	}
	for _, file := range used {
		exists(t, file[1])
	}

	exits := []struct {
		begin string
		code  int
	}{
		{"cognito-ses-exporter check --demo", exitFindings},
		{"cognito-ses-exporter check --config.file=config.yaml --fail-on=critical ", exitFindings},
		{"cognito-ses-exporter check --demo --fail-on=none ", exitOK},
		{"cognito-ses-exporter check --demo --baseline=", exitOK},
		{"gh pr comment ", 0},
		{"cognito-ses-exporter check --config.file=config.yaml --region=", exitOK},
		{"jq ", 0},
		{"while ", 0},
	}
	if len(commands) != len(exits) {
		t.Fatalf("%d commands, want %d: %q", len(commands), len(exits), commands)
	}
	_, err := exec.LookPath("jq")
	for i, command := range commands {
		if !strings.HasPrefix(command, exits[i].begin) {
			t.Fatalf("command %d is %q, want %q", i+1, command, exits[i].begin)
		}
		if err != nil && i >= len(commands)-2 {
			t.Log("jq is not installed")
			return
		}
		if strings.HasPrefix(command, "jq ") {
			multiply(t, "findings.json", 250)
		}
		if code := shell(t, command); code != exits[i].code {
			t.Errorf("%s: exit code %d, want %d", command, code, exits[i].code)
		}
	}
	batchesHold(t, "findings.json")
}

// multiply makes n findings of those in a file, and adds one of another region.
func multiply(t *testing.T, file string, n int) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []map[string]any
	if err := json.Unmarshal(data, &all); err != nil || len(all) == 0 {
		t.Fatalf("%d findings, %v", len(all), err)
	}
	first := all[0]
	for i := len(all); i < n; i++ {
		another := maps.Clone(first)
		another["Id"] = fmt.Sprint(first["Id"], i)
		all = append(all, another)
	}
	elsewhere := maps.Clone(first)
	elsewhere["Resources"] = []map[string]any{{"Region": "us-east-1"}}
	if data, err = json.Marshal(append(all, elsewhere)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// batchesHold checks that what aws was given is what there was, in batches that
// AWS takes, and that gh was given a comment.
func batchesHold(t *testing.T, file string) {
	t.Helper()
	var want, got []json.RawMessage
	data, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(data, &want)
	}
	if err != nil {
		t.Fatal(err)
	}
	given, _ := filepath.Glob("given-*")
	comments, batches := 0, 0
	for _, name := range given {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(string(data), "## ") {
			comments++
			continue
		}
		var batch []json.RawMessage
		if err := json.Unmarshal(data, &batch); err != nil || len(batch) == 0 || len(batch) > 100 {
			t.Errorf("a batch of %d, %v", len(batch), err)
		}
		batches++
		got = append(got, batch...)
	}
	want = want[:len(want)-1] // Without that of another region.
	if comments != 1 || batches != 3 || len(got) != len(want) {
		t.Errorf("%d comments; %d findings in %d batches, want %d", comments, len(got), batches, len(want))
	}
	ids := func(all []json.RawMessage) (ids []string) {
		for _, raw := range all {
			var f struct {
				ID string `json:"Id"`
			}
			if err := json.Unmarshal(raw, &f); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, f.ID)
		}
		slices.Sort(ids)
		return slices.Compact(ids)
	}
	if !slices.Equal(ids(got), ids(want)) {
		t.Error("the batches have other findings")
	}
}
