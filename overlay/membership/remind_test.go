package membership

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport"
)

// sent is a carrier that notes what is sent.
type sent struct {
	Carrier
	to      []transport.PeerID
	packets []string
}

func (s *sent) SendPacket(to transport.PeerID, b []byte) {
	s.to = append(s.to, to)
	s.packets = append(s.packets, string(b))
}

// TestASuspectIsReminded every tenth of a second: until its time is over, whoever
// suspects it again, or until it is none any more.
func TestASuspectIsReminded(t *testing.T) {
	id := transport.PeerID{1}
	about := func(kind byte, name string) []byte { return message(kind, encode("Incarnation", 1, "Node", name)) }
	suspicion := about(typeSuspect, id.String())
	rows := []struct {
		name  string
		first []byte
		then  []byte // comes after 350 ms
		times int
	}{
		{"suspected", suspicion, nil, 11},
		{"suspected again", suspicion, suspicion, 11},
		{"alive", suspicion, about(typeAlive, id.String()), 3},
		{"dead", suspicion, about(typeDead, id.String()), 3},
		{"another is alive", suspicion, about(typeAlive, transport.PeerID{2}.String()), 11},
		{"nobody", about(typeSuspect, "nobody"), nil, 0},
	}
	for _, row := range rows {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			r, carrier := newReminders(), &sent{}
			go r.run(ctx, carrier)
			packet := slices.Clone(row.first)
			r.sent(packet)
			clear(packet) // is memberlist's
			time.Sleep(350 * time.Millisecond)
			r.sent(row.then)
			time.Sleep(time.Minute)
			synctest.Wait()
			if len(carrier.to) != row.times {
				t.Errorf("%s: reminded %d times, want %d", row.name, len(carrier.to), row.times)
			}
			for i, to := range carrier.to {
				if to != id || carrier.packets[i] != string(suspicion) {
					t.Errorf("%s: %q was sent to %s", row.name, carrier.packets[i], to.Short())
				}
			}
		})
	}
}
