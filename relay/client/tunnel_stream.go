package client

import (
	"context"
	"fmt"
	"io"
)

// A Tunnel is a stream of bytes for whoever wants one. The protocol closes both
// directions at once, so there is no CloseWrite: who has to hear the other side out
// agrees with it on a last message, and closes after that, or uses a [Stream].
var _ io.ReadWriteCloser = (*Tunnel)(nil)

// Read makes a Tunnel an io.Reader: it returns the bytes of one message after the
// other, as many as there are of the current one, and waits if there are none. The
// bytes of a message are there when all of it has arrived, and are granted again
// to the sender when all of it has been read.
//
// Errors are those of [Tunnel.Receive]. Close ends a Read that waits.
func (t *Tunnel) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	t.receiving <- struct{}{}
	defer func() { <-t.receiving }()
	if err := t.ensureMessage(context.Background()); err != nil {
		return 0, receiveError(err)
	}
	n := copy(p, t.reading.rest)
	t.reading.rest = t.reading.rest[n:]
	if len(t.reading.rest) == 0 {
		t.settle()
	}
	return n, nil
}

// Write makes a Tunnel an io.Writer: it sends the bytes as messages of one chunk
// each, so that the receiver can use the first ones while the last are on their
// way. It waits for the receiver. Close ends a Write that waits.
//
// It returns how many bytes were sent. Errors are those of [Tunnel.Send] except those
// of the message's size.
func (t *Tunnel) Write(p []byte) (int, error) {
	t.sending <- struct{}{}
	defer func() { <-t.sending }()
	sent := 0
	for sent < len(p) {
		n := min(len(p)-sent, t.chunk)
		if err := t.sendChunk(context.Background(), n, p[sent:sent+n]); err != nil {
			return sent, fmt.Errorf("write: %w", err)
		}
		sent += n
	}
	return sent, nil
}
