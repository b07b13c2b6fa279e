//go:build e2e

package e2e_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/web"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

var screenshots = flag.Bool("screenshots", false, "keep the screenshots in docs/images")

// complaints says what is wrong with a page for who cannot see it well or sees
// it on a small screen: form fields, links and tables without a name, text with
// too little contrast, by WCAG's formula and its 4.5 to 1, and what sticks out
// of the screen.
const complaints = `(() => {
  const found = [];
  const all = (selector) => document.querySelectorAll(selector);
  for (const e of all("input:not([type=hidden]), select")) {
    if (!e.labels?.length && !e.getAttribute("aria-label")) found.push("no label: " + e.outerHTML.slice(0, 80));
  }
  for (const e of all("a, button, summary")) {
    if (!e.textContent.trim() && !e.getAttribute("aria-label")) found.push("no text: " + e.outerHTML.slice(0, 80));
  }
  for (const e of all("img:not([alt]), svg:not([aria-hidden=true], [role=img][aria-labelledby])")) found.push("no text instead: " + e.outerHTML.slice(0, 80));
  for (const e of all("table")) {
    if (![...e.tHead.rows[0].cells].every((c) => c.scope === "col" && c.textContent.trim())) found.push("no column headings: " + e.outerHTML.slice(0, 80));
    if (![...e.tBodies[0].rows].every((r) => r.querySelector("th[scope=row]") || r.id || e.closest("[aria-label=Exemptions]"))) found.push("no row headings: " + e.outerHTML.slice(0, 80));
  }
  for (const e of all("[role=region]")) if (!e.getAttribute("aria-label")) found.push("no name: " + e.outerHTML.slice(0, 80));
  const ids = [...all("[id]")].map((e) => e.id);
  if (new Set(ids).size !== ids.length) found.push("an id occurs twice");
  let level = 0;
  for (const e of all("h1, h2, h3, h4")) {
    if (+e.tagName[1] > level + 1) found.push("a level of headings is left out before " + e.textContent);
    level = +e.tagName[1];
  }
  if (!document.documentElement.lang || !document.title || all("h1").length !== 1 || all("main").length !== 1) found.push("no language, title, main part or single heading");
  if (document.documentElement.scrollWidth > innerWidth) {
    const wide = [...all("main *, header *")].filter((e) => e.getBoundingClientRect().right > innerWidth && !e.parentElement.closest(".scroll"));
    found.push("wider than the screen: " + wide.map((e) => e.outerHTML.slice(0, 80)).join("; "));
  }
  for (const e of all("code.rule, .rule code")) {
    if (e.getClientRects().length > 1) found.push("on two lines: " + e.textContent);
  }
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgb = (color, below) => {
    canvas.fillStyle = below; canvas.fillRect(0, 0, 1, 1);
    canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const light = (c) => [0, 1, 2].map((i) => c[i] / 255).map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const page = matchMedia("(prefers-color-scheme: dark)").matches ? "rgb(18, 18, 18)" : "rgb(255, 255, 255)";
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || e.closest("option, script") || !e.checkVisibility()) continue;
    let behind = page;
    for (let b = e; b; b = b.parentElement) {
      const color = getComputedStyle(b).backgroundColor;
      if (color !== "rgba(0, 0, 0, 0)") { behind = color; break; }
    }
    const style = getComputedStyle(e);
    const [a, b] = [light(rgb(e.closest("svg") ? style.fill : style.color, behind)), light(rgb(behind, page))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) found.push("contrast " + contrast.toFixed(1) + ": " + walker.currentNode.textContent.trim().slice(0, 40));
  }
  return [...new Set(found)];
})()`

// focused describes what has the focus: its place among everything that can
// have it, and what is wrong with how it is shown.
const focused = `(() => {
  const e = document.activeElement;
  const all = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, summary, [tabindex='0']")].filter((e) => e.checkVisibility());
  const style = getComputedStyle(e), box = e.getBoundingClientRect();
  const wrong = [];
  if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2) wrong.push("no outline");
  if (box.width < 1 || box.height < 1 || box.bottom < 0 || box.top > innerHeight) wrong.push("out of sight");
  return {at: all.indexOf(e), of: all.length, what: e.outerHTML.slice(0, 80), wrong};
})()`

