package main

import (
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/zotpaper/zotpaper/intake"
)

// The bounds of the feeds' configuration.
const (
	maxFeedURL      = 2000
	maxPrivateHosts = 64
)

// feedOf returns the entry of a feed of which only the address is given.
func feedOf(address string) map[string]any { return map[string]any{"url": address, "full_text": true} }

// feeds reads the list of feeds: each an address, or keys with values.
func (r *yamlReader) feeds(n ast.Node, path string) (any, bool) {
	items, ok := r.items(n, path, "a list of addresses, such as [https://wire.example/feed.xml]; [] is the empty list")
	if !ok {
		return nil, false
	}
	feeds := make([]map[string]any, 0, len(items))
	for i, item := range items {
		at := fmt.Sprintf("%s[%d]", path, i)
		r.lines[at] = lineOf(item)
		if _, mapping := item.(*ast.MappingNode); mapping {
			feed := r.section(item, reflect.TypeFor[FeedConfig](), at+".")
			if _, given := feed["full_text"]; !given {
				feed["full_text"] = true
			}
			feeds = append(feeds, feed)
			continue
		}
		address, want := scalar(item, aText)
		if want != "" {
			r.bad(lineOf(item), at, "want an address, or url: with section: and full_text: below it, got %s", describe(item))
			return nil, false
		}
		feeds = append(feeds, feedOf(address.(string)))
	}
	return feeds, true
}

// feeds checks what articles are read from beside the folder.
func (k *checker) feeds() {
	a := &k.c.Articles
	if len(a.Feeds) > intake.FeedsLimit {
		k.bad("articles.feeds", "want at most %d feeds, got %d", intake.FeedsLimit, len(a.Feeds))
		return
	}
	if len(a.PrivateHosts) > maxPrivateHosts {
		k.bad("articles.private_hosts", "want at most %d names, got %d", maxPrivateHosts, len(a.PrivateHosts))
		return
	}
	for i := range a.PrivateHosts {
		k.privateHost(fmt.Sprintf("articles.private_hosts[%d]", i), &a.PrivateHosts[i])
	}
	first := map[string]string{}
	for i, feed := range a.Feeds {
		at := fmt.Sprintf("articles.feeds[%d]", i)
		k.feedURL(at, feed.URL)
		k.text(at+".section", feed.Section, 80, false)
		if other, taken := first[feed.URL]; taken {
			k.bad(at, "it is %s already; keep one", other)
		}
		first[feed.URL] = at
	}
}

func (k *checker) privateHost(path string, host *string) {
	name := strings.ToLower(strings.TrimSuffix(*host, "."))
	u, err := url.Parse("https://" + name)
	if strings.Contains(name, ":") {
		u, err = url.Parse("https://[" + name + "]")
	}
	if err != nil || u.Hostname() != name || name == "" || u.Port() != "" || strings.ContainsAny(name, "*/ ") {
		k.bad(path, "%q is no name of a host; want one such as cms.paper.example, without scheme and port", *host)
	}
	*host = name
}

// feedURL checks the address of a feed. No message repeats what stands behind
// its host: that may be a key.
func (k *checker) feedURL(path, address string) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" || len(address) > maxFeedURL:
		k.bad(path, "want the address of a feed, such as https://wire.example/feed.xml")
	case u.User != nil:
		k.bad(path, "want no user in the address; feeds that ask for a login are not read")
	case u.Fragment != "":
		k.bad(path, "want no # in the address")
	case u.Port() != "" && u.Port() != "80" && u.Port() != "443" && !slices.Contains(k.c.Articles.PrivateHosts, strings.ToLower(u.Hostname())):
		k.bad(path, "the port %s is for hosts of your own; put %s into articles.private_hosts if it is one", u.Port(), u.Hostname())
	}
}
