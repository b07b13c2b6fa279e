package web

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// troubles is an account in the sandbox with so many pools, the last of which
// also names an identity that does not exist; and one with nothing to do.
func troubles(pools int) *inventory.Snapshot {
	now := time.Now()
	const id = "111111111111"
	r := inventory.Reading{
		Target: inventory.Target{AccountID: id, AccountName: "<i>acme</i>", Region: "eu-west-1"}, End: now, PoolsListed: now, IdentitiesListed: now,
		SES:        &inventory.SESState{Confirmed: now, Sandbox: inventory.Yes, SendingEnabled: inventory.Yes, Enforcement: "HEALTHY", Review: "NONE", Quota: inventory.SendQuota(200, 10)},
		Identities: []inventory.Identity{{Name: "example.com", Verified: inventory.Yes, SendingEnabled: inventory.Yes, Details: &inventory.IdentityDetails{}}},
	}
	for n := range pools {
		name := "example.com"
		if n == pools-1 {
			name = "missing.example"
		}
		e := inventory.EmailConfiguration{Mode: inventory.ModeDeveloper, SourceARN: "arn:aws:ses:eu-west-1:" + id + ":identity/" + name, From: "a@" + name}
		r.Pools = append(r.Pools, inventory.UserPool{ID: fmt.Sprintf("eu-west-1_%04d", n), Name: fmt.Sprintf("<b>%d</b>", n), Listed: now, Confirmed: now, Settings: &inventory.Settings{
			Described: now, Sender: inventory.NewSender(r.Target.Key(), e), Tags: map[string]string{"team": "a & b"},
		}})
	}
	other := inventory.Reading{Target: inventory.Target{AccountID: "222222222222", Region: "eu-west-1"}, End: now, PoolsListed: now}
	return inventory.New(now, []inventory.Reading{r, other}, inventory.Policy{})
}

func TestPlanPage(t *testing.T) {
	o := show(t, troubles(130))
	page := spaces.ReplaceAllString(ask(t, o, "GET", "/plan").Body.String(), " ")
	for _, text := range []string{
		`<a href="/plan" aria-current="page">Plan</a>`, "<b>2</b> fixes", "<b>130</b> blocked", "<b>129</b> of them can send after one fix",
		`<li class="critical" id="production_access/111111111111/eu-west-1"> <h2>Ask for production access to SES in eu-west-1 of &lt;i&gt;acme&lt;/i&gt;: <span>unblocks 129 pools of team a &amp; b</span></h2>`,
		`<dt>Unblocks</dt><dd><a href="/pools/111111111111/eu-west-1/eu-west-1_0000">&lt;b&gt;0&lt;/b&gt;</a>`, " and 119 more</dd>",
		`<a href="/pools/111111111111/eu-west-1/eu-west-1_0129">&lt;b&gt;129&lt;/b&gt;</a> (also: <a class="plain" href="#create_identity/111111111111/eu-west-1/missing.example">Create and verify missing.example`,
		"<dt>Tag team</dt><dd>a &amp; b (130)</dd>", `<a href="/runbooks/developer-in-sandbox">`, `<pre tabindex="0"><code>aws sesv2 create-email-identity`,
		`<a href="https://eu-west-1.console.aws.amazon.com/ses/home?region=eu-west-1#/account">SES account dashboard</a>`, `<a href="/api/v1/plan">As JSON</a>`,
	} {
		if !strings.Contains(page, text) {
			t.Errorf("no %s in\n%s", text, page)
		}
	}
	if n := strings.Count(page, "/pools/"); n != 12 || strings.Contains(page, "<b>0</b>") {
		t.Errorf("%d pools are linked, or a name is not escaped:\n%s", n, page)
	}
	page = spaces.ReplaceAllString(ask(t, o, "GET", "/plan?limit=1").Body.String(), " ")
	for _, text := range []string{"1 to 1 of 2", "(also: Create and verify missing.example", `<a rel="next" href="?limit=1&amp;offset=1">`} {
		if !strings.Contains(page, text) {
			t.Errorf("limit=1: no %s in\n%s", text, page)
		}
	}
	page = ask(t, o, "GET", "/plan?limit=1&offset=1").Body.String()
	if !strings.Contains(page, `start="2"`) || strings.Contains(page, "id=\"production_access") {
		t.Errorf("the second page is\n%s", page)
	}
	page = spaces.ReplaceAllString(ask(t, o, "GET", "/plan?account=222222222222").Body.String(), " ")
	if !strings.Contains(page, "<h1>Plan of 222222222222</h1>") || !strings.Contains(page, "<b>0</b> blocked") || !strings.Contains(page, "Nothing has to be done.") {
		t.Errorf("the account without trouble has the plan\n%s", page)
	}
}

func TestPlanJSON(t *testing.T) {
	o := show(t, troubles(130))
	for query, want := range map[string]string{
		"":                      "2 130 129: production_access 129/100 1, create_identity 0/0 1",
		"?limit=1&offset=1":     "2 130 129: create_identity 0/0 1",
		"?account=111111111111": "2 130 129: production_access 129/100 1, create_identity 0/0 1",
		"?account=222222222222": "0 0 0: ",
	} {
		var answer struct {
			Data struct {
				Total, Blocked, Unblocked int
				Fixes                     []struct {
					Kind     string
					Unblocks struct {
						Total int
						Pools []struct{ Name string }
					}
					Partly struct{ Total int } `json:"need_more"`
				}
			}
		}
		if err := json.Unmarshal(ask(t, o, "GET", "/api/v1/plan"+query).Body.Bytes(), &answer); err != nil {
			t.Fatal(err)
		}
		var fixes []string
		for _, f := range answer.Data.Fixes {
			fixes = append(fixes, fmt.Sprintf("%s %d/%d %d", f.Kind, f.Unblocks.Total, len(f.Unblocks.Pools), f.Partly.Total))
		}
		if got := fmt.Sprintf("%d %d %d: %s", answer.Data.Total, answer.Data.Blocked, answer.Data.Unblocked, strings.Join(fixes, ", ")); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	body := ask(t, o, "GET", "/api/v1/plan").Body.String()
	if want := `"name":"\u003cb\u003e129\u003c/b\u003e","region":"eu-west-1","state":"blocked","also":["create_identity/111111111111/eu-west-1/missing.example"]`; !strings.Contains(body, want) {
		t.Errorf("no %s in %s", want, body)
	}
}

// TestPlanIsMadeOnce checks that views that follow each other share the plans of
// accounts that did not change.
func TestPlanIsMadeOnce(t *testing.T) {
	o := show(t, troubles(3))
	j, v := o.View(), &views{}
	first := v.of(j).fixes("")
	again := *j
	again.Each = append(again.Each[:1:1], again.Rules.Evaluate(again.Accounts[1]))
	second := v.of(&again).fixes("")
	if len(first) != 2 || len(second) != 2 || first[0] != second[0] || first[1] != second[1] {
		t.Errorf("the plans are %v and %v", first, second)
	}
}