// buildExporter returns the path of the exporter's program.
func buildExporter(ctx context.Context, t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "exporter")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/exporter")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("Building failed: %v\n%s", err, out)
	}
	return program
}

// startDemo builds the exporter and runs its demo until the test ends.
func startDemo(ctx context.Context, t *testing.T) (url string) {
	t.Helper()
	at := address(t)
	server := exec.CommandContext(ctx, buildExporter(ctx, t), "--demo", "--web.listen-address="+at)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Wait() })
	url = "http://" + at
	await(ctx, t, "the demo is ready", func() error { return call(ctx, http.MethodGet, url+"/-/ready", nil, nil) })
	return url
}

// open starts a browser. Its console has to be empty when the test ends.
func open(t *testing.T) browser {
	t.Helper()
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.Flag("disable-background-networking", true), chromedp.WindowSize(1400, 1000))...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(cancel)
	return browser{ctx, t, chromedp.Console(ctx)}
}

// TestStatusPage uses the status page of the demo as a person would.
func TestStatusPage(t *testing.T) {
	url := startDemo(t.Context(), t)
	b := open(t)

	b.open(url + "/")
	if rows := run(b, chromedp.Evaluate[int](`document.querySelector("table.cards").tBodies[0].rows.length`)); rows < 25 {
		t.Errorf("the page shows %d pools", rows)
	}
	run(b, chromedp.Evaluate[any](`(() => {
		const state = document.querySelector("select[name=state]");
		state.value = "blocked";
		state.dispatchEvent(new Event("change", {bubbles: true}));
	})()`))
	b.await("the script filters", `location.search + " " + document.readyState`, "?state=blocked complete")
	rows := run(b, chromedp.Evaluate[int](`document.querySelector("table.cards").tBodies[0].rows.length`))
	if blocked := run(b, chromedp.Evaluate[int](`document.querySelectorAll(".cards .state.blocked").length`)); rows < 10 || rows != blocked {
		t.Errorf("of %d pools on the page, %d are blocked", rows, blocked)
	}
	b.open(url + "/?sort=-quota")
	if by := run(b, chromedp.Text(`th[aria-sort=descending]`)); strings.TrimRight(by, " ↓") != "Quota" {
		t.Errorf("sorted by %q", by)
	}
	b.open(url + "/?q=typo")
	run(b, chromedp.Click(`tbody a[href^="/pools/"]`))
	b.await("the pool's page opens", `location.pathname.slice(0, 7) + document.readyState`, "/pools/complete")
	chain := run(b, chromedp.Text(`.chain`))
	main, heading, pool := run(b, chromedp.Text(`main`)), run(b, chromedp.Text(`h1`)), run(b, chromedp.Location())
	if heading != "typo" || !strings.Contains(main, "identity_missing") || !strings.Contains(chain, "exmaple.com") || !strings.Contains(pool, "/pools/100000000001/eu-west-1/eu-west-1_") {
		t.Errorf("the pool's page at %s is %q:\n%s", pool, heading, main)
	}
	run(b, chromedp.Click(`.chain a[href^="/identities/"]`))
	b.await("the identity's page opens", `location.pathname + document.readyState`, "/identities/100000000001/eu-west-1/exmaple.comcomplete")
	run(b, chromedp.Click(`.crumbs a[href^="/accounts/"]`))
	b.await("the SES account's page opens", `location.pathname + document.readyState`, "/accounts/100000000001/eu-west-1complete")
	b.open(url + "/")
	run(b, chromedp.Click(`.matrix td a[href="/?account=100000000003&region=eu-central-1"]`))
	b.await("a cell of the matrix leads to its pools", `location.search + " " + document.querySelectorAll(".cards tbody tr").length`, "?account=100000000003&region=eu-central-1 2")

	b.open(url + "/?q=launch")
	launch := run(b, chromedp.Evaluate[string](`document.querySelector(".cards tbody th a").pathname`))
	pages := []page{
		{path: "/", shots: map[string]string{"light 1600": "overview.png", "dark 360": "phone.png"}},
		{path: "/?account=100000000001&region=eu-west-1&state=blocked"},
		{path: "/?severity=nonsense"},
		{path: strings.TrimPrefix(pool, url)},
		{path: launch, shots: map[string]string{"dark 1000": "pool.png"}},
		{path: "/accounts/100000000001/us-east-1", shots: map[string]string{"light 1000": "account.png"}},
		{path: "/identities/100000000001/eu-west-1/example.com", shots: map[string]string{"light 1000": "identity.png"}},
		{path: "/identities/100000000001/eu-west-1/exmaple.com"},
		{path: "/accounts"},
		{path: "/targets"},
		{path: "/plan", shots: map[string]string{"light 1000": "plan.png"}},
		{path: "/rules"},
		{path: "/runbooks"},
		{path: "/runbooks/identity-missing"},
	}
	for _, p := range pages {
		b.look(url, p)
		b.tab(url + p.path)
	}
	b.quiet()
}

