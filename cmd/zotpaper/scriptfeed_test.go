package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// feedText has what the feed of each script answers; "" is a failure.
var feedTexts sync.Map

// serveFeed is the command feed of scripts.
func serveFeed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: feed FILE | down")
	}
	value, served := feedTexts.LoadOrStore(ts, new(atomic.Value))
	text := value.(*atomic.Value)
	if args[0] == "down" {
		text.Store("")
	} else {
		at := time.Now().Add(-30 * time.Minute).Format(time.RFC1123Z)
		items := strings.ReplaceAll(ts.ReadFile(args[0]), "NOW", at)
		text.Store("<rss version='2.0'><channel><title>The Wire</title>" + items + "</channel></rss>")
	}
	if served {
		return
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if text.Load() == "" {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		fmt.Fprint(w, text.Load())
	}))
	ts.Defer(server.Close)
	ts.Setenv("ZOTPAPER_ARTICLES_FEEDS", server.URL+"/feed.xml")
	ts.Setenv("ZOTPAPER_ARTICLES_PRIVATE_HOSTS", "127.0.0.1")
	ts.Setenv("FEED", server.URL+"/feed.xml")
}
