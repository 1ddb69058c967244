// Package browsertest runs a real Chromium for tests that look at what we
// print: the mail as a mail program would show it, and the web pages.
//
// It carries axe-core (MPL-2.0, unchanged, see the notice at its head), which
// judges a page by the Web Content Accessibility Guidelines.
package browsertest

import (
	"context"
	_ "embed"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

//go:embed axe.min.js
var axe string

// startLimit bounds a test's time with the browser.
const startLimit = 2 * time.Minute

// A Browser is one tab of a headless Chromium. It is the test's own and ends
// with it.
type Browser struct {
	ctx context.Context //nolint:containedctx // chromedp keeps the tab in a context
}

// Scheme is the colour scheme a reader prefers.
type Scheme string

// The colour schemes.
const (
	Light Scheme = "light"
	Dark  Scheme = "dark"
)

// Start starts Chromium. Where none is installed the test is skipped, unless
// ZOTPAPER_NO_SKIP is set, as in CI.
func Start(t *testing.T) *Browser {
	t.Helper()
	path := find()
	if path == "" {
		if os.Getenv("ZOTPAPER_NO_SKIP") != "" {
			t.Fatal("no Chromium found; install the package chromium")
		}
		t.Skip("no Chromium found; install the package chromium to run this test")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.NoSandbox, // the tests run as root in a container; the pages are our own
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("hide-scrollbars", true),
		chromedp.UserDataDir(t.TempDir()),
	)
	limited, stop := context.WithTimeout(t.Context(), startLimit)
	allocator, cancelAllocator := chromedp.NewExecAllocator(limited, options...)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(func() { cancel(); cancelAllocator(); stop() })
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return &Browser{ctx}
}

func find() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// Serve serves page on a loopback address for the length of the test and
// returns its URL.
func Serve(t *testing.T, page string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(page)) // a browser that hangs up fails the test by itself
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// Open loads url in a window of width pixels for a reader who prefers scheme.
func (b *Browser) Open(t *testing.T, url string, width int, scheme Scheme) {
	t.Helper()
	prefer := func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: string(scheme)}},
		})
		return chromedp.Void{}, err
	}
	err := chromedp.Do(b.ctx, chromedp.EmulateViewport(int64(width), 900), prefer, chromedp.Navigate(url))
	if err != nil {
		t.Fatalf("open %s: %v", url, err)
	}
}

// Eval returns the value of a JavaScript expression on the page.
func Eval[T any](t *testing.T, b *Browser, expression string) T {
	t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("evaluate %.60q: %v", expression, err)
	}
	return v
}

// Follow clicks the first element that the CSS selector matches and waits for
// the page it leads to.
func (b *Browser) Follow(t *testing.T, selector string) {
	t.Helper()
	if _, err := chromedp.RunResponse(b.ctx, chromedp.Click(chromedp.CSS(selector))); err != nil {
		t.Fatalf("follow %s: %v", selector, err)
	}
}

// Screenshot returns the whole page as a PNG.
func (b *Browser) Screenshot(t *testing.T) []byte {
	t.Helper()
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatalf("screenshot: %v", err)
	}
	return png
}

// Violations returns what axe-core holds against the page by WCAG 2.2 A and
// AA, contrast of colours included; one line each.
//
// https://www.w3.org/TR/WCAG22/
func (b *Browser) Violations(t *testing.T) []string {
	t.Helper()
	type node struct {
		HTML string `json:"html"`
	}
	type violation struct {
		ID    string `json:"id"`
		Help  string `json:"help"`
		Nodes []node `json:"nodes"`
	}
	Eval[bool](t, b, axe+";true")
	found := Eval[[]violation](t, b, `axe.run(document, {
		runOnly: {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
		resultTypes: ["violations"],
	}).then(r => r.violations.map(v => ({id: v.id, help: v.help, nodes: v.nodes.map(n => ({html: n.html}))})))`)
	var lines []string
	for _, v := range found {
		for _, n := range v.Nodes {
			lines = append(lines, fmt.Sprintf("%s: %s: %.200s", v.ID, v.Help, strings.Join(strings.Fields(n.HTML), " ")))
		}
	}
	return lines
}

// Accessible checks the page at url in windows of the widths given, light and
// dark: no violation of WCAG A or AA, and nothing wider than the window.
func (b *Browser) Accessible(t *testing.T, name, url string, widths ...int) {
	t.Helper()
	for _, scheme := range []Scheme{Light, Dark} {
		for _, width := range widths {
			t.Run(fmt.Sprintf("%s %s at %d", name, scheme, width), func(t *testing.T) {
				b.Open(t, url, width, scheme)
				for _, v := range b.Violations(t) {
					t.Error(v)
				}
				if over := Eval[int](t, b, `document.documentElement.scrollWidth - window.innerWidth`); over > 0 {
					t.Errorf("the page is %d pixels wider than the window", over)
				}
			})
		}
	}
}
