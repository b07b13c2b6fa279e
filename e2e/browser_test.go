//go:build e2e

package e2e_test

import (
	"context"
	"errors"
	"flag"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

var screenshots = flag.Bool("screenshots", false, "keep the screenshots in docs/images")

// complaints says what is wrong with a page for who cannot see it well: form
// fields and links without a name, text with too little contrast, by WCAG's
// formula and its 4.5 to 1.
const complaints = `(() => {
  const found = [];
  for (const e of document.querySelectorAll("input:not([type=hidden]), select, meter")) {
    if (!e.labels?.length && !e.getAttribute("aria-label") && e.tagName !== "METER") found.push("no label: " + e.outerHTML.slice(0, 80));
  }
  for (const e of document.querySelectorAll("a, button")) {
    if (!e.textContent.trim() && !e.getAttribute("aria-label")) found.push("no text: " + e.outerHTML.slice(0, 80));
  }
  if (!document.documentElement.lang || !document.title || document.querySelectorAll("h1").length !== 1) found.push("no language, title or single heading");
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
    if (!walker.currentNode.textContent.trim() || e.closest("option, meter, script") || !e.checkVisibility()) continue;
    let behind = page;
    for (let b = e; b; b = b.parentElement) {
      const color = getComputedStyle(b).backgroundColor;
      if (color !== "rgba(0, 0, 0, 0)") { behind = color; break; }
    }
    const [a, b] = [light(rgb(getComputedStyle(e).color, behind)), light(rgb(behind, page))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) found.push("contrast " + contrast.toFixed(1) + ": " + walker.currentNode.textContent.trim().slice(0, 40));
  }
  return [...new Set(found)];
})()`

// TestStatusPage uses the status page of the demo as a person would.
func TestStatusPage(t *testing.T) {
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", dir, "./cmd/exporter")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("Building failed: %v\n%s", err, out)
	}
	at := address(t)
	server := exec.CommandContext(t.Context(), filepath.Join(dir, "exporter"), "--demo", "--web.listen-address="+at)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Wait() })

	ctx, cancel := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.Flag("disable-background-networking", true), chromedp.WindowSize(1400, 1000))...)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	ctx, cancel = context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	url := "http://" + at
	await(ctx, t, "the demo is ready", func() error { return call(ctx, http.MethodGet, url+"/-/ready", nil, nil) })
	messages := chromedp.Console(ctx)
	b := browser{ctx, t}

	b.open(url + "/")
	if rows := run(b, chromedp.Evaluate[int](`document.querySelector("table.cards").tBodies[0].rows.length`)); rows < 25 {
		t.Errorf("the page shows %d pools", rows)
	}
	run(b, chromedp.Evaluate[any](`(() => {
		const state = document.querySelector("select[name=state]");
		state.value = "blocked";
		state.dispatchEvent(new Event("change", {bubbles: true}));
	})()`))
	await(ctx, t, "the script filters", func() error {
		// Between two pages there is no document that could be asked.
		state, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.search + " " + document.readyState`))
		if err == nil && state != "?state=blocked complete" {
			err = errors.New(state)
		}
		return err
	})
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
	await(ctx, t, "the pool's page opens", func() error {
		state, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.pathname.slice(0, 7) + document.readyState`))
		if err == nil && state != "/pools/complete" {
			err = errors.New(state)
		}
		return err
	})
	chain := run(b, chromedp.Text(`.chain`))
	main, heading, address := run(b, chromedp.Text(`main`)), run(b, chromedp.Text(`h1`)), run(b, chromedp.Location())
	if heading != "typo" || !strings.Contains(main, "identity_missing") || !strings.Contains(chain, "exmaple.com") || !strings.Contains(address, "/pools/100000000001/eu-west-1/eu-west-1_") {
		t.Errorf("the pool's page at %s is %q:\n%s", address, heading, main)
	}
	for _, scheme := range []string{"light", "dark"} {
		for _, path := range []string{"/", strings.TrimPrefix(address, url), "/targets", "/rules"} {
			features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}
			if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features}); err != nil {
				t.Fatal(err)
			}
			b.open(url + path)
			for _, c := range run(b, chromedp.Evaluate[[]string](complaints)) {
				t.Errorf("%s, %s: %s", path, scheme, c)
			}
			if name, ok := map[string]string{"light/": "overview.png", "dark" + strings.TrimPrefix(address, url): "pool.png"}[scheme+path]; ok && *screenshots {
				if err := os.WriteFile(filepath.Join("..", "docs", "images", name), run(b, chromedp.CaptureScreenshot()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	run(b, chromedp.Evaluate[any](`console.error("the end")`)) // Whatever came before has come by then.
	for m, err := range messages {
		if err != nil {
			t.Fatal(err)
		}
		if m.Text == "the end" {
			break
		}
		t.Errorf("the console says %s", m)
	}
}

// browser is a tab, and the test that looks at it.
type browser struct {
	ctx context.Context
	t   *testing.T
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
