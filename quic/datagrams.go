package quic

import (
	"sync"

	quicgo "github.com/quic-go/quic-go"

	"github.com/project-iris/iris/transport"
)

// datagramQueue is how many datagrams wait to be sent, besides the 32 in
// quic-go's own queue.
const datagramQueue = 96

// outbox queues datagrams, as quic-go's SendDatagram waits when its queue is
// full. A goroutine sends them while there are any.
type outbox struct {
	conn *quicgo.Conn

	mu       sync.Mutex
	waiting  [][]byte
	sending  bool // there is a goroutine
	sent     uint64
	dropped  uint64
	draining sync.WaitGroup
}

// push queues a copy of a user's datagram, or drops it.
func (o *outbox) push(b []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.waiting) >= datagramQueue || o.conn.Context().Err() != nil {
		o.dropped++
		return
	}
	o.sent++
	o.waiting = append(o.waiting, append([]byte{userDatagram}, b...))
	if !o.sending {
		o.sending = true
		o.draining.Go(o.drain)
	}
}

// drain sends until the queue is empty or the connection has ended.
func (o *outbox) drain() {
	for {
		b, ok := o.pop()
		if !ok {
			return
		}
		if err := o.conn.SendDatagram(b); err != nil {
			o.mu.Lock()
			o.dropped++
			o.sent--
			o.mu.Unlock()
		}
	}
}

func (o *outbox) pop() (b []byte, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.waiting) == 0 {
		o.waiting, o.sending = nil, false
		return nil, false
	}
	b = o.waiting[0]
	o.waiting[0] = nil
	o.waiting = o.waiting[1:]
	return b, true
}

func (o *outbox) count(stats *transport.Stats) {
	o.mu.Lock()
	defer o.mu.Unlock()
	stats.DatagramsSent, stats.DatagramsDropped = o.sent, o.dropped
}
