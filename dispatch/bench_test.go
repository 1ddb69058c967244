package dispatch

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/internal/database/databasetest"
	"github.com/zotpaper/zotpaper/internal/sink"
	"github.com/zotpaper/zotpaper/mailer"
)

// A stencilLetter sends a mail of 60 kB, composed once.
type stencilLetter struct{ stencil *mailer.Stencil }

func (l stencilLetter) Compose(buffer []byte, d *Delivery) (mailer.Envelope, mailer.Wire, []byte, error) {
	own := mailer.Own{To: mailer.Address{Address: d.Address}, ID: d.MessageID + "@news.example"}
	wire, buffer, err := l.stencil.Wire(buffer[:0], own, nil)
	return mailer.Envelope{Sender: "bounce@news.example", Recipient: d.Address}, wire, buffer, err
}

func newStencilLetter(_ context.Context, _ int, started time.Time) (Letter, error) {
	text := bytes.Repeat([]byte("Words of a paragraph that is long enough to be one.\n"), 200)
	html := bytes.Repeat([]byte("<p>Words of a paragraph that is long enough to be one.</p>\n"), 800)
	s, err := mailer.NewStencil(mailer.Message{
		From: mailer.Address{Address: "edition@news.example"}, To: mailer.Address{Address: "reader@example.org"},
		Subject: "Afternoon Edition", Date: started, ID: "specimen@news.example", Text: string(text), HTML: string(html),
	})
	return stencilLetter{s}, err
}

// BenchmarkRun dispatches an edition of 60 kB to a mail server that does
// nothing but answer. It reports recipients a second, ledger and journal
// included, and what a recipient costs in allocations, server included.
func BenchmarkRun(b *testing.B) {
	for _, connections := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("sqlite/connections=%d", connections), func(b *testing.B) {
			const readers = 10_000
			var allocated uint64
			for b.Loop() {
				b.StopTimer()
				tr := newTrial(b, databasetest.SQLite(b), readers, nil)
				server, err := sink.Start(sink.Options{})
				if err != nil {
					b.Fatal(err)
				}
				tr.Connections = connections
				_, port, _ := net.SplitHostPort(server.Addr())
				if tr.relay().Port, err = strconv.Atoi(port); err != nil {
					b.Fatal(err)
				}
				a := tr.assignment()
				a.Compose = newStencilLetter
				before := mallocs()
				b.StartTimer()
				tally, err := tr.Run(b.Context(), a)
				b.StopTimer()
				allocated += mallocs() - before
				if err := server.Close(); err != nil {
					b.Error(err)
				}
				if err != nil || tally.Sent != readers {
					b.Fatalf("Run: %+v, error %v", tally, err)
				}
				b.StartTimer()
			}
			total := float64(readers) * float64(b.N)
			b.ReportMetric(total/b.Elapsed().Seconds(), "recipients/s")
			b.ReportMetric(float64(allocated)/total, "allocs/recipient")
		})
	}
}

func mallocs() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}
