package web

import (
	"net/url"
	"strings"
	"testing"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/docs"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

func TestLinks(t *testing.T) {
	const account = "111122223333"
	l := Links{External: "https://x/p", Dashboards: "https://g/"}
	for _, tt := range []struct {
		cause           inventory.Cause
		page, dashboard string
	}{
		{inventory.Cause{Kind: inventory.CausePool, Region: "eu-west-1", Name: "eu-west-1_own"}, "/pools/111122223333/eu-west-1/eu-west-1_own", "cognito-ses-pool?var-account=111122223333&var-pool=eu-west-1_own&var-region=eu-west-1"},
		{inventory.Cause{Kind: inventory.CauseIdentity, Region: "eu-west-1", Name: "example.com"}, "/identities/111122223333/eu-west-1/example.com", "cognito-ses-overview?var-account=111122223333&var-region=eu-west-1"},
		{inventory.Cause{Kind: inventory.CauseSESAccount, Region: "eu-west-1"}, "/accounts/111122223333/eu-west-1", "cognito-ses-overview?var-account=111122223333&var-region=eu-west-1"},
		{inventory.Cause{Kind: inventory.CauseConfigurationSet, Region: "eu-west-1", Name: "a"}, "/accounts/111122223333/eu-west-1", "cognito-ses-overview?var-account=111122223333&var-region=eu-west-1"},
		{inventory.Cause{Kind: inventory.CauseTarget, Region: "eu-west-1"}, "/accounts/111122223333/eu-west-1", "cognito-ses-overview?var-account=111122223333&var-region=eu-west-1"},
		{inventory.Cause{Kind: inventory.CauseDefaultQuota}, "/?account=111122223333", "cognito-ses-overview?var-account=111122223333"},
	} {
		if got := l.Page(account, tt.cause); got != "https://x/p"+tt.page {
			t.Errorf("%s: page %s", tt.cause, got)
		}
		if got := l.Dashboard(account, tt.cause); got != "https://g/d/"+tt.dashboard {
			t.Errorf("%s: dashboard %s", tt.cause, got)
		}
		// The page is there.
		if w := ask(t, options(t), "GET", tt.page); w.Code != 200 {
			t.Errorf("%s: %d", tt.page, w.Code)
		}
	}
	if got := l.Page("", inventory.Cause{}); got != "https://x/p/" {
		t.Errorf("the first page is %s", got)
	}
	if got := (Links{}).Dashboard(account, inventory.Cause{}); got != "" {
		t.Errorf("without Grafana there is the dashboard %s", got)
	}
	for _, tt := range []struct{ base, own, want string }{
		{"", "", "https://x/p/runbooks/a"},
		{"https://wiki/r/", "", "https://wiki/r/a"},
		{"https://wiki/r", "# Text", "https://wiki/r/a"},
		{"https://wiki/r", "https://own/page", "https://own/page"},
		{"", "javascript:alert(1)", "https://x/p/runbooks/a"},
	} {
		if got := (Links{External: "https://x/p", Runbooks: tt.base}).Runbook("a", tt.own); got != tt.want {
			t.Errorf("runbook %+v: %s", tt, got)
		}
	}
}

const withRunbooks = `
rules:
  - {id: has-text, severity: info, for_each: pool, summary: A, remedy: B, when: 'false', runbook: "# Mine\n\n<b onclick=x>bold</b> [good](https://example.com/a) [bad](javascript:alert(1)) [rel](/etc) [up](../exporter.md#account-failing) [here](#mine) ![img](https://example.com/i.png)"}
  - {id: has-url, severity: info, for_each: pool, summary: A, remedy: B, when: 'false', runbook: "https://wiki.example.com/page"}
  - {id: has-none, severity: info, for_each: pool, summary: "A *b* <i>c</i> [d](https://e)", remedy: Fix_it_now., when: 'false'}
  - {id: sending-disabled, severity: info, for_each: pool, summary: A, remedy: B, when: 'false', runbook: Another text}
`

func TestRunbooks(t *testing.T) {
	o := options(t)
	set, err := rules.Load(rules.Options{}, rules.File{Name: "test.yaml", Data: []byte(withRunbooks)})
	if err != nil {
		t.Fatal(err)
	}
	judged := set.Judge(world())
	o.View = func() *rules.Judgement { return judged }
	for _, tt := range []struct {
		path   string
		status int
		has    []string
		hasNot []string
	}{
		{"/runbooks", 200, []string{`href="/runbooks/has-none"`, `href="/runbooks/exporter"`, `href="/runbooks/identity-missing"`}, nil},
		{"/runbooks/exporter", 200, []string{`<h2 id="account-failing">`, "<table>"}, nil},
		{"/runbooks/bounce-rate-critical", 200, []string{`href="/runbooks/enforcement-shutdown"`}, nil},
		{"/runbooks/enforcement-shutdown", 200, []string{`href="/runbooks/own-ses-identity#what-update-user-pool-does"`}, nil},
		{"/runbooks/own-ses-identity", 200, []string{`id="what-update-user-pool-does"`}, nil},
		{
			"/runbooks/has-text", 200,
			[]string{"<h1", "Mine", `<a href="https://example.com/a">good</a>`, "bad rel", `href="/runbooks/exporter#account-failing"`, `<a href="#mine">here</a>`, "img"},
			[]string{"<b", "javascript", `href="/etc"`, "i.png"},
		},
		{"/runbooks/has-url", 302, nil, nil},
		{"/runbooks/has-none", 200, []string{"A *b* &lt;i&gt;c&lt;/i&gt; [d](https://e)", "Fix_it_now."}, nil},
		{"/runbooks/sending-disabled", 200, []string{"Another text"}, nil},
		{"/runbooks/nothing", 404, []string{"There is no runbook"}, nil},
	} {
		w := ask(t, o, "GET", tt.path)
		body := w.Body.String()
		if w.Code != tt.status {
			t.Errorf("%s: %d", tt.path, w.Code)
		}
		_, body, _ = strings.Cut(body, "<main")
		for _, s := range tt.has {
			if !strings.Contains(body, s) {
				t.Errorf("%s does not have %s:\n%s", tt.path, s, body)
			}
		}
		for _, s := range tt.hasNot {
			if strings.Contains(body, s) {
				t.Errorf("%s has %s:\n%s", tt.path, s, body)
			}
		}
	}
	if to := ask(t, o, "GET", "/runbooks/has-url").Header().Get("Location"); to != "https://wiki.example.com/page" {
		t.Errorf("has-url leads to %s", to)
	}
}

// TestRunbooksLeadSomewhere follows every link of every runbook.
func TestRunbooksLeadSomewhere(t *testing.T) {
	for _, id := range append(docs.Runbooks(), "own-ses-identity", "propose") {
		page := "/runbooks/" + id
		body := ask(t, options(t), "GET", page).Body.String()
		_, body, _ = strings.Cut(body, "<main")
		for _, part := range strings.Split(body, `href="`)[1:] {
			to, _, _ := strings.Cut(part, `"`)
			if isAddress(to) {
				continue
			}
			u, err := url.Parse(to)
			if err != nil {
				t.Fatal(err)
			}
			if u.Path == "" {
				u.Path = page
			}
			w := ask(t, options(t), "GET", u.Path)
			if w.Code != 200 || u.Fragment != "" && !strings.Contains(w.Body.String(), `id="`+u.Fragment+`"`) {
				t.Errorf("%s leads to %s: %d", page, to, w.Code)
			}
		}
	}
}

func TestPrefix(t *testing.T) {
	o := options(t)
	o.Prefix, o.RoutePrefix = "/a/b", "/a/b"
	w := ask(t, o, "GET", "/a/b"+own+"eu-west-1_missing")
	body := w.Body.String()
	if w.Code != 200 || !strings.Contains(body, `href="/a/b/static/style.css"`) || !strings.Contains(body, `href="/a/b/metrics"`) || !strings.Contains(body, `src="/a/b/static/page.js"`) {
		t.Errorf("%d %s", w.Code, body)
	}
	for _, attribute := range []string{`href="/`, `src="/`} {
		if n, all := strings.Count(body, attribute+"a/b/"), strings.Count(body, attribute); n != all || n == 0 {
			t.Errorf("%d of %d %s are below the prefix", n, all, attribute)
		}
	}
	if w := ask(t, o, "GET", "/a/b/metrics"); w.Code != 200 {
		t.Errorf("the metrics: %d", w.Code)
	}
	for path, to := range map[string]string{"/": "/a/b/", "/a/b/pools/eu-west-1_own": "/a/b" + own + "eu-west-1_own"} {
		if w := ask(t, o, "GET", path); w.Code != 302 || w.Header().Get("Location") != to {
			t.Errorf("%s: %d to %s", path, w.Code, w.Header().Get("Location"))
		}
	}
	if w := ask(t, o, "GET", "/metrics"); w.Code != 404 {
		t.Errorf("without the prefix: %d", w.Code)
	}
	// A proxy may remove it.
	o.RoutePrefix = ""
	if w := ask(t, o, "GET", "/targets"); w.Code != 200 || !strings.Contains(w.Body.String(), `href="/a/b/static/style.css"`) {
		t.Errorf("behind a proxy: %d %s", w.Code, w.Body)
	}
}