// TestCheckPage looks at the page that check writes, from its file.
func TestCheckPage(t *testing.T) {
	dir := t.TempDir()
	check := exec.CommandContext(t.Context(), buildExporter(t.Context(), t), "check", "--demo", "--fail-on=none", "-o", "html=page.html")
	check.Dir = dir
	if out, err := check.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b := open(t)
	url := "file://" + filepath.ToSlash(dir)
	b.look(url, page{path: "/page.html"})
	got := run(b, chromedp.Evaluate[map[string]int](`({
		rows: document.querySelectorAll("tbody tr").length, scripts: document.scripts.length,
		loaded: performance.getEntriesByType("resource").filter((r) => !r.name.startsWith("data:")).length,
		markup: [...document.querySelectorAll("tbody th")].filter((e) => e.textContent.includes("<script>")).length,
	})`))
	if got["rows"] < 25 || got["scripts"] != 0 || got["loaded"] != 0 || got["markup"] == 0 {
		t.Errorf("the page has %v", got)
	}
	// On paper it is light, and nothing is cut off.
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print", Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}}); err != nil {
		t.Fatal(err)
	}
	b.size(700) // A4 between its margins.
	b.open(url + "/page.html")
	if seen := run(b, chromedp.Evaluate[string](`getComputedStyle(document.body).color + " " + [...document.querySelectorAll(".scroll")].every((e) => e.scrollWidth <= e.clientWidth)`)); seen != "rgb(31, 35, 40) true" {
		t.Errorf("printed: %s", seen)
	}
	b.quiet()
}

