package main

import (
	"bytes"
	"io"
	"net"
	"testing"
)

// What one node sends over either transport arrives at the other, and back.
func TestNaiveNodesReachEachOther(t *testing.T) {
	dir := t.TempDir()
	if err := makeCertificates(dir); err != nil {
		t.Fatal(err)
	}
	config, err := readCertificates(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, transport := range []string{overTCP, overQUIC} {
		t.Run(transport, func(t *testing.T) {
			last := naive{transport: transport, last: true, config: config}
			accept, addr, err := last.listen()
			if err != nil {
				t.Fatal(err)
			}
			echoed := make(chan error, 1)
			go func() {
				c, err := accept(t.Context())
				if err == nil {
					copyAll(c, c)
				}
				echoed <- err
			}()
			first := naive{transport: transport, to: addr, config: config}
			checkEcho(t, first)
			if err := <-echoed; err != nil {
				t.Error(err)
			}
		})
	}
}

func checkEcho(t *testing.T, first naive) {
	t.Helper()
	dial, err := first.dialer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c, err := dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sent := bytes.Repeat([]byte("chunk"), bulkSize)
	go func() { _, _ = c.Write(sent) }()
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("what comes back is not what was sent: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// When one side has ended, what it has sent is handed over, and the other side is ended.
func TestCopiesEndTogether(t *testing.T) {
	near, from := net.Pipe()
	to, far := net.Pipe()
	go copyAll(to, from)
	go func() {
		_, _ = near.Write([]byte("last words"))
		near.Close()
	}()
	if got, err := io.ReadAll(far); err != nil || string(got) != "last words" {
		t.Errorf("got %q, %v", got, err)
	}
}
