package awsread_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awsread"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// actions returns what a policy allows, sorted.
func actions(t *testing.T, file string) []string {
	t.Helper()
	data, err := os.ReadFile("../../deploy/aws/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var policy struct {
		Statement []struct {
			Effect string
			Action any
		}
	}
	if err := json.Unmarshal(data, &policy); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, s := range policy.Statement {
		if s.Effect != "Allow" {
			t.Errorf("%s: effect %q", file, s.Effect)
		}
		switch action := s.Action.(type) {
		case string:
			all = append(all, action)
		case []any:
			for _, a := range action {
				text, ok := a.(string)
				if !ok {
					t.Errorf("%s: action %v", file, a)
				}
				all = append(all, text)
			}
		default:
			t.Errorf("%s: actions %v", file, s.Action)
		}
	}
	slices.Sort(all)
	return all
}

// TestPolicies checks that the least-privilege policies allow exactly what is
// called, and that all of it reads.
func TestPolicies(t *testing.T) {
	t.Parallel()
	reads := regexp.MustCompile(`^((Get|List|Describe|Lookup)[A-Z]\w*|AssumeRole)$`)
	var reader, hub, discovery []string
	for service, operations := range awsread.Operations() {
		for _, operation := range operations {
			if !reads.MatchString(operation) {
				t.Errorf("%s:%s does not look like reading", service, operation)
			}
			switch {
			case operation == "GetCallerIdentity": // It needs no permission.
			case service == inventory.APIOrganizations:
				discovery = append(discovery, service+":"+operation)
			case operation == "AssumeRole":
				hub = append(hub, service+":"+operation)
			default:
				reader = append(reader, service+":"+operation)
			}
		}
	}
	slices.Sort(reader)
	slices.Sort(hub)
	slices.Sort(discovery)
	for file, want := range map[string][]string{"iam-policy.json": reader, "hub-policy.json": hub, "discovery-policy.json": discovery} {
		if got := actions(t, file); !slices.Equal(got, want) {
			t.Errorf("%s allows %v,\nwhat is called is %v", file, got, want)
		}
	}
}

// TestOperations checks the list itself: what the simulation saw in all that a
// reader does is on it.
func TestOperations(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim, seen := everyOperation(t)
		allowed := slices.Concat(actions(t, "iam-policy.json"), actions(t, "hub-policy.json"), actions(t, "discovery-policy.json"))
		for _, c := range sim.Calls() {
			service := strings.NewReplacer("sesv1", "ses", "sesv2", "ses").Replace(c.Service) // Both versions have one prefix.
			if action := service + ":" + c.Operation; !slices.Contains(allowed, action) && c.Operation != "GetCallerIdentity" {
				t.Errorf("%s was called, and no policy allows it", action)
			}
			if !slices.ContainsFunc(seen, func(a awsread.Attempt) bool { return a.Operation == c.Operation }) {
				t.Errorf("%s was not observed", c.Operation)
			}
		}
		for _, a := range seen {
			if !slices.Contains(awsread.Operations()[a.Service], a.Operation) {
				t.Errorf("%s:%s is not on the list", a.Service, a.Operation)
			}
		}
		for _, service := range []string{"account", "cognito-idp", "organizations", "ses", "sts"} {
			for _, operation := range awsread.Operations()[service] {
				if operation == "ListUserPoolClients" { // Only for what CloudTrail tells.
					continue
				}
				if !slices.ContainsFunc(seen, func(a awsread.Attempt) bool { return a.Service == service && a.Operation == operation }) {
					t.Errorf("%s:%s is on the list and was never called", service, operation)
				}
			}
		}
	})
}

// everyOperation reads what makes a reader do all that it can.
func everyOperation(t *testing.T) (*simulation, []awsread.Attempt) {
	t.Helper()
	f := fleet(t)
	regions := f.Accounts[0].Regions
	regions["eu-west-1"].Pools[0].MFA = "ON"
	regions["eu-central-1"] = &awssim.Region{SES: awssim.SES{Enforcement: "HEALTHY"}, Pools: []awssim.Pool{{ID: regions["eu-west-1"].Pools[0].ID}}}
	sim := simulate(t, awssim.Options{NoQuotas: true, Fleet: f})
	var seen attempts
	reader := sim.reader(t, func(o *awsread.Options) { o.Observe, o.Details, o.Statistics = seen.observe, true, true })
	reader.Read(t.Context(), target(hub, "shaky.example"), nil)
	reader.Read(t.Context(), target(staging), nil)
	reader.Read(t.Context(), inventory.Target{AccountID: hub, Region: "me-south-1"}, nil)
	// An account that moves while the units are listed is asked for by itself.
	sim.spoilt(func(operation string, _ []byte, _ func() []byte) (int, string) {
		if operation == "ListAccountsForParent" {
			return http.StatusOK, `{"Accounts": []}`
		}
		return 0, ""
	})
	if _, err := reader.Organization(t.Context(), true, true); err != nil {
		t.Error(err)
	}
	return sim, slices.Collect(maps.Keys(seen.n))
}
