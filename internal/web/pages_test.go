package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// TestBadQuery checks that a parameter that makes no sense is refused, and that
// the answer says what is allowed.
func TestBadQuery(t *testing.T) {
	for query, want := range map[string]string{
		"pools?severity=nonsense":           `parameter severity must be one of info, warning, critical, not "nonsense"`,
		"pools?state=Ready":                 `parameter state must be one of ready, blocked, unknown, not "Ready"`,
		"pools?mode=default":                `parameter mode must be one of COGNITO_DEFAULT, DEVELOPER, UNKNOWN, not "default"`,
		"pools?sort=age":                    `parameter sort must be one of state, name, account, region, mode, identity, quota, findings, with or without a minus before it, not "age"`,
		"pools?sort=--name":                 `not "--name"`,
		"pools?account=123":                 `parameter account must be an account ID of 12 digits, not "123"`,
		"pools?region=Ireland":              `parameter region must be the name of a region, such as eu-west-1, not "Ireland"`,
		"pools?limit=0":                     `parameter limit must be a number from 1 to 1000, not "0"`,
		"pools?limit=1001":                  `not "1001"`,
		"pools?limit=ten":                   `not "ten"`,
		"pools?offset=-1":                   `parameter offset must be a number from 0 to 2147483647, not "-1"`,
		"pools?state=ready&state=blocked":   `parameter state is given 2 times`,
		"pools?stat=ready":                  `unknown parameter "stat": it must be one of account, region, mode, state, severity, q, sort, offset, limit`,
		"pools?q=%zz":                       `the query cannot be parsed: invalid URL escape "%zz"`,
		"targets?state=denied":              `parameter state must be one of failing, ok, not "denied"`,
		"targets?severity=info":             `unknown parameter "severity": it must be one of account, region, state, q, offset, limit`,
		"findings?q=x":                      `unknown parameter "q": it must be one of offset, limit`,
		"rules?q=x":                         `unknown parameter "q": there are none here`,
		"summary?x":                         `unknown parameter "x"`,
		"pools/eu-west-1_own?x=1":           `unknown parameter "x"`,
		"accounts/111122223333/eu-west-1?x": `unknown parameter "x"`,
	} {
		w := ask(t, options(t), "GET", "/api/v1/"+query)
		var answer struct{ Status, ErrorType, Error string }
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatal(err)
		}
		if w.Code != http.StatusBadRequest || answer.Status != "error" || answer.ErrorType != "bad_data" || !strings.Contains(answer.Error, want) {
			t.Errorf("%s: %d %s, want 400 with %s", query, w.Code, w.Body, want)
		}
	}
	for _, path := range []string{"/?severity=nonsense", "/targets?state=x", "/rules?x=1", own + "eu-west-1_own?x=1", "/accounts/111122223333/eu-west-1?limit=0", "/identities/111122223333/eu-west-1/example.com?x=1"} {
		w := ask(t, options(t), "GET", path)
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "parameter") || !strings.Contains(w.Body.String(), "</html>") {
			t.Errorf("%s: %d %s, want 400 and a page that says what is allowed", path, w.Code, w.Body)
		}
	}
	for _, path := range []string{"/-/healthy?x=1", "/metrics?x=1", "/static/style.css?v=1", "/config?x"} {
		if w := ask(t, options(t), "GET", path); w.Code != http.StatusOK {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// estate is an account in four regions: with pools, one without that AWS denies,
// one that is disabled and one that is only read for SES; a second account
// has never been read in one of two.
func estate() *inventory.Snapshot {
	now := time.Now()
	reading := func(account, region string, outcomes ...inventory.Outcome) inventory.Reading {
		return inventory.Reading{Target: inventory.Target{AccountID: account, AccountName: "acme-" + account[:1], Region: region}, Outcomes: outcomes, End: now}
	}
	up := func(api string) inventory.Outcome { return inventory.Outcome{API: api, LastSuccess: now} }
	down := func(api string, class inventory.Class) inventory.Outcome {
		return inventory.Outcome{API: api, Class: class, Message: "Reading " + api + " failed: " + string(class)}
	}
	pool := func(id, source string) inventory.UserPool {
		k := inventory.Key{AccountID: "111111111111", Region: "eu-west-1"}
		e := inventory.EmailConfiguration{Mode: inventory.ModeDeveloper, SourceARN: source, From: "a@example.com"}
		return inventory.UserPool{ID: "eu-west-1_" + id, Name: id, Listed: now, Confirmed: now, Settings: &inventory.Settings{
			Described: now, Sender: inventory.NewSender(k, e), Tags: map[string]string{"team": "team of " + id},
		}}
	}
	const arn = "arn:aws:ses:eu-west-1:111111111111:identity/"
	west := reading("111111111111", "eu-west-1", up("cognito-idp"), up("ses"), down("cloudtrail", inventory.Denied))
	west.PoolsListed, west.IdentitiesListed = now, now
	west.SES = &inventory.SESState{Confirmed: now, Sandbox: inventory.No, SendingEnabled: inventory.Yes, Enforcement: "PROBATION", Quota: inventory.SendQuota(200, 200)}
	west.Identities = []inventory.Identity{{Name: "example.com", Verified: inventory.Yes}, {Name: "a@example.com", Verified: inventory.Yes}}
	west.Pools = []inventory.UserPool{
		pool("address", arn+"a@example.com"), pool("domain", arn+"example.com"),
		pool("north", "arn:aws:ses:eu-north-1:111111111111:identity/example.com"),
		{ID: "eu-west-1_new", Name: "new", Listed: now},
	}
	north := reading("111111111111", "eu-north-1", up("ses"))
	north.Target.SESOnly = true
	other := reading("222222222222", "eu-west-1", up("cognito-idp"), up("ses"))
	other.PoolsListed = now
	pending := reading("222222222222", "us-east-1")
	pending.Unread = true
	return inventory.New(now, []inventory.Reading{
		west, north, other, pending,
		reading("111111111111", "us-east-1", down("cognito-idp", inventory.Denied), down("ses", inventory.Throttled)),
		reading("111111111111", "me-south-1", down("cognito-idp", inventory.RegionDisabled), up("sts")),
	}, inventory.Policy{})
}

func show(t testing.TB, s *inventory.Snapshot) Options {
	t.Helper()
	o := options(t)
	judged := o.View().Rules.Judge(s)
	o.View = func() *rules.Judgement { return judged }
	return o
}

func TestMatrix(t *testing.T) {
	v := (&views{}).of(show(t, estate()).View())
	if got := strings.Join(v.Matrix.Regions, " "); got != "eu-west-1 me-south-1 us-east-1" || v.Matrix.Pending != 1 {
		t.Errorf("regions %s, %d pending", got, v.Matrix.Pending)
	}
	var got []string
	for _, row := range v.Matrix.Blocks[0] {
		for _, c := range row.Cells {
			got = append(got, c.Look())
			if c.Target != nil {
				got[len(got)-1] += ": " + c.Words()
			}
		}
	}
	want := []string{
		"blocked: acme-1 in eu-west-1: 4 pools, 3 blocked, 1 unknown",
		"off: acme-1 in me-south-1: the region is disabled",
		"unreadable: acme-1 in us-east-1: cognito-idp and ses not readable",
		"empty: acme-2 in eu-west-1: 0 pools",
		"none",
		"none",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the matrix has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, tt := range []struct {
		c    cell
		want string
	}{
		{cell{count: count{Pools: 2, Unknown: 1}, Target: &inventory.Target{}}, "unknown"},
		{cell{count: count{Pools: 2}, Target: &inventory.Target{}}, "ready"},
		{cell{count: count{Pools: 2, Blocked: 1}, APIs: []string{"ses"}, Target: &inventory.Target{}}, "blocked"},
		{cell{count: count{Pools: 2, Unknown: 1}, APIs: []string{"ses"}, Target: &inventory.Target{}}, "unreadable"},
	} {
		if got := tt.c.Look(); got != tt.want {
			t.Errorf("%+v looks %s, want %s", tt.c, got, tt.want)
		}
	}
	page := ask(t, show(t, estate()), "GET", "/").Body.String()
	for _, text := range []string{
		`<a href="/?account=111111111111&amp;region=eu-west-1" title="acme-1 in eu-west-1: 4 pools, 3 blocked, 1 unknown"><span aria-hidden="true"><b>✕3</b> <b>?1</b> 4</span>`,
		`<span aria-hidden="true"><b>!</b> </span>`, `<span aria-hidden="true">off</span>`, "1 target is still to be read",
	} {
		if !strings.Contains(page, text) {
			t.Errorf("no %s in\n%s", text, page)
		}
	}
}

// TestMatrixBlocks checks how many accounts are below each other.
func TestMatrixBlocks(t *testing.T) {
	for accounts, want := range map[int][]int{0: nil, 1: {1}, 30: {30}, 31: {16, 15}, 60: {30, 30}, 61: {21, 21, 19}} {
		var got []int
		v := (&views{}).of((&rules.Set{}).Judge(many(accounts, 1, "eu-west-1")))
		for _, b := range v.Matrix.Blocks {
			got = append(got, len(b))
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%d accounts: blocks of %v, want %v", accounts, got, want)
		}
	}
}

func TestTargets(t *testing.T) {
	for query, want := range map[string]string{
		"":                                     "5: 111111111111/eu-west-1 111111111111/us-east-1 111111111111/eu-north-1 111111111111/me-south-1 222222222222/eu-west-1",
		"?state=failing":                       "2: 111111111111/eu-west-1 111111111111/us-east-1",
		"?state=ok&account=111111111111":       "2: 111111111111/eu-north-1 111111111111/me-south-1",
		"?region=eu-west-1":                    "2: 111111111111/eu-west-1 222222222222/eu-west-1",
		"?q=THROTTLED":                         "1: 111111111111/us-east-1",
		"?q=cloudtrail":                        "1: 111111111111/eu-west-1",
		"?q=acme-2":                            "1: 222222222222/eu-west-1",
		"?limit=1&offset=1":                    "5: 111111111111/us-east-1",
		"?offset=9":                            "5:",
		"?account=333333333333&region=a-bee-1": "0:",
	} {
		o := show(t, estate())
		w := ask(t, o, "GET", "/api/v1/targets"+query)
		var answer struct {
			Data struct {
				Total   int
				Targets []apiTarget
			}
		}
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatal(err)
		}
		found := []string{fmt.Sprintf("%d:", answer.Data.Total)}
		for _, a := range answer.Data.Targets {
			found = append(found, a.AccountID+"/"+a.Region)
		}
		if got := strings.Join(found, " "); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
		page := ask(t, o, "GET", "/targets"+query).Body.String()
		if rows := strings.Count(page, `data-label="APIs"`); rows != len(answer.Data.Targets) || !strings.Contains(page, `<b>5</b> targets`) || !strings.Contains(page, `<b>2</b> failing`) {
			t.Errorf("%s: the page has %d rows, want %d, of 5 targets, 2 of them failing", query, rows, len(answer.Data.Targets))
		}
	}
	page := ask(t, show(t, estate()), "GET", "/targets").Body.String()
	for _, text := range []string{
		`<details class="api failing"><summary>cognito-idp <b>denied</b></summary><p>Reading cognito-idp failed: denied</p><p>Last success: never</p></details>`,
		`<details class="api off"><summary>cognito-idp region_disabled</summary>`, `<span class="api up">ses</span>`, "SES only",
		`<b>1</b> still to be read`, `href="/accounts/111111111111/eu-north-1"`,
	} {
		if !strings.Contains(page, text) {
			t.Errorf("no %s in\n%s", text, page)
		}
	}
}

// TestShared checks that a pool shows the findings about what it shares.
func TestShared(t *testing.T) {
	o := show(t, estate())
	for id, want := range map[string]string{
		"address": "send-quota-reached enforcement-probation",
		"domain":  "send-quota-reached enforcement-probation",
		"new":     "facts-stale",
	} {
		var answer struct{ Data apiPool }
		if err := json.Unmarshal(ask(t, o, "GET", "/api/v1/pools/eu-west-1_"+id).Body.Bytes(), &answer); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range answer.Data.Findings {
			got = append(got, f.Rule)
			if f.Region != "eu-west-1" || f.PoolID != "" && f.PoolName != id {
				t.Errorf("%s has the finding %+v", id, f)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s has the findings %s, want %s", id, strings.Join(got, " "), want)
		}
	}
	page := ask(t, o, "GET", "/pools/111111111111/eu-west-1/eu-west-1_domain").Body.String()
	for _, text := range []string{
		`<code>send-quota-reached</code></a> about <a href="/accounts/111111111111/eu-west-1">the SES account of acme-1 in eu-west-1</a>`,
		`href="/identities/111111111111/eu-west-1/example.com"`, "200 <small>of 200 e-mails, 0 left",
	} {
		if !strings.Contains(page, text) {
			t.Errorf("no %s in\n%s", text, page)
		}
	}
	var page2 struct{ Data struct{ Total int } }
	if err := json.Unmarshal(ask(t, o, "GET", "/api/v1/pools?severity=critical&q=domain").Body.Bytes(), &page2); err != nil || page2.Data.Total != 1 {
		t.Errorf("%d pools have a critical finding about their SES account, want 1 (%v)", page2.Data.Total, err)
	}
}

var spaces = regexp.MustCompile(`\s+`)

func TestIdentityPage(t *testing.T) {
	o := show(t, estate())
	for path, want := range map[string][]string{
		"/identities/111111111111/eu-west-1/example.com": {
			"No user pool that can send now goes silent. 2 are blocked already.", "<td data-label=\"team\">team of address</td>", "blocked already</td>",
			`<span class="state ready">verified</span>`, `href="/pools/111111111111/eu-west-1/eu-west-1_domain"`, `href="/accounts/111111111111/eu-west-1"`,
		},
		"/identities/111111111111/eu-west-1/a@example.com": {"No user pool that can send now goes silent. 1 is blocked already."},
		"/identities/111111111111/eu-north-1/example.com":  {"Whether SES has an identity of that name is not known.", "No user pool that can send now goes silent. 1 is blocked already."},
		"/accounts/111111111111/eu-west-1": {
			"<b>4</b> pools", "<b>3</b> blocked", "<b>2</b> pools send through its SES", `<span class="warning">PROBATION</span>`,
			`<a href="/identities/111111111111/eu-west-1/a@example.com">a@example.com</a>`, "<code>send-quota-reached</code></a>, 2 pools</p>",
		},
		"/accounts/111111111111/eu-north-1":       {"read because user pools send through SES there", "<b>1</b> pool sends through its SES", "None, or not known."},
		"/accounts/111111111111/us-east-1":        {"<b>0</b> pools send through its SES", `<details class="api failing">`, "<h2>Identities</h2> <p>Not known.</p>"},
		"/?account=111111111111&region=eu-west-1": {`<a href="/accounts/111111111111/eu-west-1">The SES account`, `<details class="matrix">`},
		"/?account=222222222222&region=us-east-1": {`<option value="222222222222" selected>acme-2 (222222222222)</option>`, `<option selected>us-east-1</option>`},
		"/": {`<details class="matrix" open>`},
	} {
		body := spaces.ReplaceAllString(ask(t, o, "GET", path).Body.String(), " ")
		for _, text := range want {
			if !strings.Contains(body, text) {
				t.Errorf("%s: no %s in\n%s", path, text, body)
			}
		}
	}
	if body := ask(t, o, "GET", "/accounts/111111111111/us-east-1").Body.String(); strings.Contains(body, "</b> blocked") {
		t.Error("pools that were never listed are counted")
	}
}

func TestNumbersAndTimes(t *testing.T) {
	half := 1234567.5
	for _, tt := range []struct {
		n    any
		want string
	}{{0, "0"}, {999, "999"}, {1000, "1,000"}, {-1000, "-1,000"}, {-100, "-100"}, {812000.0, "812,000"}, {&half, "1,234,567.5"}, {0.5, "0.5"}} {
		if got := number(tt.n); got != tt.want {
			t.Errorf("%v is %s, want %s", tt.n, got, tt.want)
		}
	}
	now := time.Now()
	for d, want := range map[time.Duration]string{
		0: "0s ago", 59 * time.Second: "59s ago", 60 * time.Second: "1m 0s ago", -90 * time.Second: "in 1m 30s",
		25*time.Hour + 59*time.Minute: "1d 1h ago", 23*time.Hour + 59*time.Minute + 29*time.Second: "23h 59m ago", -49 * time.Hour: "in 2d 1h",
	} {
		if got := ago(now.Add(-d), now); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
	if got := ago(time.Time{}, now); got != "never" {
		t.Errorf("no time is %s", got)
	}
}

// lapsing is an account in which some pools can send, with a configuration set.
func lapsing() *inventory.Snapshot {
	var readings []inventory.Reading
	for r := range estate().Readings() {
		if r.Target.Region != "eu-west-1" || r.SES == nil {
			continue
		}
		ses := *r.SES
		ses.Quota = inventory.SendQuota(200, 100)
		r.SES = &ses
		for i := range r.Identities {
			r.Identities[i].Details = &inventory.IdentityDetails{}
		}
		domain := r.Pools[1].Settings
		domain.ConfigurationSet = "login <b>"
		r.ConfigurationSets = []inventory.ConfigurationSet{{Name: "gone", Missing: true}, {Name: "login <b>", SendingEnabled: inventory.Yes}}
		readings = append(readings, *r)
	}
	return inventory.New(time.Now(), readings, inventory.Policy{})
}

// TestLapses checks what pages and JSON say of what goes silent with what.
func TestLapses(t *testing.T) {
	o := show(t, lapsing())
	for path, want := range map[string][]string{
		"/identities/111111111111/eu-west-1/example.com": {
			"<b>1 user pool that can send now goes silent.</b> 1 goes on with another verified identity.",
			"<dt>Tag team</dt><dd>team of domain (1)</dd>", `goes on as <a class="plain" href="/identities/111111111111/eu-west-1/a@example.com">`, "<b>silent</b>",
		},
		"/identities/111111111111/eu-west-1/a@example.com":        {"No user pool that can send now goes silent. 1 goes on", `goes on as <a class="plain" href="/identities/111111111111/eu-west-1/example.com">`},
		"/api/v1/identities/111111111111/eu-west-1/example.com":   {`"silent":1,"owners":[{"tag":"team","value":"team of domain","pools":1}]`},
		"/api/v1/identities/111111111111/eu-west-1/a@example.com": {`"silent":0,"owners":[]`},
		"/accounts/111111111111/eu-west-1": {
			"What goes silent if its sending is paused or disabled</h2> <p><b>2 user pools that can send now go silent.</b>", `<a href="/plan?account=111111111111">`,
			"<dt>Tag team</dt><dd>team of address (1), team of domain (1)</dd>",
			`<th scope="row" class="name">login &lt;b&gt;</th> <td data-label="Exists"><span class="state ready">yes</span></td> <td data-label="Sending"><span class="state ready">yes</span></td> <td data-label="If it stops" class="wide"><b>1 user pool`,
			`<th scope="row" class="name">gone</th> <td data-label="Exists"><span class="state blocked">no</span>`,
		},
		"/api/v1/accounts/111111111111/eu-west-1": {
			`"if_sending_stops":{"silent":2,"unknown":0,"blocked":0,"owners":[{"tag":"team","value":"team of address","pools":1},{"tag":"team","value":"team of domain","pools":1}]}`,
			`{"configuration_set":"login \u003cb\u003e","exists":true,"sending_enabled":true,"if_it_stops":{"silent":1,"unknown":0,"blocked":0,"owners":[{"tag":"team","value":"team of domain","pools":1}]}}`,
		},
	} {
		body := spaces.ReplaceAllString(ask(t, o, "GET", path).Body.String(), " ")
		for _, text := range want {
			if !strings.Contains(body, text) {
				t.Errorf("%s: no %s in\n%s", path, text, body)
			}
		}
	}
}
