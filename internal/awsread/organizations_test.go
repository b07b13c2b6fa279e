package awsread_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awsread"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

const organizationYAML = `
accounts:
- {id: "100000000001", name: management}
- {id: "100000000002", name: shop, unit: Workloads/Prod, tags: {team: shop}, external_id: correct-horse-battery-staple}
- {id: "100000000003", name: old, unit: Workloads, state: SUSPENDED}
organization: {delegated: ["100000000002"], units: [Empty]}
`

func failure(t *testing.T, err error) *inventory.Failure {
	t.Helper()
	f, ok := errors.AsType[*inventory.Failure](err)
	if !ok {
		t.Fatalf("%v is no failure", err)
	}
	return f
}

// TestOrganization lists an organization with as many calls as it takes, from
// the management account and from a delegated administrator's.
func TestOrganization(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{Fleet: parseFleet(t, organizationYAML)})
		root := inventory.Unit{ID: "r-awss", Name: "Root"}
		for _, tt := range []struct {
			name        string
			from        awsread.Account
			units, tags bool
			calls       map[string]int
		}{
			{"accounts", awsread.Account{}, false, false, map[string]int{"ListAccounts": 1}},
			{"units", awsread.Account{}, true, false, map[string]int{"ListAccounts": 1, "ListRoots": 1, "ListAccountsForParent": 4, "ListOrganizationalUnitsForParent": 4}},
			{"tags", role("100000000002"), false, true, map[string]int{"ListAccounts": 1, "ListTagsForResource": 2, "AssumeRole": 1}},
		} {
			sim.ResetCalls()
			r := sim.readerWith(t, awsread.Options{Organization: tt.from, RequestTimeout: 10 * time.Second})
			got, err := r.Organization(t.Context(), tt.units, tt.tags)
			want := []inventory.OrganizationAccount{
				{ID: "100000000001", Name: "management", State: "ACTIVE"}, {ID: "100000000002", Name: "shop", State: "ACTIVE"}, {ID: "100000000003", Name: "old", State: "SUSPENDED"},
			}
			if tt.units {
				for i, path := range []string{"", "Workloads/Prod", "Workloads"} {
					if got[i].UnitPath() != path || got[i].Units[0] != root || !got[i].Within("r-awss") {
						t.Errorf("%s is in %+v, want %s", got[i].ID, got[i].Units, path)
					}
					want[i].Units = got[i].Units
				}
			}
			if tt.tags {
				want[0].Tags, want[1].Tags = map[string]string{}, map[string]string{"team": "shop"}
			}
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %+v, %v\nwant %+v", tt.name, got, err, want)
			}
			calls := map[string]int{}
			for _, c := range sim.Calls() {
				if c.Region != "us-east-1" {
					t.Errorf("%s is called in %s", c.Operation, c.Region)
				}
				calls[c.Operation] += c.Calls
			}
			if !reflect.DeepEqual(calls, tt.calls) {
				t.Errorf("%s: called %v, want %v", tt.name, calls, tt.calls)
			}
		}
	})
}

// TestOrganizationOfManyPages pages at the pace that AWS allows, and waits when
// it is throttled all the same.
func TestOrganizationOfManyPages(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, err := awssim.Generate(awssim.GenerateOptions{Accounts: 301, Regions: []string{"eu-west-1"}, Mix: "healthy"})
		if err != nil {
			t.Fatal(err)
		}
		sim := simulate(t, awssim.Options{Fleet: f, Faults: []awssim.Fault{{Kind: "throttle", Operation: "ListAccounts", Count: 3}}})
		r := sim.readerWith(t, awsread.Options{RequestTimeout: 10 * time.Second})
		got, err := r.Organization(t.Context(), false, true)
		if err != nil || len(got) != 301 || !slices.IsSortedFunc(got, func(a, b inventory.OrganizationAccount) int { return strings.Compare(a.ID, b.ID) }) {
			t.Errorf("%d accounts, %v", len(got), err)
		}
		if n := sim.calls("", "ListAccounts"); n != 16+3 {
			t.Errorf("%d pages, want 16 and 3 that were throttled", n)
		}
		for _, c := range sim.Calls() {
			if c.Operation == "ListTagsForResource" && c.Errors > 0 {
				t.Errorf("it was throttled %d times by its own pace", c.Errors)
			}
		}
	})
}

