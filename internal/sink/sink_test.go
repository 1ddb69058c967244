package sink

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/smtp"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// asSink makes the test binary a sink and nothing else, for TestProcess.
const asSink = "as-sink"

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == asSink {
		if err := Main(os.Args[2], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func start(t *testing.T, o Options) *Server {
	t.Helper()
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func dial(t *testing.T, addr string) *smtp.Client {
	t.Helper()
	c, err := smtp.Dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // the server may have closed it
	return c
}

// send sends one message as any client does, one command after the other.
func send(c *smtp.Client, to, body string) error {
	if err := c.Mail("desk@news.example"); err != nil {
		return err
	}
	if err := c.Rcpt(to); err != nil {
		return errors.Join(err, c.Reset())
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "Subject: News\r\nTo: <%s>\r\nMessage-ID:\r\n <1.%s>\r\nDate: today\r\n\r\n%s", to, to, body)
	return w.Close()
}

// outcome returns the code of a reply, 0 for success, -1 if the connection
// broke.
func outcome(err error) int {
	var reply *textproto.Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &reply):
		return reply.Code
	}
	return -1
}

func ledger(t *testing.T, file string) []Delivery {
	t.Helper()
	var list []Delivery
	if err := ReadLedger(file, func(d Delivery) { list = append(list, d) }); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestCountsReadersAndCopies(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ledger")
	s := start(t, Options{Ledger: file})
	c := dial(t, s.Addr())
	for _, to := range []string{"a@example.org", "b@example.org", "B@Example.org", "c@example.org"} {
		if err := send(c, to, "Hello.\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	if err := send(c, "a@example.org", "Hello again.\r\n"); err != nil {
		t.Fatal(err)
	}
	got := s.Stats()
	if got.Messages != 5 || got.Recipients != 3 || got.Duplicates != 2 || got.OtherIDs != 0 || got.Strays != 0 || got.Broken != 0 {
		t.Errorf("Stats() = %+v, want 5 messages to 3 recipients, 2 duplicates of them", got)
	}
	if got.First == 0 || got.Last <= got.First || got.Connections != 1 || got.Open != 1 {
		t.Errorf("Stats() = %+v, want a first and a last time, one connection", got)
	}
	lines := ledger(t, file)
	if len(lines) != 5 {
		t.Fatalf("%d lines in the ledger, want 5", len(lines))
	}
	first, last := lines[0], lines[4]
	if first.Recipient != "a@example.org" || first.MessageID != "<1.a@example.org>" || first.Connection != 1 || first.Bytes == 0 {
		t.Errorf("the first line says %+v", first)
	}
	if last.MessageID != first.MessageID || last.SHA256 == first.SHA256 {
		t.Errorf("two messages that differ: %+v and %+v, want one Message-ID and two hashes", first, last)
	}
	s.Reset()
	if got := s.Stats(); got.Messages != 0 || got.Recipients != 0 || got.First != 0 || got.Bytes != 0 {
		t.Errorf("after Reset Stats() = %+v, want nothing", got)
	}
}

func TestOtherMessageIDsAndStraysAreCounted(t *testing.T) {
	s := start(t, Options{})
	c := dial(t, s.Addr())
	for _, to := range []string{"a@example.org", "b@example.org"} {
		for _, step := range []error{c.Mail("desk@news.example"), c.Rcpt("a@example.org")} {
			if step != nil {
				t.Fatal(step)
			}
		}
		w, err := c.Data()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(w, "To: %s\r\nMessage-ID: <%s>\r\n\r\n", to, to)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.Stats(); got.Duplicates != 1 || got.OtherIDs != 1 || got.Strays != 1 {
		t.Errorf("Stats() = %+v, want one duplicate with another Message-ID, and one message to another reader than it says", got)
	}
}

// TestFinalDot moves the final dot, and what looks like one, over the edges of
// the buffer.
func TestFinalDot(t *testing.T) {
	s := start(t, Options{})
	c := dial(t, s.Addr())
	var want int64
	for n := bufferSize - 200; n < bufferSize+50; n += 5 {
		body := strings.Repeat("x", n%900) + "\r\n" + strings.Repeat(strings.Repeat("y", 998)+"\r\n", n/1000) + ".\r\n..\r\n"
		if err := send(c, "a@example.org", body); err != nil {
			t.Fatalf("a body of %d bytes: %v", len(body), err)
		}
		want++
	}
	for _, body := range []string{"", ".", "\r\n.\r\n", "no end"} {
		if err := send(c, "a@example.org", body); err != nil {
			t.Fatalf("body %q: %v", body, err)
		}
		want++
	}
	if got := s.Stats(); got.Messages != want || got.Broken != 0 {
		t.Errorf("%d messages, %d commands out of order, want %d and none", got.Messages, got.Broken, want)
	}
}

func TestDotsAreCountedAsTheyCame(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ledger")
	s := start(t, Options{Ledger: file})
	c := dial(t, s.Addr())
	for _, body := range []string{".one\r\n", "one\r\n"} {
		if err := send(c, "a@example.org", body); err != nil {
			t.Fatal(err)
		}
	}
	lines := ledger(t, file)
	if got := lines[0].Bytes - lines[1].Bytes; got != 2 {
		t.Errorf("a dot at the beginning of a line is %d bytes, want 2: it is doubled", got)
	}
}

// converse writes each part in one go and reads as many replies as it says.
func converse(t *testing.T, addr string, parts ...part) {
	t.Helper()
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }() // nothing is left to write
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	r := textproto.NewReader(bufio.NewReader(conn))
	for _, p := range parts {
		if _, err := io.WriteString(conn, p.write); err != nil {
			t.Fatalf("write %.40q: %v", p.write, err)
		}
		for _, want := range p.codes {
			if got, text, err := r.ReadResponse(want); err != nil {
				t.Fatalf("after %.40q: %d %s, want %d (%v)", p.write, got, text, want, err)
			}
		}
	}
}

type part struct {
	write string
	codes []int
}

const (
	envelope = "MAIL FROM:<desk@news.example>\r\nRCPT TO:<a@example.org>\r\nDATA\r\n"
	message  = "To: a@example.org\r\nMessage-ID: <1@news.example>\r\n\r\nHello.\r\n.\r\n"
)

func TestPipelining(t *testing.T) {
	s := start(t, Options{})
	converse(t, s.Addr(),
		part{"", []int{220}}, part{"EHLO us\r\n", []int{250}},
		part{envelope, []int{250, 250, 354}},
		part{message + envelope, []int{250, 250, 250, 354}}, // the next envelope comes with the message
		part{message + "RSET\r\nNOOP\r\nQUIT\r\n", []int{250, 250, 250, 221}},
	)
	if got := s.Stats(); got.Messages != 2 || got.Broken != 0 || got.Strays != 0 {
		t.Errorf("Stats() = %+v, want 2 messages", got)
	}
}

func TestARefusedRecipientRefusesDATA(t *testing.T) {
	s := start(t, Options{RcptNo: 1})
	converse(t, s.Addr(),
		part{"", []int{220}}, part{"EHLO us\r\n", []int{250}},
		part{envelope + "RSET\r\n" + envelope, []int{250, 550, 554, 250, 250, 550, 554}},
	)
	if got := s.Stats(); got.Messages != 0 || got.Refused != 2 {
		t.Errorf("Stats() = %+v, want no message and 2 refused", got)
	}
}

func TestDistance(t *testing.T) {
	const rtt = 50 * time.Millisecond
	s := start(t, Options{RTT: rtt})
	begun := time.Now()
	converse(t, s.Addr(),
		part{"", []int{220}}, part{"EHLO us\r\n", []int{250}},
		part{envelope, []int{250, 250, 354}},
		part{message + envelope, []int{250, 250, 250, 354}},
		part{message, []int{250}},
		part{"QUIT\r\n", []int{221}},
	)
	// At most twice as long: that pipelined commands share a round trip is
	// what counts, and there are 12 commands.
	if took := time.Since(begun); took < 6*rtt || took > 12*rtt {
		t.Errorf("six round trips took %v, want about %v", took, 6*rtt)
	}
}

func TestFaults(t *testing.T) {
	tests := []struct {
		name  string
		o     Options
		want  []int // the outcomes of tries at one recipient
		taken int64
	}{
		{"nothing is wrong", Options{}, []int{0, 0}, 2},
		{"450 once", Options{RcptLater: 1}, []int{450, 0, 0}, 2},
		{"450 for three tries", Options{RcptLater: 1, Tries: 3}, []int{450, 450, 450, 0}, 1},
		{"550 always", Options{RcptNo: 1}, []int{550, 550, 550}, 0},
		{"451 at the dot", Options{DataLater: 1, Tries: 2}, []int{451, 451, 0}, 1},
		{"cut after the dot, recorded", Options{Cut: 1}, []int{-1, 0, 0}, 3},
		{"too big", Options{Size: 20}, []int{552, 552}, 0},
		{"one message a connection", Options{Messages: 1}, []int{0, 421, 0}, 2},
		{"a reply that takes its time", Options{DotDelay: time.Millisecond}, []int{0, 0}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.Ledger = filepath.Join(t.TempDir(), "ledger")
			s := start(t, tt.o)
			c := dial(t, s.Addr())
			for i, want := range tt.want {
				err := send(c, "a@example.org", "Hello.\r\n")
				if got := outcome(err); got != want {
					t.Fatalf("try %d ended with %d (%v), want %d", i+1, got, err, want)
				}
				if want == -1 || want == 421 {
					c = dial(t, s.Addr())
				}
			}
			if got := s.Stats(); got.Messages != tt.taken {
				t.Errorf("Stats() = %+v, want %d messages", got, tt.taken)
			}
			if got := len(ledger(t, tt.o.Ledger)); int64(got) != tt.taken {
				t.Errorf("%d lines in the ledger, want %d", got, tt.taken)
			}
		})
	}
}

func TestALongMessageIsReadToItsEnd(t *testing.T) {
	s := start(t, Options{Size: 3 * bufferSize})
	c := dial(t, s.Addr())
	line := strings.Repeat("z", 998) + "\r\n"
	if err := send(c, "a@example.org", strings.Repeat(line, 2*bufferSize/1000)); err != nil {
		t.Errorf("twice the buffer: %v", err)
	}
	if got := outcome(send(c, "a@example.org", strings.Repeat(line, 9*bufferSize/1000))); got != 552 {
		t.Errorf("nine times the buffer: %d, want 552", got)
	}
	if err := send(c, "a@example.org", "Hello.\r\n"); err != nil {
		t.Errorf("the message after it: %v", err)
	}
}

func TestABrokenMessageIsNone(t *testing.T) {
	s := start(t, Options{})
	converse(t, s.Addr(), part{"", []int{220}}, part{envelope, []int{250, 250, 354}}, part{message[:20], nil})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := s.Stats(); got.Messages != 0 {
		t.Errorf("Stats() = %+v, want no message", got)
	}
}

func TestTLS(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sink.pem")
	s := start(t, Options{STARTTLS: true, Certificate: file, RTT: time.Millisecond})
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		t.Fatalf("no certificate in %q", text)
	}
	c := dial(t, s.Addr())
	if err := c.StartTLS(&tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}); err != nil {
		t.Fatal(err)
	}
	if err := send(c, "a@example.org", strings.Repeat("Hello.\r\n", 20_000)); err != nil {
		t.Fatal(err)
	}
	if err := c.Quit(); err != nil {
		t.Fatal(err)
	}
	if got := s.Stats(); got.Messages != 1 || got.Handshakes != 1 {
		t.Errorf("Stats() = %+v, want one message after one handshake", got)
	}
}

