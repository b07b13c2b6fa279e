package web

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// FuzzRequest asks for anything: nothing but the reload and the readiness may
// fail, JSON is JSON, and what was asked for does not come back as HTML.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		"/?account=111122223333&region=eu-west-1&mode=DEVELOPER&state=blocked&severity=critical&q=x&sort=-name&offset=1&limit=2",
		"/pools/111122223333/eu-west-1/eu-west-1_own", "/pools/eu-west-1_own", "/accounts/111122223333/eu-west-1?limit=1", "/accounts",
		"/identities/111122223333/eu-west-1/example.com", "/targets?q=%00", "/rules", "/runbooks/dkim-failed", "/static/../web.go", "/static/style.css",
		"/api/v1/pools?sort=quota", "/api/v1/findings", "/api/v1/identities/1/2/%2F..%2F", "/api/v1/none", "/-/ready", "/debug/pprof/heap", "/?q=<script>alert(1)</script>",
	} {
		f.Add(seed)
	}
	h := Handler(options(f))
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.Parse(target)
		if err != nil || !strings.HasPrefix(u.Path, "/") || u.Host != "" || u.Scheme != "" {
			return // net/http refuses it.
		}
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		r.URL, r.RequestURI = u, target
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		body := w.Body.Bytes()
		kind := w.Header().Get("Content-Type")
		switch {
		case w.Code >= 300 && w.Code < 400:
		case strings.HasPrefix(u.Path, "/api/") && strings.HasPrefix(kind, "application/json") && !json.Valid(body):
			t.Errorf("not JSON: %s", body)
		case strings.HasPrefix(kind, "text/html") && bytes.Contains(body, []byte("<script>")):
			t.Errorf("a script of the request: %s", body)
		}
	})
}