// TestLargeStatusPage looks at the pages of 60 accounts in ten regions, of which
// some cannot be read.
func TestLargeStatusPage(t *testing.T) {
	set, err := rules.Load(rules.Options{}, rules.Builtin()...)
	if err != nil {
		t.Fatal(err)
	}
	judged := set.Judge(estate())
	server := httptest.NewServer(web.Handler(web.Options{
		Version: "test", TelemetryPath: "/metrics", Metrics: http.NotFoundHandler(), Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
		View: func() *rules.Judgement { return judged }, Ready: func() bool { return true },
		Config: func() string { return "" }, Tags: func() []string { return []string{"team"} },
	}))
	t.Cleanup(server.Close)
	b := open(t)
	for _, p := range []page{
		{path: "/", shots: map[string]string{"light 1600": "matrix.png"}},
		{path: "/targets", shots: map[string]string{"dark 1000": "targets.png"}},
		{path: "/accounts/100000000000/eu-west-1"},
		{path: "/identities/100000000000/eu-west-1/example.com"},
	} {
		b.look(server.URL, p)
	}
	b.size(1600)
	b.open(server.URL + "/")
	shown := run(b, chromedp.Evaluate[map[string]float64](`(() => {
		const cells = [...document.querySelectorAll(".matrix td a")].map((a) => a.getBoundingClientRect());
		return {cells: cells.length, bottom: Math.max(...cells.map((c) => c.bottom)), right: Math.max(...cells.map((c) => c.right)), height: Math.min(...cells.map((c) => c.height))};
	})()`))
	if shown["cells"] != 600 || shown["bottom"] > 1000 || shown["right"] > 1600 || shown["height"] < 22 {
		t.Errorf("of 60 accounts in ten regions, what fits on 1600 x 1000 is %v", shown)
	}

	b.open(server.URL + "/targets")
	if first := run(b, chromedp.Evaluate[string](`document.querySelector("tbody .api.failing p").checkVisibility() + " " + document.querySelector("tbody .state").textContent`)); first != "false failing" {
		t.Errorf("the first target's message is visible, and its state: %s", first)
	}
	run(b, chromedp.Evaluate[any](`document.querySelector("tbody .api.failing summary").focus()`))
	run(b, chromedp.KeyEvent("\r"))
	b.await("Enter shows the message", `document.querySelector("tbody .api.failing p").checkVisibility() ? document.querySelector("tbody .api.failing p").textContent : ""`,
		"Reading ses failed for account 100000000007 in us-east-2: access denied; allow ses:GetAccount")
	b.quiet()
}

// estate is 60 accounts in ten regions with ten pools each. Some are blocked, in
// some regions something cannot be read or is off.
func estate() *inventory.Snapshot {
	now := time.Now()
	regions := []string{"ap-northeast-1", "ap-south-1", "ap-southeast-2", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "us-east-1", "us-east-2", "us-west-2"}
	var readings []inventory.Reading
	for a := range 60 {
		for i, region := range regions {
			k := inventory.Key{AccountID: fmt.Sprintf("1000000000%02d", a), Region: region}
			n := a*len(regions) + i
			r := inventory.Reading{
				Target: inventory.Target{AccountID: k.AccountID, AccountName: fmt.Sprintf("acme-department-%02d", a), Region: region},
				Start:  now, End: now.Add(3 * time.Second), Next: now.Add(time.Minute), Calls: n, PoolsListed: now, IdentitiesListed: now,
				Outcomes:   []inventory.Outcome{{API: "cognito-idp", LastSuccess: now}, {API: "ses", LastSuccess: now}, {API: "sts", LastSuccess: now}},
				SES:        &inventory.SESState{Confirmed: now, Sandbox: inventory.Known(n%37 == 5), SendingEnabled: inventory.Yes, Enforcement: "HEALTHY", Quota: inventory.SendQuota(50000, float64(n*80))},
				Identities: []inventory.Identity{{Name: "example.com", Confirmed: now, Status: "SUCCESS", Verified: inventory.Yes, SendingEnabled: inventory.Yes, Details: &inventory.IdentityDetails{}, Detailed: now}},
			}
			for p := range 10 {
				e := inventory.EmailConfiguration{Mode: inventory.ModeDeveloper, SourceARN: "arn:aws:ses:" + region + ":" + k.AccountID + ":identity/example.com", From: "no-reply@example.com"}
				if n%11 == 3 && p == 0 {
					e.From = "no-reply@elsewhere.example"
				}
				up := inventory.UserPool{ID: fmt.Sprintf("%s_p%dx%d", region, n, p), Name: fmt.Sprintf("customers-%d", p), Listed: now, Confirmed: now}
				if n%53 != 7 || p > 1 {
					up.Settings = &inventory.Settings{Described: now, Sender: inventory.NewSender(k, e), Tags: map[string]string{"team": "shop"}}
				}
				r.Pools = append(r.Pools, up)
			}
			switch {
			case n%79 == 78:
				r.Outcomes[1] = inventory.Outcome{API: "ses", Class: inventory.Denied, Message: "Reading ses failed for account " + k.AccountID + " in " + region + ": access denied; allow ses:GetAccount"}
				r.SES = nil
			case n%101 == 20:
				r.Outcomes, r.Pools = []inventory.Outcome{{API: "cognito-idp", Class: inventory.RegionDisabled, Message: "The region is disabled"}}, nil
			}
			readings = append(readings, r)
		}
	}
	return inventory.New(now, readings, inventory.Policy{})
}