// TestOrganizationFailures has the listing fail: it is all or nothing, with the
// call, a class and a remedy.
func TestOrganizationFailures(t *testing.T) {
	const page = `{"Accounts": [{"Id": "100000000001", "State": "ACTIVE"}], "NextToken": "next"}`
	answer := func(operation, body string) spoiler {
		return func(asked string, _ []byte, _ func() []byte) (int, string) {
			if asked == operation {
				return http.StatusOK, body
			}
			return 0, ""
		}
	}
	for _, tt := range []struct {
		name  string
		fleet string
		from  awsread.Account
		fault awssim.Fault
		spoil spoiler
		class inventory.Class
		says  []string
	}{
		{name: "denied", fault: awssim.Fault{Kind: "deny", Operation: "ListAccounts"}, class: inventory.Denied, says: []string{"ListAccounts of the organization with the ambient credentials: AccessDenied", "delegated administrator"}},
		{name: "another account", from: role("100000000004"), class: inventory.Denied, says: []string{"with role arn:aws:iam::100000000004:role/exporter", "You don't have permissions"}},
		{name: "no role", from: awsread.Account{RoleARN: "arn:aws:iam::999999999999:role/none"}, class: inventory.Denied, says: []string{"AssumeRole of the organization with role arn:aws:iam::999999999999:role/none"}},
		{name: "not in use", fleet: "organization: {not_in_use: true}\naccounts: [{id: '100000000001'}]", class: inventory.NotFound, says: []string{"AWSOrganizationsNotInUseException", "organization.role_arn"}},
		{name: "throttled", fault: awssim.Fault{Kind: "throttle", Operation: "ListRoots"}, class: inventory.Throttled, says: []string{"ListRoots of the", "refresh_interval"}},
		{name: "cut off", fault: awssim.Fault{Kind: "truncate", Operation: "ListTagsForResource"}, class: inventory.Unavailable, says: []string{"ListTagsForResource"}},
		{name: "no answer", fault: awssim.Fault{Kind: "timeout", Operation: "ListAccounts"}, class: inventory.Timeout},
		{name: "empty", spoil: answer("ListAccounts", `{"Accounts": []}`), class: inventory.Invalid},
		{name: "nothing", spoil: answer("ListAccounts", `{}`), class: inventory.Invalid},
		{name: "a page again", spoil: answer("ListAccounts", strings.Replace(page, "100000000001", "100000000009", 1)), class: inventory.Invalid},
		{name: "empty pages without end", spoil: answer("ListAccounts", `{"Accounts": [], "NextToken": "next"}`), class: inventory.Invalid, says: []string{"the list is cut off"}},
		{name: "no id", spoil: answer("ListAccounts", `{"Accounts": [{"Name": "a"}]}`), class: inventory.Invalid},
		{name: "a page fails", spoil: func(operation string, body []byte, _ func() []byte) (int, string) {
			switch {
			case operation != "ListAccounts":
				return 0, ""
			case strings.Contains(string(body), "next"):
				return http.StatusBadRequest, `{"__type": "AccessDeniedException", "Message": "no"}`
			default:
				return http.StatusOK, page
			}
		}, class: inventory.Denied},
		{name: "a unit in itself", spoil: answer("ListOrganizationalUnitsForParent", `{"OrganizationalUnits": [{"Id": "ou-awss-84bd9e2a", "Name": "a"}]}`), class: inventory.Invalid},
		{name: "a wrong unit", spoil: answer("ListRoots", `{"Roots": [{"Id": "root"}]}`), class: inventory.Invalid},
		{name: "an account in no unit", spoil: func(operation string, _ []byte, _ func() []byte) (int, string) {
			switch operation {
			case "ListAccountsForParent":
				return http.StatusOK, `{"Accounts": []}`
			case "ListParents":
				return http.StatusOK, `{"Parents": [{"Id": "ou-awss-00000000", "Type": "ORGANIZATIONAL_UNIT"}]}`
			}
			return 0, ""
		}, class: inventory.Other, says: []string{"is in an organizational unit that was not there"}},
		{name: "an account in two units", spoil: func(operation string, _ []byte, _ func() []byte) (int, string) {
			switch operation {
			case "ListAccountsForParent":
				return http.StatusOK, `{}`
			case "ListParents":
				return http.StatusOK, `{"Parents": [{}, {}]}`
			}
			return 0, ""
		}, class: inventory.Invalid},
		{name: "a decoder that panics", spoil: answer("ListAccounts", `{"Accounts": [{"Id": "100000000001", "JoinedTimestamp": "NaN"}]}`), class: inventory.Internal},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				text := tt.fleet
				if text == "" {
					text = strings.Replace(organizationYAML, "organization:", "- {id: \"100000000004\", external_id: correct-horse-battery-staple}\norganization:", 1)
				}
				sim := simulate(t, awssim.Options{Fleet: parseFleet(t, text), NoQuotas: true})
				if tt.fault.Kind != "" {
					sim.fault(t, tt.fault)
				}
				sim.spoilt(tt.spoil)
				r := sim.readerWith(t, awsread.Options{Organization: tt.from, RequestTimeout: 10 * time.Second})
				got, err := r.Organization(t.Context(), true, true)
				if got != nil {
					t.Errorf("in spite of %v there are %v", err, got)
				}
				f := failure(t, err)
				if f.Class != tt.class {
					t.Errorf("class %s, want %s: %v", f.Class, tt.class, err)
				}
				for _, want := range tt.says {
					if !strings.Contains(f.Message, want) {
						t.Errorf("%q does not say %q", f.Message, want)
					}
				}
				if strings.Contains(f.Message, external) {
					t.Error("the message shows the external id")
				}
			})
		})
	}
}

