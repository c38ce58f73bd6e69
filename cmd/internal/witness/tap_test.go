package witness

import (
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/project-iris/iris/relay/wire"
)

// The tap passes on what both sides say, and sees the second answer of a node.
func TestTheTapSeesWhatPasses(t *testing.T) {
	dir := t.TempDir()
	node, err := net.Listen("unix", filepath.Join(dir, "node"))
	if err != nil {
		t.Fatal(err)
	}
	l := NewLedger()
	between := tap{ledger: l, node: "node", socket: node.Addr().String()}
	if err := between.serve(t.Context(), filepath.Join(dir, "tap")); err != nil {
		t.Fatal(err)
	}
	application, err := net.Dial("unix", filepath.Join(dir, "tap"))
	if err != nil {
		t.Fatal(err)
	}
	relay, err := node.Accept()
	if err != nil {
		t.Fatal(err)
	}
	patience := uint64(time.Hour / time.Millisecond)
	for _, m := range []wire.Message{
		&wire.Init{Version: []byte("v"), Cluster: []byte("c")},
		&wire.Request{ID: 7, Cluster: []byte("c"), Body: []byte("body"), Timeout: patience},
		&wire.TunInit{ID: 7, Cluster: []byte("c"), Timeout: patience},
	} {
		pass := m.Append(nil)
		if _, err := application.Write(pass); err != nil {
			t.Fatal(err)
		}
		expect(t, relay, pass)
	}
	for _, m := range []wire.Message{
		&wire.Accept{Version: []byte("v")},
		&wire.TunResult{ID: 7, ChunkLimit: 1},
		&wire.Result{ID: 7, OK: true, Body: []byte("reply")},
		&wire.Result{ID: 7, OK: true, Body: []byte("reply")},
	} {
		pass := m.Append(nil)
		if _, err := relay.Write(pass); err != nil {
			t.Fatal(err)
		}
		expect(t, application, pass)
	}
	if count := l.Counts()[OneAnswer]; count.Checked != 3 || count.Broken != 1 {
		t.Errorf("of %d answers %d were one too many", count.Checked, count.Broken)
	}
	_ = application.Close()
	if n, err := relay.Read(make([]byte, 1)); err == nil {
		t.Errorf("the node reads %d bytes when the application has gone", n)
	}
	_ = relay.Close()
	_ = node.Close()
}

// expect reads as many bytes as it wants, and wants these.
func expect(t *testing.T, from net.Conn, want []byte) {
	t.Helper()
	got := make([]byte, len(want))
	for n := 0; n < len(got); {
		more, err := from.Read(got[n:])
		if err != nil {
			t.Fatalf("%q came of %q: %v", got[:n], want, err)
		}
		n += more
	}
	if string(got) != string(want) {
		t.Fatalf("%q came, not %q", got, want)
	}
}