// page is one to look at. Of some looks, which are named by scheme and width, it
// keeps a picture in docs/images.
type page struct {
	path  string
	shots map[string]string
}

// look looks at a page in three widths, light and dark.
func (b browser) look(url string, p page) {
	b.t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}
		if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features}); err != nil {
			b.t.Fatal(err)
		}
		for _, width := range []int64{360, 1000, 1600} {
			b.size(width)
			b.open(url + p.path)
			for _, c := range run(b, chromedp.Evaluate[[]string](complaints)) {
				b.t.Errorf("%s, %s, %d: %s", p.path, scheme, width, c)
			}
			if name := p.shots[fmt.Sprint(scheme, " ", width)]; name != "" && *screenshots {
				if err := os.WriteFile(filepath.Join("..", "docs", "images", name), run(b, chromedp.CaptureScreenshot()), 0o644); err != nil {
					b.t.Fatal(err)
				}
			}
		}
	}
}

// tab goes through a page with the keyboard alone, forward from its start, and
// then skips to the content.
func (b browser) tab(url string) {
	b.t.Helper()
	type focus struct {
		At, Of int
		What   string
		Wrong  []string
	}
	b.size(1000)
	b.open(url)
	run(b, chromedp.Evaluate[any](`document.activeElement.blur()`))
	for i := 0; ; i++ {
		run(b, chromedp.KeyEvent("\t"))
		f := run(b, chromedp.Evaluate[focus](focused))
		switch {
		case f.At != i:
			b.t.Errorf("%s: the %dth key leads to the %dth of %d: %s", url, i+1, f.At+1, f.Of, f.What)
			return
		case i == 0 && !strings.Contains(f.What, `class="skip"`):
			b.t.Errorf("%s: the first stop is %s", url, f.What)
		}
		for _, wrong := range f.Wrong {
			b.t.Errorf("%s: %s has the focus: %s", url, f.What, wrong)
		}
		if i == f.Of-1 {
			break
		}
	}
	b.open(url)
	run(b, chromedp.Evaluate[any](`document.activeElement.blur()`))
	run(b, chromedp.KeyEvent("\t"))
	run(b, chromedp.KeyEvent("\r"))
	b.await("the skip link leads to the content", `document.activeElement.id`, "main")
}

// browser is a tab, and the test that looks at it.
type browser struct {
	ctx     context.Context
	t       *testing.T
	console iter.Seq2[chromedp.ConsoleMessage, error]
}

func (b browser) size(width int64) {
	b.t.Helper()
	run(b, chromedp.EmulateViewport(width, 1000))
}

// await waits until the expression has the value.
func (b browser) await(what, expression, want string) {
	b.t.Helper()
	await(b.ctx, b.t, what, func() error {
		// Between two pages there is no document that could be asked.
		got, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](expression))
		if err == nil && got != want {
			err = errors.New(got)
		}
		return err
	})
}

// quiet checks that the console said nothing.
func (b browser) quiet() {
	b.t.Helper()
	run(b, chromedp.Evaluate[any](`console.error("the end")`)) // Whatever came before has come by then.
	for m, err := range b.console {
		if err != nil {
			b.t.Fatal(err)
		}
		if m.Text == "the end" {
			break
		}
		if strings.Contains(m.Text, "status of 400") {
			continue // A page that was asked for with a bad parameter.
		}
		b.t.Errorf("the console says %s", m)
	}
}

func (b browser) open(url string) {
	b.t.Helper()
	run(b, chromedp.Navigate(url))
}

func run[T any](b browser, action chromedp.Action[T]) T {
	b.t.Helper()
	result, err := chromedp.Run(b.ctx, action)
	if err != nil {
		b.t.Fatal(err)
	}
	return result
}
