package mailer

import (
	"bufio"
	"bytes"
	"net"
	"sync"
	"testing"
)

// BenchmarkDeliver sends a message of 60 kB after the other to a server that
// does nothing else than count lines.
func BenchmarkDeliver(b *testing.B) {
	raw := bytes.Repeat([]byte("0123456789 0123456789 0123456789 0123456789 0123456789 0123456789\r\n"), 900)
	m := wire(b, raw)
	for name, answer := range map[string]string{"pipelined": pipelines, "in lock-step": ok} {
		b.Run(name, func(b *testing.B) {
			var wg sync.WaitGroup
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			wg.Go(func() { swallow(l, answer) })
			c, err := pipelined(Relay{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, TLS: TLSNone}).Dial(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			if err := c.Open(b.Context(), ann); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.SetBytes(int64(m.Len()))
			ctx := b.Context()
			for b.Loop() {
				if d := c.Deliver(ctx, m, &bob); d.Err != nil || d.NextErr != nil {
					b.Fatal(d)
				}
			}
			c.cut()
			_ = l.Close()
			wg.Wait()
		})
	}
}

// swallow takes messages over one connection and keeps none.
func swallow(l net.Listener, ehlo string) {
	c, err := l.Accept()
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	in := bufio.NewReaderSize(c, 128<<10)
	out := bufio.NewWriter(c)
	_, _ = out.WriteString(greeting)
	inData := false
	for {
		if in.Buffered() == 0 && out.Flush() != nil {
			return
		}
		line, err := in.ReadSlice('\n')
		answer := ok
		switch {
		case err != nil:
			return
		case inData && string(line) != ".\r\n":
			continue
		case string(line) == "DATA\r\n":
			answer = "354 go\r\n"
		case bytes.HasPrefix(line, []byte("EHLO")):
			answer = ehlo
		case inData:
			answer = "250 2.0.0 taken as 0123456789abcdef\r\n"
		}
		inData = string(line) == "DATA\r\n"
		_, _ = out.WriteString(answer)
	}
}
