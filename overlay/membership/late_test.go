package membership

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport"
)

// A node is late when its delays are so together, within a few looks, and for a while afterwards.
func TestLate(t *testing.T) {
	begin := time.Now()
	rows := []struct {
		name  string
		looks []time.Duration // how late each is
		then  time.Duration   // after the last one
		want  bool
	}{
		{"no look yet, in time", nil, lookEvery, false},
		{"no look yet, overdue", nil, lookEvery + lateness, true},
		{"in time", []time.Duration{0, 0, 0}, 0, false},
		{"one long delay", []time.Duration{lateness}, 0, true},
		{"some delays", []time.Duration{lateness / 2, lateness / 2, lateness / 4}, 0, true},
		{"a delay that is going on", []time.Duration{lateness / 2}, lookEvery + lateness/2, true},
		{"small ones without end", slices.Repeat([]time.Duration{lateness / 10}, 1000), 0, false},
		{"long ago", append([]time.Duration{lateness}, slices.Repeat([]time.Duration{0}, int(lateFor/lookEvery))...), 0, false},
	}
	for _, row := range rows {
		var d delays
		now := begin
		d.begin(now)
		for _, late := range row.looks {
			now = now.Add(lookEvery + late)
			d.look(now)
		}
		if got := d.late(now.Add(row.then)); got != row.want {
			t.Errorf("%s: late: %v", row.name, got)
		}
		d.end()
		if d.look(now) || !d.begin(now) || d.begin(now) {
			t.Errorf("%s: what ends does not, or what begins", row.name)
		}
	}
}

// A probe without an answer counts as answered by a node that was late meanwhile, and is repeated
// by others where it was not.
func TestWhoIsLateJudgesNobody(t *testing.T) {
	for _, late := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWires(transport.PeerID{1}, nil, nil)
			_ = w.note("one", message(typePing, encode("SeqNo", 7)))
			time.Sleep(500 * time.Millisecond)
			synctest.Wait()
			if late {
				w.delays.next = w.delays.next.Add(-2 * lateness)
			}
			err := w.note("two", message(typeIndirect, encode("SeqNo", 7)))
			if errors.Is(err, errLate) != late || len(w.packets) == 1 != late {
				t.Fatalf("late: %v; asking another: %v; %d packets", late, err, len(w.packets))
			}
			if late {
				ack := (<-w.packets).Buf
				if newTestScreen(1).packet(ack) != nil || ack[0] != typeAck || numberOf(ack) != 7 {
					t.Errorf("not the answer: %x", ack)
				}
			}
			w.close()
		})
	}
}

// A node that is late believes nobody that others may be dead, and all that is said of itself.
func TestAccusationsWhileLate(t *testing.T) {
	self, other := transport.PeerID{1}.String(), transport.PeerID{2}.String()
	accuse := func(kind byte, node, from string) []byte { return message(kind, encode("Node", node, "From", from)) }
	news := [][]byte{
		accuse(typeSuspect, self, other), message(typeAlive, encode("Node", other)),
		accuse(typeDead, other, other), accuse(typeDead, self, other),
	}
	rows := []struct {
		name       string
		sent, want []byte
	}{
		{"nothing against others", join(news), join(news)},
		{"some", join(append(slices.Clone(news), accuse(typeSuspect, other, self), accuse(typeDead, other, self))), join(news)},
		{"nothing else", accuse(typeSuspect, other, self), join(nil)},
	}
	for _, row := range rows {
		w := newWires(transport.PeerID{1}, nil, newTestScreen(1))
		for _, late := range []bool{false, true} {
			want := row.sent
			if late {
				w.delays.last, want = time.Now(), row.want
			}
			w.packet(transport.PeerID{2}, row.sent)
			if got := (<-w.packets).Buf; !bytes.Equal(got, want) {
				t.Errorf("%s, late: %v: %q, want %q", row.name, late, got, want)
			}
		}
		w.close()
	}
}
