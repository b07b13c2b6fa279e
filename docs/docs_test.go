package docs

import (
	"slices"
	"strings"
	"testing"
)

func TestRunbooks(t *testing.T) {
	ids := Runbooks()
	if !slices.Contains(ids, "exporter") || !slices.Contains(ids, "sending-disabled") || slices.Contains(ids, "own-ses-identity") {
		t.Errorf("there are the runbooks %v", ids)
	}
	for _, id := range append(ids, "own-ses-identity", "propose") {
		if text, ok := Runbook(id); !ok || !strings.HasPrefix(text, "# ") {
			t.Errorf("%s: %v %.20q", id, ok, text)
		}
	}
	for _, id := range []string{"", "none", "../rules", "runbooks/exporter", "own-ses-identity.md"} {
		if text, ok := Runbook(id); ok {
			t.Errorf("%q: %.20q", id, text)
		}
	}
}
