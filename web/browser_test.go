package web

import (
	"testing"

	"github.com/zotpaper/zotpaper/internal/browsertest"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
)

func TestPagesAreAccessible(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t))
	b := browsertest.Start(t)
	pages := map[string]string{
		"home":        "/",
		"unsubscribe": "/u/" + s.keys.Unsubscribe(s.ada.Ref, "afternoon"),
		"preferences": "/preferences/" + s.keys.Preferences(s.ada.Ref),
		"bad link":    "/u/x",
	}
	for name, path := range pages {
		b.Accessible(t, name, s.URL+path, 1000, 320)
	}
}

// TestUnsubscribeWithAButton is what a reader does: open the link, press the
// button.
func TestUnsubscribeWithAButton(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t))
	b := browsertest.Start(t)
	b.Open(t, s.URL+"/u/"+s.keys.Unsubscribe(s.ada.Ref, "afternoon"), 375, browsertest.Light)
	if !s.subscribed(t, "afternoon") {
		t.Fatal("opening the page unsubscribed the reader")
	}
	b.Follow(t, "button")
	if got := browsertest.Eval[string](t, b, "document.title"); got != "You are unsubscribed · Zotpaper" {
		t.Errorf("the page after the button is titled %q", got)
	}
	if s.subscribed(t, "afternoon") {
		t.Error("the button did not unsubscribe the reader")
	}
}
