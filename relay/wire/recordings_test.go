package wire_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/project-iris/iris/relay/internal/conversation"
	"github.com/project-iris/iris/relay/wire"
)

var sides = map[conversation.Side]wire.Side{
	conversation.Client: wire.FromApplication,
	conversation.Relay:  wire.FromRelay,
}

// Every frame that the bindings and the node of their time exchanged decodes, and
// encodes back to the bytes that they sent.
func TestRecordings(t *testing.T) {
	conversations, err := conversation.Load(os.DirFS("../testdata/conversations"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, c := range conversations {
		for _, conn := range c.Conns() {
			for name, side := range sides {
				t.Run(fmt.Sprintf("%s/%d/%s", c.Name, conn, name), func(t *testing.T) {
					checkStream(t, c.Stream(conn, name), side, seen)
				})
			}
		}
	}
	// Nobody was denied; all other messages are there.
	if want := 21; len(seen) != want || seen["*wire.Deny"] {
		t.Errorf("recordings hold %d kinds of message, want the %d that are not Deny: %v", len(seen), want, seen)
	}
}

func checkStream(t *testing.T, stream []byte, from wire.Side, seen map[string]bool) {
	r := wire.NewReader(bytes.NewReader(stream), from, wire.Limits{})
	for at := 0; ; {
		m, err := r.Read()
		if errors.Is(err, io.EOF) && at == len(stream) {
			return
		}
		if err != nil {
			t.Fatalf("at byte %d of %d: %v", at, len(stream), err)
		}
		frame := m.Append(nil)
		if !bytes.HasPrefix(stream[at:], frame) {
			t.Fatalf("at byte %d: %T encodes to %.64x…, was %.64x…", at, m, frame, stream[at:])
		}
		at += len(frame)
		seen[fmt.Sprintf("%T", m)] = true
	}
}
