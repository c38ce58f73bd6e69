package quic

import (
	"sync"
	"time"

	quicgo "github.com/quic-go/quic-go"
)

// Every datagram begins with a byte that says what it is.
const (
	userDatagram  = 0 // followed by what SendDatagram was given
	probeDatagram = 1 // followed by zeros; dropped by its receiver
)

// probe is what keeps a link alive. QUIC's own keep-alive, a packet with
// nothing but a PING, is not of use for it: it has fewer than the 43 bytes from
// which on a restarted peer's quic-go may answer with a stateless reset (RFC
// 9000, section 10.3.3), so that a quiet link would not learn of the restart.
var probe = [24]byte{probeDatagram}

// A pulse sends a probe on a link that has heard nothing for a while, and has
// somebody look at what the link has done with each beat.
type pulse struct {
	conn   *quicgo.Conn
	period time.Duration
	look   func(quicgo.ConnectionStats)

	mu      sync.Mutex
	timer   *time.Timer // nil when it has stopped
	heard   uint64      // packets received at the last beat
	beating sync.WaitGroup
}

// start begins to look every half keep-alive time, so that a probe goes out
// between a half and a whole one after the last packet.
func (p *pulse) start(conn *quicgo.Conn, keepAlive time.Duration, look func(quicgo.ConnectionStats)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conn, p.period, p.look = conn, keepAlive/2, look
	p.beating.Add(1)
	p.timer = time.AfterFunc(p.period, p.beat)
}

func (p *pulse) beat() {
	defer p.beating.Done()
	stats := p.conn.ConnectionStats()
	p.look(stats)
	if p.silent(stats.PacketsReceived) {
		// It does not wait long: a link that hears nothing and has a full queue
		// has the probe behind packets that do the same.
		_ = p.conn.SendDatagram(probe[:])
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer != nil {
		p.beating.Add(1)
		p.timer.Reset(p.period)
	}
}

// hurry makes the next beat come soon, and send a probe unless something is
// heard until then.
func (p *pulse) hurry(wait time.Duration) {
	heard := p.conn.ConnectionStats().PacketsReceived
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard = heard
	if p.timer != nil && p.timer.Stop() {
		p.timer.Reset(wait)
	}
}

// silent says whether nothing was received since it was last called.
func (p *pulse) silent(received uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	silent := received == p.heard
	p.heard = received
	return silent
}

// stop ends it and waits; the connection must have ended before.
func (p *pulse) stop() {
	p.mu.Lock()
	if p.timer != nil {
		if p.timer.Stop() {
			p.beating.Done()
		}
		p.timer = nil
	}
	p.mu.Unlock()
	p.beating.Wait()
}
