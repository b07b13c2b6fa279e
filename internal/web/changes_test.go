package web

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// TestChanges asks for changes as JSON, by every filter.
func TestChanges(t *testing.T) {
	const mode, from, gone, sending = "email_sending_account", "mail_from_status", "exists", "sending_enabled"
	for query, want := range map[string][]string{
		"":                            {sending, gone, from, mode},
		"?limit=2":                    {sending, gone},
		"?limit=2&offset=2":           {from, mode},
		"?account=111122223333":       {sending, gone, from, mode},
		"?account=999999999999":       {},
		"?region=eu-west-2":           {},
		"?region=eu-west-1":           {sending, gone, from, mode},
		"?field=exists":               {gone},
		"?pool=eu-west-1_default":     {mode},
		"?pool=eu-west-1_gone":        {gone},
		"?pool=eu-west-1_own":         {sending, from},
		"?pool=eu-west-1_undescribed": {},
	} {
		w := ask(t, options(t), "GET", "/api/v1/changes"+query)
		var answer struct {
			Data struct {
				Total   int
				Changes []struct {
					Field string
					From  *string
					Pools []struct {
						ID string `json:"user_pool_id"`
					}
				}
			}
		}
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatal(err)
		}
		got := []string{}
		for _, c := range answer.Data.Changes {
			got = append(got, c.Field)
			if (c.From == nil) != (c.Field == gone) {
				t.Errorf("%s is from %v", c.Field, c.From)
			}
			if len(c.Pools) != map[string]int{mode: 1, from: 1, sending: 2}[c.Field] {
				t.Errorf("%s concerns %v", c.Field, c.Pools)
			}
		}
		if !slices.Equal(got, want) || !strings.Contains(query, "limit") && answer.Data.Total != len(want) || strings.Contains(query, "limit") && answer.Data.Total != 4 {
			t.Errorf("%s: %v of %d, want %v", query, got, answer.Data.Total, want)
		}
	}
	if w := ask(t, options(t), "GET", "/api/v1/changes?field=mode"); w.Code != http.StatusBadRequest {
		t.Errorf("a field that there is not: %d", w.Code)
	}
}

// TestChangesPage looks at the page, and at the pool's own.
func TestChangesPage(t *testing.T) {
	for path, want := range map[string][]string{
		"/changes": {
			`<a href="/pools/111122223333/eu-west-1/eu-west-1_default">`, "UpdateUserPool", "from <code>198.51.100.7</code>", "CloudTrail does not show the call yet", "CloudTrail may not be read",
			"CloudTrail is not read for changes", "not known", `<a href="/identities/111122223333/eu-west-1/example.com">example.com</a>`, `<a href="/accounts/111122223333/eu-west-1">SES account</a>`,
			"Changes of all targets that could be read are known since", "arn:aws:iam::111122223333:user/&lt;script&gt;",
		},
		"/changes?field=verified":   {"No change is remembered that fits.", `<a href="/changes">Show all</a>`},
		own + "eu-west-1_default":   {"<h2>Changes</h2>", "email_sending_account", `<a href="/changes?account=111122223333&amp;pool=eu-west-1_default">`},
		own + "eu-west-1_own":       {"<h2>Changes</h2>", "mail_from_status"},
		"/changes?field=exists":     {"eu-west-1_gone"},
		"/changes?pool=eu-west-1_x": {`value="eu-west-1_x"`},
	} {
		w := ask(t, options(t), "GET", path)
		for _, text := range want {
			if !strings.Contains(w.Body.String(), text) {
				t.Errorf("%s lacks %s:\n%s", path, text, w.Body)
			}
		}
		if strings.Contains(w.Body.String(), "<script>alert") {
			t.Errorf("%s has foreign text as it is", path)
		}
	}
	body := ask(t, options(t), "GET", own+"eu-west-1_undescribed").Body.String()
	if strings.Contains(body, "<h2>Changes</h2>") {
		t.Error("a pool without changes has a list of them")
	}
	// The newest of a pool's comes first.
	if got := regexp.MustCompile(`<code>(sending_enabled|mail_from_status)</code>`).FindAllString(ask(t, options(t), "GET", own+"eu-west-1_own").Body.String(), -1); len(got) != 2 || !strings.Contains(got[0], "sending_enabled") {
		t.Errorf("in the order %v", got)
	}
}

// TestChangeOfManyPools checks that a change names the first pools that it
// concerns, and counts the others.
func TestChangeOfManyPools(t *testing.T) {
	s := troubles(8)
	r := s.Accounts[0].Readings[0]
	r.Changes = inventory.Changes{Began: s.At, List: []inventory.Change{{
		Subject: inventory.Cause{Kind: inventory.CauseSESAccount, Region: "eu-west-1"}, Field: inventory.FieldSendingEnabled, From: "no", To: "yes", After: s.At, By: s.At, Naming: inventory.NameOff,
	}}}
	page := ask(t, show(t, inventory.New(s.At, []inventory.Reading{r}, inventory.Policy{})), "GET", "/changes").Body.String()
	if n := strings.Count(page, `href="/pools/`); n != shownPools || !strings.Contains(page, "</a> and 3 more</td>") {
		t.Errorf("%d of 8 pools are named:\n%s", n, page)
	}
}
