package journal

import (
	"runtime"
	"sync/atomic"
	"testing"
)

// benchmark runs do from 16 goroutines, as from so many connections.
func benchmark(b *testing.B, do func(j *Journal, position int64) error) {
	const connections = 16
	b.Run("connections=16", func(b *testing.B) {
		dir := b.TempDir()
		var journal atomic.Pointer[Journal]
		journal.Store(create(b, dir))
		var count atomic.Int64
		b.ReportAllocs()
		b.SetParallelism(max(1, connections/runtime.GOMAXPROCS(0)))
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				n := count.Add(1)
				// A file may not grow for ever.
				if n%100_000 == 0 {
					j, err := Create(dir, ID{Fence: n})
					if err != nil {
						b.Error(err)
						return
					}
					b.Cleanup(func() { _ = j.Close() }) // the folder goes with the benchmark
					journal.Store(j)
				}
				if err := do(journal.Load(), n); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

func BenchmarkBegin(b *testing.B) {
	benchmark(b, func(j *Journal, position int64) error { return j.Begin(position) })
}

func BenchmarkEnd(b *testing.B) {
	outcome := []byte(`{"state":"sent","code":250,"enhanced":"2.0.0","text":"Ok: queued as 4F2C91A0B3"}`)
	benchmark(b, func(j *Journal, position int64) error { return j.End(position, outcome) })
}
