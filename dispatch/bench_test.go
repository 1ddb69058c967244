package dispatch

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/internal/database/databasetest"
	"github.com/zotpaper/zotpaper/mailer"
)

// A stencilLetter sends a mail of 60 kB, composed once.
type stencilLetter struct{ stencil *mailer.Stencil }

func (l stencilLetter) Compose(d Delivery) (mailer.Envelope, []byte, error) {
	raw, err := l.stencil.Compose(nil, mailer.Own{To: mailer.Address{Address: d.Address}, ID: d.MessageID + "@news.example"})
	return mailer.Envelope{Sender: "bounce@news.example", Recipient: d.Address}, raw, err
}

func newStencilLetter(started time.Time) (Letter, error) {
	text := bytes.Repeat([]byte("Words of a paragraph that is long enough to be one.\n"), 200)
	html := bytes.Repeat([]byte("<p>Words of a paragraph that is long enough to be one.</p>\n"), 800)
	s, err := mailer.NewStencil(mailer.Message{
		From: mailer.Address{Address: "edition@news.example"}, To: mailer.Address{Address: "reader@example.org"},
		Subject: "Afternoon Edition", Date: started, ID: "specimen@news.example", Text: string(text), HTML: string(html),
	})
	return stencilLetter{s}, err
}

// BenchmarkRun dispatches an edition of 60 kB to a mail server that does
// nothing but answer. It reports recipients a second, ledger included.
func BenchmarkRun(b *testing.B) {
	for _, connections := range []int{1, 8, 32} {
		b.Run(fmt.Sprintf("sqlite/connections=%d", connections), func(b *testing.B) {
			const readers = 5000
			for b.Loop() {
				b.StopTimer()
				tr := newTrial(b, databasetest.SQLite(b), readers, nil)
				tr.Connections = connections
				tr.Relay.Port = listen(b)
				b.StartTimer()
				tally, err := tr.Run(b.Context(), key, tr.edition, newStencilLetter, nil)
				if err != nil || tally.Sent != readers {
					b.Fatalf("Run: %+v, error %v", tally, err)
				}
			}
			b.ReportMetric(float64(readers)*float64(b.N)/b.Elapsed().Seconds(), "recipients/s")
		})
	}
}

// listen starts a mail server that takes everything and keeps nothing, as fast
// as it can read, and returns its port.
func listen(b *testing.B) int {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() }) // ends the goroutine below
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go swallow(c)
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

// swallow answers one conversation. A client that is gone ends it.
func swallow(c net.Conn) {
	defer func() { _ = c.Close() }()
	r, w := bufio.NewReaderSize(c, 64<<10), bufio.NewWriter(c)
	say := func(line string) {
		_, _ = w.WriteString(line + "\r\n")
		if r.Buffered() == 0 {
			_ = w.Flush()
		}
	}
	say("220 sink")
	data := false
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return
		}
		switch {
		case data && string(line) == ".\r\n":
			data = false
			say("250 2.0.0 taken")
		case data:
		case bytes.HasPrefix(line, []byte("EHLO")):
			say("250-sink\r\n250-PIPELINING\r\n250 ENHANCEDSTATUSCODES")
		case bytes.HasPrefix(line, []byte("DATA")):
			data = true
			say("354 go on")
		case bytes.HasPrefix(line, []byte("QUIT")):
			say("221 bye")
			return
		default:
			say("250 2.1.0 ok")
		}
	}
}
