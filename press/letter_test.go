package press

import (
	"bytes"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/dispatch"
	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
)

// TestLetterIsWhatTheLongWayGives holds the stencil to the message that is
// composed for one reader from beginning to end.
func TestLetterIsWhatTheLongWayGives(t *testing.T) {
	p := newPaper(t, databasetest.SQLite(t))
	p.desk.file(p.now.Add(-time.Hour), "one", "two")
	d, err := p.Draft(t.Context(), p.Slots[0], sunday, p.now)
	if err != nil {
		t.Fatal(err)
	}
	l, err := p.newLetter(d.Issue, "Afternoon Edition", "afternoon", "", p.now)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "Ada King", `Ada "the Countess" King`, "Zoë Łukasiewicz", "東京の読者", "A Very Long Name That Goes On Beyond The End Of Its Line And Is Folded"} {
		for i, ref := range []string{"aaaaaaaaaaaaaaab", "zzzzzzzzzzzzzzzz", "aaaaaaaaaaaaaaac"} {
			delivery := dispatch.Delivery{
				Edition: edition.Key{Date: sunday, Slot: "afternoon"}, Ref: ref, Address: ref + "@example.org", Name: name,
				Text:      i == 2,
				MessageID: "20260208." + ref, Started: p.now,
			}
			_, got, err := l.raw(delivery)
			if err != nil {
				t.Fatal(err)
			}
			message, err := l.message(delivery)
			if err != nil {
				t.Fatal(err)
			}
			want, err := message.Compose()
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%q: the letter differs from the message composed the long way", name)
			}
		}
	}
	bad := dispatch.Delivery{Edition: d.Edition.Key, Ref: "aaaaaaaaaaaaaaab", Address: "ada@example.org> ORCPT=x", MessageID: "1", Started: p.now}
	if _, _, err := l.raw(bad); err == nil {
		t.Error("an address with a parameter behind it was taken")
	}
}
