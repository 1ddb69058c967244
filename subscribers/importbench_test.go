//go:build unix

package subscribers

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
)

// BenchmarkImport imports a file of a million rows as a process of its own, so
// that its memory is that of an import and of nothing else: MB-peak is the
// resident memory at its highest, as the system counts it. Of a hundred rows one
// is bad in one of eight ways, five are repeated half a file away and five are
// suppressed. Then the same file once more, which adds nobody. On PostgreSQL,
// whose memory is not counted, it is a fifth of that.
func BenchmarkImport(b *testing.B) {
	const rows = 1_000_000
	b.Run("sqlite", func(b *testing.B) {
		benchmarkImport(b, rows, func() string { return "sqlite:" + filepath.Join(b.TempDir(), "zotpaper.db") })
	})
	b.Run("postgres", func(b *testing.B) {
		benchmarkImport(b, rows/5, func() string { return databasetest.PostgreSQLURL(b) })
	})
}

func benchmarkImport(b *testing.B, rows int, open func() string) {
	file := filepath.Join(b.TempDir(), "readers.csv")
	writeHostile(b, file, rows)
	n := int64(rows)
	for b.Loop() {
		b.StopTimer()
		url := open()
		suppressHostile(b, url, rows)
		b.StartTimer()
		report, took, cpu, peak := measureImport(b, url, file)
		b.StopTimer()
		want := ImportReport{Rows: n, Added: n - n/100 - n/20 - n/20, Repeated: n / 20, Suppressed: n / 20, Refused: n / 100}
		if !sameCounts(report, want) {
			b.Fatalf("%+v, want %+v", report, want)
		}
		b.ReportMetric(took.Seconds(), "s/import")
		b.ReportMetric(float64(rows)/took.Seconds(), "rows/s")
		b.ReportMetric(cpu.Seconds(), "cpu-s/import")
		b.ReportMetric(peak, "MB-peak")
		report, took, _, _ = measureImport(b, url, file)
		want.Added, want.Already = 0, want.Added
		if !sameCounts(report, want) {
			b.Fatalf("again: %+v, want %+v", report, want)
		}
		b.ReportMetric(took.Seconds(), "s/again")
		b.StartTimer()
	}
}

func sameCounts(a, b ImportReport) bool {
	return a.Rows == b.Rows && a.Added == b.Added && a.Already == b.Already && a.Repeated == b.Repeated &&
		a.Suppressed == b.Suppressed && a.Refused == b.Refused && a.SuppressedByFile == b.SuppressedByFile && a.Withdrawn == b.Withdrawn
}

// measureImport imports a file in a process of its own, and returns its report,
// how long it took from beginning to end, the time of processors it used, and
// its highest resident memory in MB.
func measureImport(b *testing.B, url, file string) (report ImportReport, took, cpu time.Duration, peak float64) {
	b.Helper()
	in, err := os.Open(file)
	if err != nil {
		b.Fatal(err)
	}
	defer in.Close()
	child := childImport(b.Context(), url, importBatch)
	var out bytes.Buffer
	child.Stdin, child.Stdout = in, &out
	began := time.Now()
	if err := child.Run(); err != nil {
		b.Fatal(err)
	}
	took = time.Since(began)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &report); err != nil {
		b.Fatal(err)
	}
	usage, ok := child.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		b.Fatal("the system does not say how much memory a process had")
	}
	unit := 1024.0 // the unit of ru_maxrss
	if runtime.GOOS == "darwin" {
		unit = 1
	}
	cpu = child.ProcessState.UserTime() + child.ProcessState.SystemTime()
	return report, took, cpu, float64(usage.Maxrss) * unit / 1e6
}

// hostileAddress is scattered, as addresses are: an index would like an order.
func hostileAddress(i, rows int) string {
	return fmt.Sprintf("reader.%07d@mail%d.example.org", i*7919%rows, i%1000)
}

// isSuppressed reports whether row i is of somebody who must not be mailed.
func isSuppressed(i int) bool { return i%100 >= 6 && i%100 <= 10 }

// writeHostile writes a file of so many rows, a multiple of 200.
func writeHostile(b *testing.B, name string, rows int) {
	b.Helper()
	f, err := os.Create(name)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriter(f)
	fmt.Fprint(w, "email,name\n")
	for i := range rows {
		switch k := i % 100; {
		case k == 0:
			writeBad(w, i)
		case k <= 5: // the same again as half a file away, in capitals
			fmt.Fprintf(w, "%s,Reader Nümber %d\n", strings.ToUpper(hostileAddress((i+50+rows/2)%rows, rows)), i)
		default:
			fmt.Fprintf(w, "%s,Reader Nümber %d\n", hostileAddress(i, rows), i)
		}
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
}

// writeBad writes a row that is refused.
func writeBad(w io.Writer, i int) {
	switch i / 100 % 8 {
	case 0:
		fmt.Fprintf(w, "\"bad%d@example.org,a quote that stays open\n", i)
	case 1:
		fmt.Fprintf(w, "bad%d\x00@example.org,NUL\n", i)
	case 2:
		fmt.Fprintf(w, "bad%d.example.org,no at\n", i)
	case 3:
		fmt.Fprintf(w, "bad%d@example.org,\"a header\r\nBcc: all@example.org\"\n", i)
	case 4:
		fmt.Fprintf(w, "=cmd|'/c calc'!A%d,a formula\n", i)
	case 5:
		fmt.Fprintf(w, "bad%d@example.org,M\xfcller\n", i)
	case 6:
		for _, c := range fmt.Sprintf("bad%d@example.org,UTF-16", i) {
			fmt.Fprintf(w, "%c\x00", c)
		}
		fmt.Fprint(w, "\n")
	case 7:
		length := 1000
		if i < 2400 { // three of ten megabytes
			length = 10 << 20
		}
		fmt.Fprintf(w, "bad%d@example.org,%s\n", i, strings.Repeat("long ", length/5))
	}
}

// suppressHostile suppresses those of whom isSuppressed says so.
func suppressHostile(b *testing.B, url string, rows int) {
	b.Helper()
	db, err := database.Open(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	}()
	var file bytes.Buffer
	file.WriteString("email,status\n")
	for i := range rows {
		if isSuppressed(i) {
			fmt.Fprintf(&file, "%s,bounced\n", hostileAddress(i, rows))
		}
	}
	report, err := newStore(b, db).Import(b.Context(), &file, ImportOptions{List: "afternoon", By: "test"})
	if err != nil || report.SuppressedByFile != int64(rows/20) {
		b.Fatalf("suppress: %+v, %v", report, err)
	}
}
