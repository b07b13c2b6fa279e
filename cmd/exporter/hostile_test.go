package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	unsafe "github.com/yuin/goldmark/renderer/html"
	"golang.org/x/net/html"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/report"
)

// hostile is text that is up to no good wherever it is shown as it is.
const hostile = "=cmd|'/c calc'!A1\x1b[2J\u009b31m\u202e\u2066\ufeff\u200b\U000e0041\x00\x7f\r\n\t\u2028<img src=x onerror=alert(1)>" +
	"</script><script>alert(1)</script>]]>&lt;{{.}}${x}%s\"'`,;\\ # TYPE x"

// hostileNames are names of pools that are up to no good each in its own way.
var hostileNames = []string{hostile, " \n+1+1", "\u3000=1", "\ufeff@SUM(1)", strings.Repeat("wide ", 2000)}

// hostileAWS is a simulated AWS whose every text is hostile, error messages too.
func hostileAWS(t *testing.T) http.Handler {
	t.Helper()
	type object = map[string]any
	pools := []object{}
	for _, name := range hostileNames {
		pools = append(pools, object{
			"name": name, "mode": "DEVELOPER", "source_arn": "arn:aws:ses:eu-west-1:100000000001:identity/" + hostile, "from": hostile + " <a@example.com>",
			"reply_to": hostile, "configuration_set": "login", "tags": object{"env": hostile, hostile: hostile}, "clients": []object{{"name": hostile}},
		})
	}
	pools = append(pools, object{"name": "odd", "settings": object{"EmailConfiguration": object{"EmailSendingAccount": hostile}}})
	data, err := json.Marshal(object{"accounts": []object{{
		"id": "100000000001", "name": hostile, "tags": object{hostile: hostile},
		"regions": object{"eu-west-1": object{
			"pools": pools, "configuration_sets": []object{{"name": "login"}},
			"identities": []object{{"name": "evil\u202e\x1b<b>\"@example.com"}, {"name": "example.com", "status": "FAILED", "error_type": hostile, "policies": object{hostile: hostile}}},
		}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	fleet, err := awssim.ParseFleet(data)
	if err != nil {
		t.Fatal(err)
	}
	sim, err := awssim.New(awssim.Options{Fleet: fleet, NoQuotas: true, NoDelays: true})
	if err != nil {
		t.Fatal(err)
	}
	message, err := json.Marshal(hostile + strings.Repeat("very long ", 100_000))
	if err != nil {
		t.Fatal(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/v2/email/configuration-sets/") {
			sim.ServeHTTP(w, r)
			return
		}
		w.Header().Set("X-Amzn-Errortype", "BadRequestException")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, `{"message": "%s%s}`, "broken \xff\xc3\x28 ", message[1:])
	})
}

// harmless checks that the text is what a terminal, editor or browser shows as
// it is.
func harmless(t *testing.T, what, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Errorf("%s is not UTF-8", what)
	}
	if i := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsGraphic(r) && r != '\n' && r != '\t' }); i >= 0 {
		r, _ := utf8.DecodeRuneInString(text[i:])
		t.Errorf("%s has %U raw: %.100q", what, r, text[max(0, i-40):])
	}
}

// syncBuffer is a buffer that can be read while it is written to.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// TestHostileFleet has a fleet whose every text is hostile, and reads all that
// is made of it with strict parsers.
func TestHostileFleet(t *testing.T) {
	server := httptest.NewServer(hostileAWS(t))
	t.Cleanup(server.Close)
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	t.Setenv("AWS_REGION", "eu-west-1")
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte("tags: [env]\nrequest_budgets: {ses: 1}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for output, judge := range map[string]func(*testing.T, string){
		"table": hostileTable, "csv": hostileCSV, "json": hostileJSON, "sarif": hostileSARIF, "junit": hostileJUnit,
		"markdown": hostileMarkdown, "html": hostileHTML, "ocsf": hostileArray, "asff": hostileArray,
	} {
		t.Run(output, func(t *testing.T) {
			t.Parallel()
			var out, errs bytes.Buffer
			if code := run(t.Context(), []string{"check", "--config.file=" + file, "--output=" + output}, &out, &errs, nil); code != exitUnjudged {
				t.Errorf("exit code %d, want %d", code, exitUnjudged)
			}
			harmless(t, "stdout", out.String())
			harmless(t, "stderr", errs.String())
			if n := errs.Len(); n > 10_000 || !strings.Contains(errs.String(), `\u202e`) {
				t.Errorf("%d bytes on stderr: %.2000s", n, errs.String())
			}
			judge(t, out.String())
		})
	}
	for _, format := range []string{"logfmt", "json"} {
		t.Run("serve with log "+format, func(t *testing.T) {
			t.Parallel()
			hostileServer(t, "--config.file="+file, "--log.format="+format)
		})
	}
}

