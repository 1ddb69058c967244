package sink

import (
	"bufio"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// BenchmarkTake sends messages of 60 kB, each in one write with the envelope
// of the next, as a good client does. It reports messages a second: what no
// sender that is measured against a sink can surpass.
func BenchmarkTake(b *testing.B) {
	for _, ledger := range []bool{false, true} {
		for _, connections := range []int{1, 16, 64} {
			b.Run(fmt.Sprintf("ledger=%v/connections=%d", ledger, connections), func(b *testing.B) {
				var o Options
				if ledger {
					o.Ledger = filepath.Join(b.TempDir(), "ledger")
				}
				s, err := Start(o)
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { _ = s.Close() }) // closes the listener, which is all a benchmark wants
				var left atomic.Int64
				left.Store(int64(b.N))
				var clients sync.WaitGroup
				b.ResetTimer()
				for range connections {
					clients.Go(func() {
						if err := pour(b, s.Addr(), &left); err != nil {
							b.Error(err)
						}
					})
				}
				clients.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
				if got := s.Stats().Messages; got != int64(b.N) {
					b.Errorf("%d messages of %d", got, b.N)
				}
			})
		}
	}
}

// pour sends messages over one connection as long as any are left.
func pour(b *testing.B, addr string, left *atomic.Int64) error {
	var d net.Dialer
	conn, err := d.DialContext(b.Context(), "tcp", addr)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // nothing is left to write
	replies := bufio.NewReader(conn)
	say := func(text []byte, n int) error {
		if _, err := conn.Write(text); err != nil {
			return err
		}
		for range n {
			if _, err := replies.ReadSlice('\n'); err != nil {
				return err
			}
		}
		return nil
	}
	line := strings.Repeat("words ", 12) + "\r\n"
	both := []byte("To: a@example.org\r\nMessage-ID: <1@news.example>\r\n\r\n" + strings.Repeat(line, 60_000/len(line)) + ".\r\n" + envelope)
	if err := say(nil, 1); err != nil {
		return err
	}
	if err := say([]byte(envelope), 3); err != nil {
		return err
	}
	for left.Add(-1) >= 0 {
		if err := say(both, 4); err != nil {
			return err
		}
	}
	return nil // what was begun is abandoned
}