func TestNothingIsSaidInFrontOfTLS(t *testing.T) {
	s := start(t, Options{STARTTLS: true})
	converse(t, s.Addr(), part{"", []int{220}}, part{"EHLO us\r\n", []int{250}}, part{"STARTTLS\r\nNOOP\r\n", []int{501}})
}

func TestOnlyLoopback(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:25"} {
		if s, err := Start(Options{Addr: addr}); err == nil {
			_ = s.Close()
			t.Errorf("Start on %s, want an error", addr)
		}
	}
}

func TestFractionsPickTheSameRecipients(t *testing.T) {
	picked := func(seed uint64) map[int]bool {
		o, m := Options{Seed: seed}, map[int]bool{}
		for i := range 20_000 {
			if o.drawn(rcptNo, fmt.Appendf(nil, "reader%d@example.org", i), 0.05) {
				m[i] = true
			}
		}
		return m
	}
	one, again, other := picked(1), picked(1), picked(2)
	if len(one) < 850 || len(one) > 1150 {
		t.Errorf("%d of 20,000 drawn, want about 1,000", len(one))
	}
	same, shared := true, 0
	for i := range one {
		same = same && again[i]
		if other[i] {
			shared++
		}
	}
	if !same || shared > 150 {
		t.Errorf("same seed same recipients: %v; another seed shares %d of %d", same, shared, len(one))
	}
}

