// Package docs is the part of the documentation that comes with the program:
// the runbooks, and what they lead to.
package docs

import (
	"embed"
	"slices"
	"strings"
)

//go:embed runbooks/*.md own-ses-identity.md propose.md
var files embed.FS

// pages that runbooks lead to.
var pages = []string{"own-ses-identity", "propose"}

// Runbook returns the Markdown of a rule's runbook, of the one on the exporter,
// or of a page that runbooks lead to.
func Runbook(id string) (markdown string, ok bool) {
	if !slices.Contains(Runbooks(), id) && !slices.Contains(pages, id) {
		return "", false
	}
	name := id + ".md"
	if !slices.Contains(pages, id) {
		name = "runbooks/" + name
	}
	data, err := files.ReadFile(name)
	return string(data), err == nil
}

// Runbooks lists the IDs of the runbooks, sorted.
func Runbooks() []string {
	entries, err := files.ReadDir("runbooks")
	if err != nil {
		panic(err) // They are part of the program.
	}
	var ids []string
	for _, e := range entries {
		ids = append(ids, strings.TrimSuffix(e.Name(), ".md"))
	}
	return ids
}