func hostileTable(t *testing.T, out string) {
	for line := range strings.Lines(out) {
		if cells := strings.Split(line, "  "); len(cells) > 3 && len([]rune(cells[3])) > 200 {
			t.Errorf("a cell is %d characters wide", len([]rune(cells[3])))
		}
	}
	if !strings.Contains(out, `=cmd|'/c calc'!A1\u001b[2J\u009b31m\u202e\u2066\ufeff\u200b\udb40\udc41\u0000\u007f\u000d\u000a\u0009\u2028<img`) || !strings.Contains(out, "…") {
		t.Errorf("not the name, or nothing cut:\n%s", out)
	}
}

func hostileCSV(t *testing.T, out string) {
	r := csv.NewReader(strings.NewReader(out))
	rows, err := r.ReadAll()
	if err != nil || len(rows) < len(hostileNames) {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	whole := false
	for _, row := range rows {
		for _, cell := range row {
			whole = whole || cell == hostileNames[4]
			// What a spreadsheet could remove before it looks for a formula.
			bare := strings.TrimLeftFunc(cell, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) })
			if strings.IndexAny(bare, "=+-@") == 0 {
				t.Errorf("a formula: %.60q", cell)
			}
		}
	}
	if !whole {
		t.Error("the long name is cut")
	}
}

func hostileJSON(t *testing.T, out string) {
	var r report.Report
	d := json.NewDecoder(strings.NewReader(out))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		t.Fatal(err)
	}
	for _, name := range hostileNames {
		found := false
		for i := range r.Findings {
			found = found || r.Findings[i].PoolName == name
		}
		if !found {
			t.Errorf("the name %.60q is not what it was", name)
		}
	}
}

func hostileSARIF(t *testing.T, out string) {
	r, err := sarif.FromBytes([]byte(out))
	if err == nil {
		err = r.Validate()
	}
	if err != nil || len(r.Runs[0].Results) < len(hostileNames) {
		t.Errorf("%v", err)
	}
}

func hostileJUnit(t *testing.T, out string) {
	d := xml.NewDecoder(strings.NewReader(out))
	d.Strict = true
	elements := map[string]int{}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok {
			elements[start.Name.Local]++
		}
	}
	for name, n := range elements {
		if !slices.Contains([]string{"testsuites", "testsuite", "testcase", "failure", "error"}, name) {
			t.Errorf("%d elements %s", n, name)
		}
	}
	if elements["failure"] < len(hostileNames) || elements["error"] == 0 {
		t.Errorf("%v", elements)
	}
}

func hostileMarkdown(t *testing.T, out string) {
	var page bytes.Buffer
	if err := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(unsafe.WithUnsafe())).Convert([]byte(out), &page); err != nil {
		t.Fatal(err)
	}
	root, err := html.Parse(&page)
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && slices.Contains([]string{"script", "img", "a", "em", "strong", "del"}, n.Data) {
			t.Errorf("a name became %s", n.Data)
		}
	}
	if len(out) > 65_536 || !strings.Contains(out, "| critical |") {
		t.Errorf("%d bytes, or no findings: %.1000s", len(out), out)
	}
}

