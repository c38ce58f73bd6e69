package node

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay"
	"github.com/project-iris/iris/relay/wire"
	"github.com/project-iris/iris/transport"
)

// A request is read in time, and answered by its deadline, whatever was sent before it on the same
// connection to nodes that there is no link to. Those get what was sent to them in order, when
// there is one.
func TestARequestDoesNotWaitBehindEvents(t *testing.T) {
	for name, send := range map[string]struct {
		message func(i int) wire.Message
		comes   func(i int) wire.Message
	}{
		"events": {
			func(i int) wire.Message {
				return &wire.Publish{Topic: []byte("news"), Event: fmt.Append(nil, i)}
			},
			func(i int) wire.Message {
				return &wire.Publish{Topic: []byte("news"), Event: fmt.Append(nil, i)}
			},
		},
		"broadcasts": {
			func(i int) wire.Message {
				return &wire.Broadcast{Cluster: []byte("svc"), Message: fmt.Append(nil, i)}
			},
			func(i int) wire.Message { return &wire.Delivery{Message: fmt.Append(nil, i)} },
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network, here, there := startTwoRelays(t, 0)
				receiver := there.attach(t, "svc")
				receiver.send(&wire.Subscribe{Topic: []byte("news")})
				caller := here.attach(t, "")
				pass()
				caller.send(send.message(0))
				receiver.expect(send.comes(0))

				network.Partition([]transport.PeerID{here.end.ID()}, []transport.PeerID{there.end.ID()})
				caller.send(request(1, "svc", "", 10_000))
				caller.expect(answer(1, false, overlay.FaultMemberLost)) // and the link is lost
				began := time.Now()
				caller.send(send.message(1), send.message(2), request(2, "nobody", "", 500), send.message(3))
				caller.expect(&wire.Result{ID: 2, TimedOut: true})
				if took := time.Since(began); took > 510*time.Millisecond {
					t.Errorf("a request that times out after 500 ms was answered after %v", took)
				}
				network.Heal()
				caller.send(send.message(4))
				receiver.expect(send.comes(1), send.comes(2), send.comes(3), send.comes(4))
			})
		})
	}
}
