package web

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
)

func TestLimiter(t *testing.T) {
	l := newLimiter(3, 0.5)
	ada, neighbor, other := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::ffff"), netip.MustParseAddr("192.0.2.1")
	for n := range 3 {
		if _, ok := l.take([]netip.Addr{ada, neighbor}[n%2], noon); !ok {
			t.Fatalf("request %d is refused", n+1)
		}
	}
	if wait, ok := l.take(ada, noon); ok || wait != 2*time.Second {
		t.Errorf("the fourth of one network: taken %v, wait %v; want 2s", ok, wait)
	}
	if _, ok := l.take(other, noon); !ok {
		t.Error("another network is refused")
	}
	if _, ok := l.take(neighbor, noon.Add(2*time.Second)); !ok {
		t.Error("two seconds later one is refused")
	}
	if _, ok := l.take(ada, noon.Add(2*time.Second)); ok {
		t.Error("two seconds later two are taken")
	}
	if _, ok := l.take(ada, noon.Add(-time.Hour)); ok {
		t.Error("a clock that was set back gives more")
	}
	for range 5 {
		l.take(netip.Addr{}, noon)
	}
	if _, ok := l.take(netip.Addr{}, noon); ok {
		t.Error("those of whom nothing is known share no bound")
	}
}

func TestLimiterIsBounded(t *testing.T) {
	l := newLimiter(2, 1)
	address := func(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}) }
	for n := range 2 * maxBuckets {
		l.take(address(n), noon)
	}
	if len(l.buckets) > maxBuckets+1 {
		t.Errorf("%d buckets, want at most %d", len(l.buckets), maxBuckets+1)
	}
	if _, ok := l.take(address(2*maxBuckets), noon); ok {
		t.Error("a newcomer of a flood has a bucket of their own")
	}
	if _, ok := l.take(address(0), noon); !ok {
		t.Error("the flood took from those who were there before")
	}
	if _, ok := l.take(address(3*maxBuckets), noon.Add(time.Minute)); !ok || len(l.buckets) > 2 {
		t.Errorf("after the flood a newcomer is taken: %v; %d buckets", ok, len(l.buckets))
	}
}

// TestOneVictim is row R6 of the fault matrix: whatever the path, an address
// gets one mail a day.
func TestOneVictim(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := newSite(t, db)
		form := s.signup(t, "Victim@example.org", "afternoon")
		for n := range 1000 {
			from := http.Header{"X-Forwarded-For": {fmt.Sprintf("10.0.%d.%d", n/250, n%250)}}
			form.Set("address", []string{"Victim@example.org", "victim@EXAMPLE.org", " victim@example.org "}[n%3])
			form["lists"] = [][]string{{"afternoon"}, {"morning"}, {"afternoon", "morning"}}[n%3]
			if answer, body := s.do(t, http.MethodPost, "/subscribe", form, from); answer.StatusCode != http.StatusSeeOther {
				t.Fatalf("request %d: status %d\n%s", n+1, answer.StatusCode, body)
			}
			if n%100 == 0 {
				s.do(t, http.MethodPost, s.preferences()+"/move", url.Values{"address": {"victim@example.org"}}, from)
			}
		}
		if n := len(s.notices(t)); n != 1 {
			t.Errorf("%d notices to the victim, want one", n)
		}
	})
}

// TestOneNetwork is the other half of R6.
func TestOneNetwork(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t))
	form := s.signup(t, "x@example.org", "afternoon")
	got := map[int]int{}
	for n := range 10_000 {
		form.Set("address", "reader"+strconv.Itoa(n)+"@example.org")
		// The claim to be somebody else each time does not help.
		from := http.Header{"X-Forwarded-For": {"203.0.113." + strconv.Itoa(n%250) + ", 192.0.2.1"}}
		answer, _ := s.do(t, http.MethodPost, "/subscribe", form, from)
		got[answer.StatusCode]++
		if answer.StatusCode == http.StatusTooManyRequests && answer.Header.Get("Retry-After") == "" {
			t.Fatal("429 does not say when to try again")
		}
	}
	if n := len(s.notices(t)); n != 20 || got[http.StatusSeeOther] != 20 || got[http.StatusTooManyRequests] != 10_000-20 {
		t.Errorf("%d notices, answers %v; want 20, and 429 for the rest", n, got)
	}
}

func TestAllNetworksTogether(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t))
	s.people.Limits.Total = 5
	form := s.signup(t, "x@example.org", "afternoon")
	for n := range 6 {
		form.Set("address", "reader"+strconv.Itoa(n)+"@example.org")
		answer, _ := s.do(t, http.MethodPost, "/subscribe", form, http.Header{"X-Forwarded-For": {"192.0.2." + strconv.Itoa(n)}})
		if want := []int{http.StatusSeeOther, http.StatusServiceUnavailable}[n/5]; answer.StatusCode != want {
			t.Errorf("request %d: status %d, want %d", n+1, answer.StatusCode, want)
		}
	}
}

// TestProvidersMayPostMuch is about the hour after an edition, when a large
// provider passes on its readers' unsubscriptions from one address.
func TestProvidersMayPostMuch(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t))
	path := "/u/" + s.keys.Unsubscribe("aaaaaaaaaaaaaaaa", "afternoon")
	for n := range 1000 {
		if answer, _ := s.do(t, http.MethodPost, path, oneClick, nil); answer.StatusCode != http.StatusOK {
			t.Fatalf("one-click request %d: status %d", n+1, answer.StatusCode)
		}
	}
}