// TestOrganizationRecovers lists again with other credentials, after the first
// ones were wrong.
func TestOrganizationRecovers(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{Fleet: parseFleet(t, organizationYAML)})
		wrong := role("100000000002")
		wrong.ExternalID = "wrong"
		r := sim.readerWith(t, awsread.Options{Organization: wrong})
		if _, err := r.Organization(t.Context(), false, false); failure(t, err).Class != inventory.Denied {
			t.Error(err)
		}
		r.Update(awsread.Options{Organization: role("100000000002")})
		if got, err := r.Organization(t.Context(), false, false); err != nil || len(got) != 3 {
			t.Errorf("%v, %v", got, err)
		}
		slow, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		sim.fault(t, awssim.Fault{Kind: "slow", Service: "organizations"})
		if _, err := r.Organization(slow, false, false); failure(t, err).Class != inventory.Timeout {
			t.Error(err)
		}
	})
}

// TestOrganizationAfterAnUpdate keeps the credentials of the role, unless STS is
// asked elsewhere.
func TestOrganizationAfterAnUpdate(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{Fleet: parseFleet(t, organizationYAML)})
		opts := awsread.Options{Organization: role("100000000002")}
		r := sim.readerWith(t, opts)
		for _, tt := range []struct{ configured, asked string }{{"", "us-east-1"}, {"", ""}, {"eu-west-2", "eu-west-2"}, {"eu-west-2", ""}} {
			opts.STSRegion = tt.configured
			r.Update(opts)
			sim.ResetCalls()
			if _, err := r.Organization(t.Context(), false, false); err != nil {
				t.Error(err)
			}
			asked := ""
			for _, c := range sim.Calls() {
				if c.Operation == "AssumeRole" {
					asked = c.Region
				}
			}
			if asked != tt.asked {
				t.Errorf("sts_region %q: STS was asked in %q, want %q", tt.configured, asked, tt.asked)
			}
		}
	})
}

