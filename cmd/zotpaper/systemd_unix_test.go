//go:build unix

package main

import (
	"context"
	"net"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// TestServeTellsSystemd is what systemd hears of a service of Type=notify with a
// watchdog.
func TestServeTellsSystemd(t *testing.T) {
	n, _ := newServed(t, "2026-02-08T12:00:00Z")
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := socket.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", strconv.Itoa(int((50 * time.Millisecond).Microseconds())))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- (&app{}).shifts(ctx, n, l, nil) }()
	heard := map[string]int{}
	hear := func(want string, times int) {
		t.Helper()
		if err := socket.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		buffer := make([]byte, 256)
		for heard[want] < times {
			size, err := socket.Read(buffer)
			if err != nil {
				t.Fatalf("waiting for %q after %v: %v", want, heard, err)
			}
			heard[string(buffer[:size])]++
		}
	}
	hear("READY=1", 1)
	hear("WATCHDOG=1", 3)
	stop()
	hear("STOPPING=1", 1)
	if err := <-done; err != nil {
		t.Errorf("serve: %v", err)
	}
	if heard["READY=1"] != 1 || heard["STOPPING=1"] != 1 {
		t.Errorf("systemd heard %v", heard)
	}
}
