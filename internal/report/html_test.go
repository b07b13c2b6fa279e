package report

import (
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
)

func TestHTML(t *testing.T) {
	r := full(t)
	r.Demo = true
	page := write(t, r, "html")
	for _, want := range []string{
		"=1&#43;1|`x`&lt;script&gt;alert(1)&lt;/script&gt;", "Demo: the data are simulated.", `<span class="severity critical">1 critical</span> <span class="severity warning">`,
		"<h2>Gone since the baseline</h2>", "<h2>Not read</h2>", "baseline of 2026-11-23 12:00 UTC", "<dd>Delete it.</dd>", "<small>infra/main.tf</small>", `<td>worse</td>`, "default-src &#39;none&#39;",
	} {
		if !strings.Contains(page, want) && !strings.Contains(page, strings.ReplaceAll(want, "&#39;", "'")) {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
	if regexp.MustCompile(`(?i)<script|\son[a-z]+=|(src|href)="?[^"d]|url\(|@import|\x1b`).MatchString(page) {
		t.Error("the page has a script, loads something, or is not plain")
	}
	if n := strings.Count(page, `<th scope="row">`); n != len(r.Findings)+len(r.Baseline.Gone) {
		t.Errorf("%d rows", n)
	}
	wellFormed(t, page)
	empty := write(t, &Report{GeneratedAt: now}, "html")
	if !strings.Contains(empty, "No findings.") || strings.Contains(empty, "<table") || strings.Contains(empty, "Baseline") {
		t.Errorf("without findings:\n%s", empty)
	}
	wellFormed(t, empty)
}

// wellFormed checks that every element that is opened is closed.
func wellFormed(t *testing.T, page string) {
	t.Helper()
	page = regexp.MustCompile(`(<(?:meta|link)[^>]*)>`).ReplaceAllString(strings.Replace(page, "<!doctype html>", "", 1), "$1/>")
	d := xml.NewDecoder(strings.NewReader(page))
	d.Entity = xml.HTMLEntity
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Error(err)
			return
		}
	}
}
