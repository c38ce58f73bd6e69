package wire_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/overlay/wire/wiretest"
)

// What two nodes once said to each other still has the meaning that it had, and is said
// in the same bytes. Package overlay plays it against a node.
func TestRecordedConversations(t *testing.T) {
	files, err := filepath.Glob("testdata/conversation-*.txt")
	if err != nil {
		t.Fatal(err)
	}
	var covered []wire.Type
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		steps, err := wiretest.Parse(string(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range steps {
			for _, l := range s.Lines {
				switch {
				case l.IsFrame():
					covered = append(covered, checkLine(t, s.Name, l))
				case l.Word() == "VERDICT" && l.Meaning != fmt.Sprint("VERDICT ", wire.Verdict(l.Bytes[0])):
					t.Errorf("%s: %x does not mean %s", s.Name, l.Bytes, l.Meaning)
				}
			}
		}
	}
	for _, want := range []wire.Type{
		wire.TypeInfo, wire.TypeUpdate, wire.TypeDigest, wire.TypeAck, wire.TypeRequest, wire.TypeReply, wire.TypeRefusal,
		wire.TypeBroadcast, wire.TypeEvent, wire.TypeForward, wire.TypeForwarded, wire.TypeMarkerPassed, wire.TypeTunnel,
	} {
		if !slices.Contains(covered, want) {
			t.Errorf("no conversation has a %v", want)
		}
	}
}

// checkLine decodes a frame, and encodes it again.
func checkLine(t *testing.T, step string, l wiretest.Line) wire.Type {
	t.Helper()
	m, err := wiretest.Decode(l.Bytes)
	if err != nil {
		t.Errorf("%s: %s: %v", step, l.Meaning, err)
		return 0
	}
	if got := wiretest.Meaning(m); got != l.Meaning {
		t.Errorf("%s: %x\nmeans  %s\nwanted %s", step, l.Bytes, got, l.Meaning)
	}
	if again := m.Append(nil); !bytes.Equal(again, l.Bytes) {
		t.Errorf("%s: %s is said as %x, was %x", step, l.Meaning, again, l.Bytes)
	}
	return m.Type()
}
