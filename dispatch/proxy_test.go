package dispatch

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"testing"
)

// A proxy stands between a client and its server and can break their
// conversation anywhere.
type proxy struct {
	t        testing.TB
	network  string // where the server is, and its clients find us
	server   string
	listener net.Listener
	// said is called for what a client said, before it is passed on; answered
	// for what the server did. What is returned becomes of it.
	said, answered func(conn int, b []byte) fate
	last           []byte
	serving        sync.WaitGroup
	freed          chan struct{}
	freeOnce       sync.Once

	mu     sync.Mutex
	conns  int
	open   map[net.Conn]bool
	closed bool
}

// A fate is what becomes of bytes in a proxy.
type fate int

const (
	pass    fate = iota
	cut          // neither these bytes nor any more, in either direction
	passCut      // these, and then no more
	passEnd      // these up to last, and then the end; what the other side says is still passed on
	stall        // these stay where they are, nothing more is read, until free
)

// newProxy listens at address, and stands before the server.
func newProxy(t testing.TB, network, address, server string) *proxy {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{t: t, network: network, server: server, listener: l, open: map[net.Conn]bool{}, freed: make(chan struct{})}
	p.said = func(int, []byte) fate { return pass }
	p.answered = p.said
	t.Cleanup(p.close)
	return p
}

// serve begins to take connections; said and answered do not change any more.
func (p *proxy) serve() *proxy {
	p.serving.Go(func() {
		for {
			client, err := p.listener.Accept()
			if err != nil {
				return
			}
			p.serving.Go(func() { p.converse(client) })
		}
	})
	return p
}

func (p *proxy) port() int { return p.listener.Addr().(*net.TCPAddr).Port }

// free cuts what is stalled.
func (p *proxy) free() { p.freeOnce.Do(func() { close(p.freed) }) }

func (p *proxy) close() {
	p.free()
	p.mu.Lock()
	p.closed = true
	_ = p.listener.Close()
	for c := range p.open {
		_ = c.Close()
	}
	p.mu.Unlock()
	p.serving.Wait()
}

// enter notes that a connection is open. It reports false, and closes it, if
// the proxy is closed.
func (p *proxy) enter(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = c.Close()
		return false
	}
	p.open[c] = true
	return true
}

func (p *proxy) converse(client net.Conn) {
	defer func() { _ = client.Close() }() // whoever cuts it is first
	if tcp, ok := client.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(256 << 10) // what is stalled stays with the client
	}
	p.mu.Lock()
	p.conns++
	number := p.conns
	p.mu.Unlock()
	var d net.Dialer
	server, err := d.DialContext(context.Background(), p.network, p.server)
	if err != nil {
		return // as if the server were not there
	}
	defer func() { _ = server.Close() }() // as above
	if !p.enter(client) || !p.enter(server) {
		return
	}
	end := func() {
		_ = client.Close()
		_ = server.Close()
	}
	var both sync.WaitGroup
	both.Go(func() { defer end(); p.relay(client, server, func(b []byte) fate { return p.said(number, b) }) })
	both.Go(func() { defer end(); p.relay(server, client, func(b []byte) fate { return p.answered(number, b) }) })
	both.Wait()
}

// relay passes on what from says to to, as judge says.
func (p *proxy) relay(from, to net.Conn, judge func([]byte) fate) {
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		f := pass
		if n > 0 {
			f = judge(buffer[:n])
		}
		if f == stall {
			<-p.freed
			return
		}
		if f == passEnd {
			n = bytes.LastIndex(buffer[:n], p.last) + len(p.last)
		}
		if f != cut && n > 0 {
			if _, werr := to.Write(buffer[:n]); werr != nil {
				return
			}
		}
		if f == passEnd {
			// A connection that is closed while something is unread takes
			// what is on its way the other way with it.
			if half, ok := to.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
				_, _ = io.Copy(io.Discard, from) // ends when the other side does
			}
			return
		}
		if err != nil || f != pass {
			return
		}
	}
}
