package dispatch

import (
	"context"
	"fmt"
	"testing"

	"github.com/zotpaper/zotpaper/internal/database/databasetest"
	"github.com/zotpaper/zotpaper/mailer"
)

// BenchmarkClerk measures what it costs to record the outcome of a delivery and
// to take the next one, by how many connections share the statement.
func BenchmarkClerk(b *testing.B) {
	for _, connections := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("connections=%d", connections), func(b *testing.B) {
			tr := newTrial(b, databasetest.SQLite(b), 20_000, nil)
			tr.Ledger.Batch = 10_000
			r, err := tr.newRun(b.Context(), tr.assignment())
			if err != nil {
				b.Fatal(err)
			}
			defer r.stop(nil)
			s := claimAll(b, r)
			defer r.clerk.disconnect()
			var last []*Delivery
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				if len(r.queue.waiting) < connections {
					b.StartTimer()
					b.Skip("ran out")
				}
				_ = s
				b.StartTimer()
				var group []*request
				for i := range connections {
					q := &request{want: r.queue.next()}
					if last != nil {
						q.settled = []settled{{last[i], outcome{state: Sent, reply: mailer.Reply{Code: 250, Enhanced: "2.0.0", Text: "taken"}}}}
					}
					group = append(group, q)
				}
				if _, err := r.clerk.record(context.Background(), group); err != nil {
					b.Fatal(err)
				}
				last = last[:0]
				for _, q := range group {
					last = append(last, q.want)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*connections), "µs/delivery")
		})
	}
}

func claimAll(b *testing.B, r *run) []*share {
	var list []*share
	for n := int64(1); ; n++ {
		s, err := r.claim(b.Context(), n)
		if err != nil {
			return list
		}
		b.Cleanup(func() { _ = s.journal.Remove() })
		list = append(list, s)
	}
}
