package press

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
)

func TestPublishedIsWhatWentOut(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		p := newPaper(t, db, "ada@example.org")
		p.desk.file(p.now.Add(-time.Hour), "one", "two", "three")
		slot, err := p.Slot("")
		if err != nil {
			t.Fatal(err)
		}
		if list, err := p.Published(t.Context(), 10, 0); err != nil || len(list) > 0 {
			t.Errorf("before anything went out: %v, error %v", list, err)
		}
		if _, err := p.Send(t.Context(), slot, sunday, "test", nil); err != nil {
			t.Fatal(err)
		}
		list, err := p.Published(t.Context(), 10, 0)
		if err != nil || len(list) != 1 {
			t.Fatalf("got %d editions, error %v; want one", len(list), err)
		}
		got := list[0]
		if !got.Public() || !strings.HasPrefix(got.Subject, "Afternoon Edition") || got.Preheader == "" ||
			!got.Updated.Equal(got.Frozen) || !slices.Contains(got.Headlines, "Headline of two") {
			t.Errorf("got %+v", got)
		}
		if list, err := p.Published(t.Context(), 10, 1); err != nil || len(list) > 0 {
			t.Errorf("behind the last: %v, error %v", list, err)
		}
	})
}

func TestMailNamesTheArchiveIfItIsPublic(t *testing.T) {
	p := newPaper(t, databasetest.SQLite(t), "ada@example.org")
	p.desk.file(p.now.Add(-time.Hour), "one", "two", "three")
	slot, err := p.Slot("")
	if err != nil {
		t.Fatal(err)
	}
	for _, public := range []bool{true, false} {
		if !public {
			p.Renderer.Pass = func(k edition.Key) string { return p.Keys.Edition(k.String()) }
		}
		d, err := p.Draft(t.Context(), slot, sunday, p.now)
		if err != nil {
			t.Fatal(err)
		}
		s, err := p.Specimen(d.Issue, d.Edition.Title, d.Edition.List)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(s.Mail), "\r\nList-Archive: "); got != public {
			t.Errorf("public %v: the header List-Archive is there: %v", public, got)
		}
		if got := strings.Contains(s.Text, "?key="+p.Keys.Edition(d.Edition.Key.String())); got == public {
			t.Errorf("public %v: the link to the edition opens it: %v", public, got)
		}
	}
}
