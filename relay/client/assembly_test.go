package client

import (
	"bytes"
	"testing"
)

// A claimed length allocates nothing: the room follows the bytes that arrive.
func TestAssemblyAllocatesWhatArrives(t *testing.T) {
	a := assembly{limit: 64 << 20, owed: 4 << 20}
	a.granted()
	if err := a.add(64<<20, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	if n := cap(a.partial); n > 100 {
		t.Errorf("10 bytes take %d", n)
	}
	for range 1000 {
		if err := a.add(0, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		if have, n := cap(a.partial), len(a.partial); have > 2*n+1000 {
			t.Fatalf("%d bytes take %d", n, have)
		}
	}
}

// However a node cuts messages, they come out as they were, in room of their length,
// and the account stays exact.
func FuzzAssembly(f *testing.F) {
	f.Add([]byte{3, 1, 2, 0, 200, 7}, uint8(3))
	f.Add([]byte{0, 0, 5, 5, 5}, uint8(1))
	f.Fuzz(func(t *testing.T, script []byte, limit uint8) {
		const window = 100
		a := assembly{limit: int(limit), owed: window}
		a.granted()
		var sent, taken int
		for i := 0; i+1 < len(script); i += 2 {
			chunk := bytes.Repeat([]byte{script[i]}, int(script[i+1])%50)
			if err := a.add(uint64(script[i]), chunk); err != nil {
				return
			}
			sent += len(chunk)
			if i%3 == 0 {
				m := a.next()
				a.owed += len(m)
				taken += len(m)
				a.granted()
			}
			held := len(a.partial)
			for _, m := range a.messages {
				held += len(m)
				if len(m) == 0 || cap(m) != len(m) || len(m) > int(limit) {
					t.Fatalf("message of %d bytes in %d", len(m), cap(m))
				}
			}
			if int(a.credit)+a.owed+held != window {
				t.Fatalf("%d of credit, %d owed, %d held: not %d; %d sent, %d taken", a.credit, a.owed, held, window, sent, taken)
			}
			if held > window+int(limit) {
				t.Fatalf("%d bytes held", held)
			}
		}
	})
}