// TestOrganizationText cuts what is longer than AWS allows.
func TestOrganizationText(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{})
		sim.spoilt(func(_ string, _ []byte, _ func() []byte) (int, string) {
			return http.StatusOK, fmt.Sprintf(`{"Accounts": [{"Id": "100000000001", "Name": %q, "State": "<b>"}, {"Id": "100000000002", "Status": "ACTIVE"}]}`, strings.Repeat("ä", 300))
		})
		got, err := sim.reader(t, nil).Organization(t.Context(), false, false)
		if err != nil || len(got) != 2 || got[0].Name != strings.Repeat("ä", 256) || got[0].State != "UNKNOWN" || got[1].State != inventory.AccountActive {
			t.Errorf("%v, %v", got, err)
		}
	})
}

// TestRegions lists the regions of an account, in every partition, with and
// without the permission.
func TestRegions(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := fleet(t)
		f.Accounts[0].Regions["af-south-1"] = nil
		f.Accounts[0].DisabledRegions, f.Accounts[0].NewRegions = []string{"ap-east-1"}, []string{"eu-new-9"}
		sim := simulate(t, awssim.Options{Fleet: f, NoQuotas: true})
		r := sim.reader(t, nil)
		at := func(account, region string) inventory.Target {
			return inventory.Target{AccountID: account, Region: region}
		}
		want := slices.Sorted(slices.Values(append(inventory.AlwaysOn("aws"), "af-south-1", "eu-new-9")))
		for range 2 {
			if got, err := r.Regions(t.Context(), at(hub, "us-east-1")); err != nil || !slices.Equal(got, want) {
				t.Errorf("%v, %v, want %v", got, err, want)
			}
		}
		if n := sim.calls(hub, "ListRegions"); n != 1 {
			t.Errorf("asked %d times within an hour", n)
		}
		for partition, n := range map[string]int{"us-gov-west-1": 2, "eusc-de-east-1": 1} {
			if got, err := r.Regions(t.Context(), at(hub, partition)); err != nil || len(got) != n {
				t.Errorf("%s: %v, %v", partition, got, err)
			}
		}
		if n := sim.calls("", "ListRegions"); n != 1 {
			t.Errorf("asked %d times, where there is nothing to ask", n)
		}

		sim.fault(t, awssim.Fault{Kind: "deny", Operation: "ListRegions"})
		got, err := r.Regions(t.Context(), at(staging, "us-east-1"))
		if !slices.Equal(got, inventory.AlwaysOn("aws")) || failure(t, err).Class != inventory.Denied {
			t.Errorf("without the permission: %v, %v", got, err)
		}
		time.Sleep(2 * time.Hour)
		if got, err := r.Regions(t.Context(), at(hub, "us-east-1")); !slices.Equal(got, want) || failure(t, err).Class != inventory.Denied {
			t.Errorf("of which it was known: %v, %v", got, err)
		}
		sim.fault(t, awssim.Fault{Kind: "deny", Operation: "AssumeRole"})
		if got, err := r.Regions(t.Context(), at(sandbox, "us-east-1")); got != nil || failure(t, err).Class != inventory.Denied || !strings.HasPrefix(err.Error(), "AssumeRole in account "+sandbox) {
			t.Errorf("without the role: %v, %v", got, err)
		}
		sim.fault(t)
		time.Sleep(time.Hour)
		for name, body := range map[string]string{
			"the same page": `{"Regions": [{"RegionName": "eu-west-1"}], "NextToken": "a"}`, "no region": `{}`, "no name": `{"Regions": [{"RegionName": "<b>"}]}`,
		} {
			sim.spoilt(func(_ string, _ []byte, _ func() []byte) (int, string) { return http.StatusOK, body })
			if got, err := r.Regions(t.Context(), at(hub, "us-east-1")); !slices.Equal(got, want) || failure(t, err).Class != inventory.Invalid {
				t.Errorf("%s: %v, %v", name, got, err)
			}
			time.Sleep(10 * time.Minute)
		}
	})
}