func TestProcess(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ledger")
	p, err := Spawn(t.Context(), Options{Ledger: file}, asSink)
	if err != nil {
		t.Fatal(err)
	}
	old := dial(t, p.Addr)
	if err := p.Mark(); err != nil {
		t.Fatal(err)
	}
	if err := send(old, "a@example.org", "Hello.\r\n"); err != nil {
		t.Fatal(err)
	}
	if got, err := p.Stats(); err != nil || got.Messages != 1 || got.Resumed != 0 {
		t.Errorf("Stats() = %+v, %v, want one message, none of a connection since the mark", got, err)
	}
	if err := send(dial(t, p.Addr), "b@example.org", "Hello.\r\n"); err != nil {
		t.Fatal(err)
	}
	if got, err := p.Stats(); err != nil || got.Messages != 2 || got.Resumed == 0 {
		t.Errorf("Stats() = %+v, %v, want two messages, one of a connection since the mark", got, err)
	}
	if err := p.Reset(); err != nil {
		t.Fatal(err)
	}
	if got, err := p.Stats(); err != nil || got.Messages != 0 {
		t.Errorf("after Reset Stats() = %+v, %v, want no messages", got, err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if got := len(ledger(t, file)); got != 2 {
		t.Errorf("%d lines in the ledger, want 2", got)
	}
}

func TestReadLedgerNamesTheLine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ledger")
	if err := os.WriteFile(file, []byte("1\t1\ta@example.org\t<1>\t10\tff\n1\t1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := ReadLedger(file, func(Delivery) {})
	if err == nil || !strings.Contains(err.Error(), "ledger:2:") {
		t.Errorf("ReadLedger: %v, want an error at line 2", err)
	}
}
