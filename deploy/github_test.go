package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: no files (%v)", pattern, err)
	}
	return names
}

// workflow is a file of GitHub Actions.
type workflow struct {
	Permissions map[string]string
	Jobs        map[string]struct {
		Permissions map[string]string
		Timeout     int `yaml:"timeout-minutes"`
		Steps       []struct {
			Uses, Run string
			With      map[string]any
		}
	}
}

// TestWorkflows checks what actionlint does not: that a workflow runs no code
// that somebody could exchange, and that no job may do more than it has to.
func TestWorkflows(t *testing.T) {
	t.Parallel()
	pinned := regexp.MustCompile(`^[\w-]+/[\w./-]+@[0-9a-f]{40}$`)
	commented := regexp.MustCompile(`(?m)^\s*(?:- )?uses: \S+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	for _, name := range glob(t, "../.github/workflows/*.yml") {
		w := parse[workflow](t, name)
		if w.Permissions == nil || len(w.Permissions) > 0 {
			t.Errorf("%s: jobs have permissions that they do not name: %v", name, w.Permissions)
		}
		uses := 0
		for job, j := range w.Jobs {
			if j.Permissions["contents"] == "" || j.Timeout == 0 {
				t.Errorf("%s: %s: permissions %v, timeout-minutes %d", name, job, j.Permissions, j.Timeout)
			}
			for permission, access := range j.Permissions {
				if access == "write" && !slices.Contains([]string{"release.yml", "codeql.yml", "scorecard.yml"}, filepath.Base(name)) {
					t.Errorf("%s: %s may write %s", name, job, permission)
				}
			}
			for _, s := range j.Steps {
				if strings.Contains(s.Run, "${{") {
					t.Errorf("%s: %s: an expression becomes part of a script; pass it in env: %s", name, job, s.Run)
				}
				if s.Uses == "" {
					continue
				}
				uses++
				if !pinned.MatchString(s.Uses) {
					t.Errorf("%s: %s is not pinned by a commit", name, s.Uses)
				}
				if strings.HasPrefix(s.Uses, "actions/checkout@") && s.With["persist-credentials"] != false {
					t.Errorf("%s: %s: the credentials of the checkout stay", name, job)
				}
			}
		}
		if got := len(commented.FindAllString(read(t, name), -1)); got != uses {
			t.Errorf("%s: %d of %d actions have their version beside them", name, got, uses)
		}
	}
}

// TestGitHubNamesNoPlace checks that owner and registry are those of the
// repository that the files are in, wherever that is.
func TestGitHubNamesNoPlace(t *testing.T) {
	t.Parallel()
	place := regexp.MustCompile(`(?:github\.com|ghcr\.io|githubusercontent\.com)/[\w-]+|@[\w-]+/[\w-]+`)
	for _, pattern := range []string{"../.github/*", "../.github/*/*", "../SECURITY.md", "../CODE_OF_CONDUCT.md", "../scripts/helm-package"} {
		for _, name := range glob(t, pattern) {
			if info, err := os.Stat(name); err != nil || info.IsDir() {
				continue
			}
			for line := range strings.Lines(strings.ReplaceAll(read(t, name), "@OWNER/TEAM", "")) {
				// Patterns of dependabot.yml are paths of modules.
				if found := place.FindString(line); found != "" && !strings.Contains(line, "patterns:") {
					t.Errorf("%s names %s", name, found)
				}
			}
		}
	}
}

// TestDependabot checks that every module is kept up to date: the exporter's
// and those of the tools, wherever one is added.
func TestDependabot(t *testing.T) {
	t.Parallel()
	d := parse[struct {
		Updates []struct {
			Ecosystem   string `yaml:"package-ecosystem"`
			Directory   string
			Directories []string
		}
	}](t, "../.github/dependabot.yml")
	covered := map[string]bool{}
	for _, u := range d.Updates {
		for _, directory := range append(u.Directories, u.Directory) {
			if directory == "" {
				continue
			}
			for _, found := range glob(t, ".."+directory) {
				covered[u.Ecosystem+" "+filepath.Clean(found)] = true
			}
		}
	}
	want := []string{"github-actions ..", "docker ..", "docker-compose ../deploy", "gomod .."}
	for _, name := range glob(t, "../tools/*/go.mod") {
		want = append(want, "gomod "+filepath.Dir(name))
	}
	for _, w := range want {
		if !covered[w] {
			t.Errorf("dependabot does not look at %s", w)
		}
	}
}

// TestIssueForms checks that the forms ask for something: GitHub shows a form
// that it cannot read to nobody.
func TestIssueForms(t *testing.T) {
	t.Parallel()
	for _, name := range glob(t, "../.github/ISSUE_TEMPLATE/*.yml") {
		if filepath.Base(name) == "config.yml" {
			continue
		}
		form := parse[struct {
			Name, Description string
			Body              []struct {
				Type, ID   string
				Attributes struct{ Label, Value string }
			}
		}](t, name)
		if form.Name == "" || form.Description == "" || len(form.Body) == 0 {
			t.Errorf("%s: no name, description or body", name)
		}
		ids := map[string]bool{}
		for _, b := range form.Body {
			text := b.Attributes.Label
			if b.Type == "markdown" {
				text = b.Attributes.Value
			} else if b.ID == "" || ids[b.ID] {
				t.Errorf("%s: id %q is empty or used twice", name, b.ID)
			}
			ids[b.ID] = true
			if text == "" {
				t.Errorf("%s: %s %s has no text", name, b.Type, b.ID)
			}
		}
	}
}