// overContext is one that ended when nothing waited for it any more.
type overContext struct{ context.Context }

func (overContext) Done() <-chan struct{} { return nil }

func (overContext) Err() error { return context.DeadlineExceeded }

// TestRegionsAtTheLastMoment has the time end together with the answer.
func TestRegionsAtTheLastMoment(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := simulate(t, awssim.Options{}).reader(t, nil)
		if got, err := r.Regions(overContext{t.Context()}, target(hub)); err != nil || !slices.Equal(got, inventory.AlwaysOn("aws")) {
			t.Errorf("%v, %v", got, err)
		}
	})
}

// TestHasPools looks for pools with one call.
func TestHasPools(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true})
		r := sim.reader(t, nil)
		for _, tt := range []struct {
			region string
			want   bool
		}{{"eu-west-1", true}, {"eu-west-2", false}, {"me-south-1", false}} {
			sim.ResetCalls()
			got, err := r.HasPools(t.Context(), inventory.Target{AccountID: hub, Region: tt.region})
			if n := sim.calls(hub, "ListUserPools"); err != nil || got != tt.want || n != 1 {
				t.Errorf("%s: %v, %v with %d calls", tt.region, got, err, n)
			}
		}
		sim.fault(t, awssim.Fault{Kind: "deny", Service: "cognito-idp"})
		if got, err := r.HasPools(t.Context(), target(hub)); got || failure(t, err).Class != inventory.Denied {
			t.Errorf("denied: %v, %v", got, err)
		}
		sim.fault(t)
		sim.spoilt(func(operation string, body []byte, _ func() []byte) (int, string) {
			if operation == "ListUserPools" && !strings.Contains(string(body), "next") {
				return http.StatusOK, `{"UserPools": [], "NextToken": "next"}`
			}
			return http.StatusOK, `{"UserPools": [{"Id": "eu-west-1_a"}], "NextToken": "more"}`
		})
		if got, err := r.HasPools(t.Context(), target(hub)); err != nil || !got {
			t.Errorf("an empty page before others: %v, %v", got, err)
		}
	})
}

// TestCountPools counts pools page by page.
func TestCountPools(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := fleet(t)
		for i := range 60 {
			f.Accounts[0].Regions["eu-west-1"].Pools = append(f.Accounts[0].Regions["eu-west-1"].Pools, awssim.Pool{Name: fmt.Sprint("more-", i)})
		}
		sim := simulate(t, awssim.Options{NoQuotas: true, Fleet: f})
		r := sim.reader(t, nil)
		for _, tt := range []struct {
			region      string
			want, calls int
		}{{"eu-west-1", 63, 2}, {"eu-west-2", 0, 1}, {"me-south-1", 0, 1}} {
			sim.ResetCalls()
			got, err := r.CountPools(t.Context(), inventory.Target{AccountID: hub, Region: tt.region})
			if n := sim.calls(hub, "ListUserPools"); err != nil || got != tt.want || n != tt.calls {
				t.Errorf("%s: %d, %v with %d calls", tt.region, got, err, n)
			}
		}
		sim.fault(t, awssim.Fault{Kind: "deny", Service: "cognito-idp"})
		if got, err := r.CountPools(t.Context(), target(hub)); got != 0 || failure(t, err).Class != inventory.Denied {
			t.Errorf("denied: %d, %v", got, err)
		}
		sim.fault(t)
		if got, err := r.CountPools(t.Context(), target("100000000009")); got != 0 || failure(t, err).Class != inventory.Invalid {
			t.Errorf("an account of other credentials: %d, %v", got, err)
		}
	})
}
