package web

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestEveryAnswerIsSecured checks the headers of whatever is answered.
func TestEveryAnswerIsSecured(t *testing.T) {
	o := options(t)
	o.Reload = func(context.Context) error { return nil }
	h := Handler(o)
	for _, request := range []string{
		"GET /", "GET /pools/nobody", "GET /targets", "GET /rules", "GET /config", "GET /metrics", "GET /-/healthy", "GET /-/ready", "POST /-/reload",
		"GET /static/style.css", "GET /static/none.css", "GET /static/", "GET /api/v1/pools", "GET /api/v1/none", "GET /nowhere", "POST /nowhere", "GET /?sort=nonsense",
	} {
		method, path, _ := strings.Cut(request, " ")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, nil))
		for header, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := w.Header().Values(header); len(got) != 1 || got[0] != want {
				t.Errorf("%s: %s is %q, want %s", request, header, got, want)
			}
		}
		if csp := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none';") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: Content-Security-Policy is %q", request, csp)
		}
	}
}

func TestMethods(t *testing.T) {
	h := Handler(options(t))
	for _, path := range []string{"/", "/metrics", "/targets", "/-/healthy", "/-/ready", "/api/v1/pools", "/static/style.css", "/config"} {
		for method, want := range map[string]int{
			http.MethodGet: http.StatusOK, http.MethodHead: http.StatusOK,
			http.MethodPost: http.StatusMethodNotAllowed, http.MethodPut: http.StatusMethodNotAllowed,
			http.MethodDelete: http.StatusMethodNotAllowed, http.MethodOptions: http.StatusMethodNotAllowed, "BREW": http.StatusMethodNotAllowed,
		} {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, nil))
			if w.Code != want {
				t.Errorf("%s %s: status %d, want %d", method, path, w.Code, want)
			}
			if want == http.StatusMethodNotAllowed && w.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: Allow is %q", method, path, w.Header().Get("Allow"))
			}
		}
	}
}

// TestNoListOfFiles asks for the folder of the static files and what is not in it.
func TestNoListOfFiles(t *testing.T) {
	h := Handler(options(t))
	for _, path := range []string{"/static/", "/static", "/static/.", "/static/..", "/static/%2e%2e/templates/index.html", "/static/../web.go"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		body, _ := io.ReadAll(w.Body)
		if w.Code == http.StatusOK || strings.Contains(string(body), "style.css\"") && strings.Contains(string(body), "icon.svg</a>") {
			t.Errorf("%s: status %d: %s", path, w.Code, body)
		}
	}
}

// TestForeignPagesCannotReload checks whose requests reload.
func TestForeignPagesCannotReload(t *testing.T) {
	reloads := 0
	o := options(t)
	o.Reload = func(context.Context) error { reloads++; return nil }
	h := Handler(o)
	for _, tt := range []struct {
		name   string
		header http.Header
		want   int
	}{
		{"curl", http.Header{}, http.StatusOK},
		{"our own page", http.Header{"Sec-Fetch-Site": {"same-origin"}, "Origin": {"http://exporter.example"}}, http.StatusOK},
		{"typed by the user", http.Header{"Sec-Fetch-Site": {"none"}}, http.StatusOK},
		{"another site", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}}, http.StatusForbidden},
		{"another host of the site", http.Header{"Sec-Fetch-Site": {"same-site"}, "Origin": {"http://other.exporter.example"}}, http.StatusForbidden},
		{"an old browser on another site", http.Header{"Origin": {"https://evil.example"}}, http.StatusForbidden},
		{"an old browser on our page", http.Header{"Origin": {"http://exporter.example"}}, http.StatusOK},
		{"a sandbox", http.Header{"Origin": {"null"}}, http.StatusForbidden},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://exporter.example/-/reload", nil)
		r.Header = tt.header
		w := httptest.NewRecorder()
		before := reloads
		h.ServeHTTP(w, r)
		if w.Code != tt.want || (reloads > before) != (tt.want == http.StatusOK) {
			t.Errorf("%s: status %d, want %d; reloaded %d times", tt.name, w.Code, tt.want, reloads-before)
		}
	}
}
