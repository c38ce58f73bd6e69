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

// busyBeat is the longest time between two beats of a link that sends: what it
// looks for then is not to be noticed late.
const busyBeat = time.Second

// A pulse sends a probe on a link that has heard nothing for a while, and has
// somebody look at what the link has done with each beat. It is slow where nothing
// is sent.
type pulse struct {
	conn *quicgo.Conn
	slow time.Duration // between two beats of a link that does not send
	look func(quicgo.ConnectionStats)

	mu      sync.Mutex
	timer   *time.Timer // nil when it has stopped
	heard   uint64      // packets received at the last beat
	sent    uint64      // bytes
	since   time.Time   // when something was heard last, as far as beats tell
	beating sync.WaitGroup
}

// start begins to look every half keep-alive time at the least, so that a probe goes
// out between a half and a whole one after the last packet.
func (p *pulse) start(conn *quicgo.Conn, keepAlive time.Duration, look func(quicgo.ConnectionStats)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conn, p.slow, p.look, p.since = conn, keepAlive/2, look, time.Now()
	p.beating.Add(1)
	p.timer = time.AfterFunc(min(p.slow, busyBeat), p.beat)
}

func (p *pulse) beat() {
	defer p.beating.Done()
	stats := p.conn.ConnectionStats()
	p.look(stats)
	silent, next := p.listen(stats, time.Now())
	if silent {
		// It does not wait long: a link that hears nothing and has a full queue
		// has the probe behind packets that do the same.
		_ = p.conn.SendDatagram(probe[:])
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer != nil {
		p.beating.Add(1)
		p.timer.Reset(next)
	}
}

// hurry makes the next beat come soon, and send a probe unless something is
// heard until then.
func (p *pulse) hurry(wait time.Duration) {
	heard := p.conn.ConnectionStats().PacketsReceived
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard, p.since = heard, time.Time{}
	if p.timer != nil && p.timer.Stop() {
		p.timer.Reset(wait)
	}
}

// listen says whether nothing was received for half a keep-alive time, and when the next beat
// is due.
func (p *pulse) listen(stats quicgo.ConnectionStats, now time.Time) (silent bool, next time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if stats.PacketsReceived != p.heard {
		p.heard, p.since = stats.PacketsReceived, now
	}
	next = p.slow
	if stats.BytesSent-p.sent > quietBytes {
		next = min(p.slow, busyBeat)
	}
	p.sent = stats.BytesSent
	if silent = now.Sub(p.since) >= p.slow; silent {
		p.since = now
	}
	return silent, next
}

// quietBytes is what a link sends at most between two beats that has nothing to say: a few
// probes and acknowledgements.
const quietBytes = 512

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