func hostileHTML(t *testing.T, out string) {
	root, err := html.Parse(strings.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "tr":
			rows++
		case "script", "img", "iframe", "object", "a", "form":
			t.Errorf("there is a %s", n.Data)
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "src" || strings.Contains(a.Val, "alert") {
				t.Errorf("attribute %s=%q", a.Key, a.Val)
			}
		}
	}
	if rows < len(hostileNames) {
		t.Errorf("%d rows", rows)
	}
}

func hostileArray(t *testing.T, out string) {
	var all []map[string]any
	if err := json.Unmarshal([]byte(out), &all); err != nil || len(all) < len(hostileNames) {
		t.Errorf("%d findings, %v", len(all), err)
	}
}

// hostileServer reads the metrics, every page and the log.
func hostileServer(t *testing.T, args ...string) {
	t.Helper()
	port, err := freePort(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out, log syncBuffer
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, append(args, "--web.listen-address="+address), &out, &log, nil) }()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if status, _, err := request("GET", "http://"+address+"/-/ready"); err == nil && status == http.StatusOK {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("not ready: %s", log.String())
		}
	}
	status, metrics, err := request("GET", "http://"+address+"/metrics")
	if err != nil || status != http.StatusOK {
		t.Fatalf("%d, %v", status, err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(metrics))
	if err != nil {
		t.Fatal(err)
	}
	var names, tags []string
	for _, m := range families["cognito_ses_pool_info"].GetMetric() {
		names, tags = append(names, label(m, "pool_name")), append(tags, label(m, "tag_env"))
	}
	for _, name := range hostileNames {
		if !slices.Contains(names, name) || !slices.Contains(tags, hostile) {
			t.Errorf("the name %.60q or the tag is not in the metrics as it is: %.100q", name, names)
		}
	}
	seen := map[string]bool{}
	for _, first := range []string{"/", "/targets", "/accounts", "/rules", "/runbooks", "/config", "/api/v1/pools", "/api/v1/findings", "/api/v1/targets", "/api/v1/summary", "/?q=" + "%1b%e2%80%ae%3Cb%3E"} {
		crawl(t, "http://"+address, first, seen)
	}
	if n := len(seen); n < 30 {
		t.Errorf("only %d pages", n)
	}
	cancel()
	if code := <-ended; code != exitOK {
		t.Errorf("exit code %d", code)
	}
	harmless(t, "stdout", out.String())
	harmless(t, "the log", log.String())
	if !strings.Contains(log.String(), `u202e`) {
		t.Errorf("AWS's message is not in the log: %.2000s", log.String())
	}
	for line := range strings.Lines(log.String()) {
		if len(line) > 10_000 {
			t.Errorf("a line of the log has %d bytes", len(line))
		}
		if slices.Contains(args, "--log.format=json") && !json.Valid([]byte(line)) {
			t.Errorf("a line of the log is not JSON: %.200s", line)
		}
	}
}

// crawl reads the page and those that it leads to.
func crawl(t *testing.T, server, path string, seen map[string]bool) {
	t.Helper()
	if seen[path] || len(seen) > 200 || path == "/metrics" { // Its labels are data, for Prometheus.
		return
	}
	seen[path] = true
	status, body, err := request("GET", server+path)
	if err != nil || status >= http.StatusInternalServerError || strings.Contains(path, "\\") {
		t.Errorf("%s: %d, %v", path, status, err)
		return
	}
	harmless(t, path, body)
	if strings.HasPrefix(path, "/api/") {
		if !json.Valid([]byte(body)) {
			t.Errorf("%s: not JSON", path)
		}
		return
	}
	if !strings.Contains(body, "</html>") {
		return
	}
	root, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if n.Data == "script" && n.FirstChild != nil {
			t.Errorf("%s: a name became a script", path)
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "src" && !strings.HasPrefix(a.Val, "/static/") ||
				strings.HasPrefix(strings.ToLower(strings.TrimSpace(a.Val)), "javascript:") {
				t.Errorf("%s: attribute %s=%q", path, a.Key, a.Val)
			}
			if a.Key == "href" && strings.HasPrefix(a.Val, "/") && !strings.HasPrefix(a.Val, "/static/") {
				link, _, _ := strings.Cut(a.Val, "#")
				crawl(t, server, link, seen)
			}
		}
	}
}
