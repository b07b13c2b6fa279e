package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"path"
	"path/filepath"
	"strings"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/printable"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// What GitHub takes of a SARIF file: results of a run, of which it shows the
// first 5,000, and characters of a rule's description.
const (
	maxResults     = 25_000
	maxDescription = 1024
)

// sarif writes the Static Analysis Results Interchange Format 2.1.0, with all
// that GitHub demands of it. The results are sorted: what is cut is the mildest.
func (r *Report) sarif(w io.Writer) (string, error) { return r.sarifUpTo(maxResults, w) }

func (r *Report) sarifUpTo(most int, w io.Writer) (string, error) {
	type object = map[string]any
	levels := map[rules.Severity]string{rules.Critical: "error", rules.Warning: "warning", rules.Info: "note"}
	states := map[State]string{New: "new", Worse: "updated", Known: "unchanged"}
	described, results := []object{}, []object{}
	index := map[string]int{}
	for i, rule := range r.rules {
		index[rule.ID] = i
		help := object{"text": cmp.Or(rule.Remedy, rule.Summary)}
		switch runbook := r.runbook(rule); {
		case isAddress(runbook):
			help["markdown"] = rule.Remedy + "\n\n[Runbook](<" + runbook + ">)"
		case runbook != "":
			help["markdown"] = runbook
		}
		described = append(described, object{
			"id": rule.ID, "help": help, "defaultConfiguration": object{"level": levels[rule.Severity]},
			"shortDescription": object{"text": printable.Cut(rule.Summary, maxDescription)},
			"fullDescription":  object{"text": printable.Cut(rule.Summary+". "+rule.Remedy, maxDescription)},
		})
	}
	findings, cut := worst(r.Findings, most)
	for _, f := range findings {
		file, line := r.place(&f.Finding)
		sum := sha256.Sum256([]byte(f.Fingerprint))
		result := object{
			"ruleId": f.Rule, "ruleIndex": index[f.Rule], "level": levels[f.Severity],
			"message": object{"text": fmt.Sprintf("%s: %s. %s", what(&f.Finding), f.Message, f.Remedy)},
			"locations": []object{{
				"physicalLocation": object{
					"artifactLocation": object{"uri": file},
					// GitHub requires all four; the end is the column behind the region.
					"region": object{"startLine": line, "startColumn": 1, "endLine": line, "endColumn": 2},
				},
				"logicalLocations": []object{{
					"fullyQualifiedName": where(&f.Finding), "name": cmp.Or(f.PoolName, f.Resource, f.Identity, f.AccountID), "kind": "resource",
				}},
			}},
			// The second is the only one that GitHub knows: a hash and a number.
			"partialFingerprints": object{"finding/v1": f.Fingerprint, "primaryLocationLineHash": hex.EncodeToString(sum[:16]) + ":1"},
		}
		if f.State != "" {
			result["baselineState"] = states[f.State]
		}
		results = append(results, result)
	}
	notifications := []object{}
	for _, u := range r.Unreadable {
		notifications = append(notifications, object{"level": "error", "message": object{"text": u.Message}})
	}
	if cut != "" {
		notifications = append(notifications, object{"level": "warning", "message": object{"text": "Left out are " + cut}})
	}
	return cut, encode(w, object{
		"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0",
		"runs": []object{{
			"tool": object{"driver": object{"name": tool, "version": cmp.Or(r.o.Version, "0"), "informationUri": website, "rules": described, "language": "en-US"}},
			// These are the defaults; not every consumer knows them.
			"language": "en-US", "newlineSequences": []string{"\r\n", "\n"},
			"results": results,
			"invocations": []object{{
				"executionSuccessful": len(r.Unreadable) == 0, "toolExecutionNotifications": notifications,
			}},
		}},
	})
}

// worst returns the first n of sorted findings, and says what it has cut.
func worst(all []Finding, n int) (kept []Finding, cut string) {
	if len(all) <= n {
		return all, ""
	}
	return all[:n], fmt.Sprintf("the %d mildest of %d findings: GitHub takes %d results", len(all)-n, len(all), n)
}

// place returns where a person would change what the finding is about, as far
// as that is a file: the finding's own place, the rule if it is the user's, the
// configuration, or else the built-in rule. The line is at least 1.
func (r *Report) place(f *rules.Finding) (uri string, line int) {
	if f.File != "" {
		return r.uri(f.File), max(1, f.Line)
	}
	rule := rules.Rule{}
	for _, candidate := range r.rules {
		if candidate.ID == f.Rule {
			rule = candidate
		}
	}
	builtin := strings.HasPrefix(rule.File, "builtin/")
	switch {
	case rule.File != "" && !builtin:
		return r.uri(rule.File), max(1, rule.Line)
	case r.o.ConfigFile != "":
		return r.uri(r.o.ConfigFile), 1
	default: // As in the repository of the exporter.
		return (&url.URL{Path: "rules/" + path.Base(rule.File)}).String(), max(1, rule.Line)
	}
}

// uri returns the path relative to the directory that reports start from, or an
// absolute URI of what is elsewhere.
func (r *Report) uri(file string) string {
	if !filepath.IsAbs(file) {
		file = filepath.Join(r.o.Dir, file)
	}
	if rel, err := filepath.Rel(r.o.Dir, file); err == nil && filepath.IsLocal(rel) {
		return (&url.URL{Path: filepath.ToSlash(rel)}).String()
	}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(file)}).String()
}

// isAddress reports whether the text is the address of a page.
func isAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}
