//go:build e2e

package e2e_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestRoutes has amtool, which comes with Alertmanager, check the example of
// deploy/compose and say whom it notifies of an alert.
func TestRoutes(t *testing.T) {
	const file = "../deploy/compose/alertmanager.yml"
	if out, err := exec.CommandContext(t.Context(), "amtool", "check-config", file).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, test := range []struct{ labels, want string }{
		{"alertname=CognitoSESPoolsBlocked severity=critical tag_team=shop", "team-shop"},
		{"alertname=CognitoSESFinding severity=warning tag_team=identity", "team-identity"},
		{"alertname=CognitoSESPoolsBlocked severity=critical tag_team=unheard-of", "platform"},
		{"alertname=CognitoSESPoolsBlocked severity=critical", "platform"},
		{"alertname=CognitoSESExporterBlind severity=critical tag_team=shop", "platform"},
		{"alertname=CognitoSESRuleErrors severity=warning tag_team=shop", "platform"},
	} {
		args := append([]string{"config", "routes", "test", "--config.file=" + file}, strings.Fields(test.labels)...)
		out, err := exec.CommandContext(t.Context(), "amtool", args...).Output()
		if got := strings.TrimSpace(string(out)); err != nil || got != test.want {
			t.Errorf("%s goes to %q (%v), want %s", test.labels, got, err, test.want)
		}
	}
}
