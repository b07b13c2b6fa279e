package awssim_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/account"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
)

// tree lists what is below a parent, as the console shows it.
func tree(t *testing.T, c *organizations.Client, parent, indent string) string {
	t.Helper()
	var b strings.Builder
	for p := organizations.NewListAccountsForParentPaginator(c, &organizations.ListAccountsForParentInput{ParentId: &parent, MaxResults: aws.Int32(1)}); p.HasMorePages(); {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range page.Accounts {
			fmt.Fprintf(&b, "%s%s %s\n", indent, *a.Id, a.State)
			parents, err := c.ListParents(t.Context(), &organizations.ListParentsInput{ChildId: a.Id})
			if err != nil || len(parents.Parents) != 1 || *parents.Parents[0].Id != parent {
				t.Errorf("%s is in %s, ListParents says %+v, %v", *a.Id, parent, parents, err)
			}
		}
	}
	for p := organizations.NewListOrganizationalUnitsForParentPaginator(c, &organizations.ListOrganizationalUnitsForParentInput{ParentId: &parent, MaxResults: aws.Int32(1)}); p.HasMorePages(); {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range page.OrganizationalUnits {
			b.WriteString(indent + *u.Name + "\n" + tree(t, c, *u.Id, indent+"  "))
			parents, err := c.ListParents(t.Context(), &organizations.ListParentsInput{ChildId: u.Id})
			if err != nil || len(parents.Parents) != 1 || *parents.Parents[0].Id != parent {
				t.Errorf("%s is in %s, ListParents says %+v, %v", *u.Id, parent, parents, err)
			}
		}
	}
	return b.String()
}

// assume returns the configuration of a client with a role of the account.
func assume(cfg aws.Config, id string) aws.Config {
	cfg = in(cfg, "us-east-1")
	guest := cfg.Copy()
	guest.Credentials = stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), "arn:aws:iam::"+id+":role/reader")
	return guest
}

// TestOrganization walks an organization, and changes it.
func TestOrganization(t *testing.T) {
	sim, cfg := start(t, awssim.Options{NoQuotas: true, Fleet: parse(t, `
accounts:
- {id: "100000000001"}
- {id: "100000000002", unit: Workloads/Prod}
- {id: "100000000003", unit: Workloads/Prod, state: SUSPENDED}
- {id: "100000000004", unit: Workloads/Prod/EU, state: PENDING_CLOSURE}
organization: {units: [Sandbox]}
`)})
	c := organizations.NewFromConfig(in(cfg, "us-east-1"))
	const before = `100000000001 ACTIVE
Sandbox
Workloads
  Prod
    100000000002 ACTIVE
    100000000003 SUSPENDED
    EU
      100000000004 PENDING_CLOSURE
`
	if got := tree(t, c, "r-awss", ""); got != before {
		t.Errorf("got\n%s\nwant\n%s", got, before)
	}

	patch := `{"accounts": [{"id": "100000000002", "unit": "Sandbox"}, {"id": "100000000005", "state": "PENDING_ACTIVATION"}, {"id": "100000000004", "state": "CLOSED"}]}`
	w := httptest.NewRecorder()
	sim.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPatch, "/_fleet", strings.NewReader(patch)))
	if w.Code != http.StatusNoContent {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	const after = `100000000001 ACTIVE
100000000005 PENDING_ACTIVATION
Sandbox
  100000000002 ACTIVE
Workloads
  Prod
    100000000003 SUSPENDED
    EU
      100000000004 CLOSED
`
	if got := tree(t, c, "r-awss", ""); got != after {
		t.Errorf("got\n%s\nwant\n%s", got, after)
	}
	for id, active := range map[string]bool{"100000000002": true, "100000000003": false, "100000000004": false, "100000000005": false} {
		_, err := assume(cfg, id).Credentials.Retrieve(t.Context())
		if (err == nil) != active {
			t.Errorf("assuming a role of %s: %v", id, err)
		}
	}
}

// TestOrganizationAccess lets only the management account and delegated
// administrators in, and nobody without an organization.
func TestOrganizationAccess(t *testing.T) {
	sim, cfg := start(t, awssim.Options{Fleet: parse(t, `
accounts: [{id: "100000000001"}, {id: "100000000002"}, {id: "100000000003"}]
organization: {delegated: ["100000000002"]}
`)})
	for id, want := range map[string]string{"100000000001": "<nil>", "100000000002": "<nil>", "100000000003": "AccessDeniedException"} {
		_, err := organizations.NewFromConfig(assume(cfg, id)).ListAccounts(t.Context(), nil)
		if got := code(err); got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
	none := parse(t, "accounts: [{id: '100000000001'}]\norganization: {not_in_use: true}")
	if err := sim.SetFleet(none); err != nil {
		t.Fatal(err)
	}
	_, err := organizations.NewFromConfig(in(cfg, "us-east-1")).ListRoots(t.Context(), nil)
	if got := code(err); got != "AWSOrganizationsNotInUseException" {
		t.Errorf("without an organization: %s", got)
	}
}

// TestNewRegions lists regions that are younger than the simulation.
func TestNewRegions(t *testing.T) {
	_, cfg := start(t, awssim.Options{Fleet: parse(t, `accounts: [{id: "100000000001", new_regions: [eu-new-9]}]`)})
	out, err := account.NewFromConfig(cfg).ListRegions(t.Context(), &account.ListRegionsInput{MaxResults: aws.Int32(50)})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range out.Regions {
		if *r.RegionName == "eu-new-9" {
			if r.RegionOptStatus != "ENABLED" {
				t.Errorf("it is %s", r.RegionOptStatus)
			}
			return
		}
	}
	t.Error("eu-new-9 is not listed")
}
