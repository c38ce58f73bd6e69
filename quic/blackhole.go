package quic

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/project-iris/iris/transport"
)

// The sizes of packets, in bytes of UDP payload.
const (
	// basePacket is what every path has to carry (RFC 9000, section 14): 1,248
	// bytes with the heads of IPv6 and UDP, where IPv6 guarantees 1,280. Links
	// begin with it, and quic-go looks for more (RFC 8899).
	basePacket = 1200

	// maxPacket is the largest that quic-go finds, and reads.
	maxPacket = 1452
)

// A watch looks whether what a link sends vanishes. A path can come to carry less
// than it did, by another route or a tunnel on the way, and the message that a
// router should send about that is often filtered. Then what is larger is lost
// again and again, while small packets pass and the link looks alive. quic-go
// looks for larger sizes only.
//
// The watch has a suspicion when packets are lost or not acknowledged, and no more
// than one in a beat of the pulse. A trial then decides; congestion, loss, and a
// peer that does not read are no reason to end a link.
type watch struct {
	transport *Transport
	link      *link
	socket    *socket
	progress  progress      // of the pulse's goroutine
	busy      chan struct{} // holds one while there is a trial
	passed    atomic.Bool   // a trial has found that all is well since the last beat
	trying    sync.WaitGroup
}

// look is called with each beat of the pulse.
func (w *watch) look(stats quicgo.ConnectionStats) {
	if w.passed.Swap(false) {
		w.progress.good = stats.BytesSent
	}
	if !w.progress.suspicious(stats) {
		return
	}
	size := packetSize(w.link.conn)
	if size <= basePacket {
		return
	}
	select {
	case w.busy <- struct{}{}:
		w.trying.Go(func() {
			w.try(size)
			<-w.busy
		})
	default:
	}
}

// try ends the link if packets of its size vanish.
func (w *watch) try(size int) {
	t := newTrial(size)
	id := w.transport.trials.begin(t)
	defer w.transport.trials.end(id)
	next := time.NewTicker(trialGap)
	defer next.Stop()
	for round := range trialRounds {
		w.ask(t, id, round)
		select {
		case <-next.C:
		case <-t.decided:
			if t.vanish() {
				w.giveUp(size)
			}
			w.passed.Store(true)
			return
		case <-w.link.conn.Context().Done():
			return
		}
	}
}

// ask sends a round's questions.
func (w *watch) ask(t *trial, id uint64, round int) {
	for _, size := range t.sizes(round) {
		question := sounding{kind: soundingQuestion, size: size, trial: id, round: round}
		w.socket.sound(w.transport.sealer().append(nil, question, 0), w.link.conn.RemoteAddr())
	}
}

// giveUp ends the link, and has the next ones send small packets.
func (w *watch) giveUp(size int) {
	t, l := w.transport, w.link
	if t.narrow.note(l.remote.Addr(), time.Now()) {
		t.config.Logger.Warn("large packets vanish on the way: a new link sends small ones",
			"transport", Scheme, "addr", l.RemoteAddr(), "peer", l.peer.Short(),
			"packet", size, "smaller", basePacket, "for", narrowTime)
	}
	l.fail(fmt.Errorf("%w: of %d bytes", errVanish, size), &transport.ClosedError{
		Code: transport.CodePath, Reason: fmt.Sprintf("packets of %d bytes vanish on the way to you", size),
	})
}

var errVanish = errors.New("large packets vanish on the way, and small ones pass: the MTU of the path has fallen")

// progress is what a link has sent since all was well.
type progress struct {
	last quicgo.ConnectionStats // at the last beat
	good uint64                 // bytes sent when all was well
}

// suspicious takes in a beat, and says whether packets may vanish. quic-go does
// not tell what is acknowledged, but measures the round trip with each
// acknowledgement of what it sent last, in nanoseconds.
func (p *progress) suspicious(now quicgo.ConnectionStats) bool {
	acknowledged := now.LatestRTT != p.last.LatestRTT || now.SmoothedRTT != p.last.SmoothedRTT
	lost := now.PacketsLost != p.last.PacketsLost
	p.last = now
	if acknowledged && !lost {
		p.good = now.BytesSent
		return false
	}
	return now.BytesSent-p.good > basePacket
}

// packetSize is how large the packets of a connection are, in bytes. quic-go says
// it only to those who send a datagram that is too large: it has 37 bytes less
// than a packet, for the head, the longest connection ID and the tag.
func packetSize(conn *quicgo.Conn) int {
	err := conn.SendDatagram(tooLarge[:])
	if large, ok := errors.AsType[*quicgo.DatagramTooLargeError](err); ok {
		return int(large.MaxDatagramPayloadSize) + 1 + 20 + 16
	}
	return basePacket
}

// tooLarge is no datagram: it fits no packet.
var tooLarge [maxPacket + 1]byte
