package quic

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/project-iris/iris/transport"
)

// A message that says that nobody listens at a port can be forged by anybody
// who knows the addresses, so one alone ends nothing (RFC 9000, section
// 14.2.1). Each makes the link ask once more, and only a row of them, apart by
// more than a round trip and with nothing heard from the peer in between, is
// taken for the truth: a peer that lives answers the probes.
const (
	proofs   = 3
	proofGap = 100 * time.Millisecond // at the least; twice the round trip if that is more
)

var errPortUnreachable = errors.New("port unreachable: no process is there")

// doubt counts what speaks against a peer that was heard last at a packet.
type doubt struct {
	mu     sync.Mutex
	proofs int
	heard  uint64
	last   time.Time
}

// add counts a message that arrives at now, and says whether there are enough,
// and, if not, whether to ask again.
func (d *doubt) add(now time.Time, gap time.Duration, heard uint64) (enough, ask bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.heard != heard {
		d.proofs, d.heard = 0, heard
	}
	if d.proofs > 0 && now.Sub(d.last) < gap {
		return false, false
	}
	d.proofs++
	d.last = now
	return d.proofs >= proofs, true
}

// unreachable is called for each message about an address, by the goroutines
// that read and write a socket.
func (t *Transport) unreachable(addr netip.AddrPort) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for a := range t.attempts {
		if a.remote == addr {
			a.unreachable()
		}
	}
	for l := range t.links {
		if l.remote == addr && l.unreachable() {
			// The link itself is counted, so Close waits still.
			t.work.Go(func() { l.fail(errPortUnreachable, &transport.ClosedError{}) })
		}
	}
}

// unreachable takes in a message about the link's peer, and says whether it is
// gone. It does not wait.
func (l *link) unreachable() (gone bool) {
	quic := l.conn.ConnectionStats()
	gap := max(proofGap, 2*quic.SmoothedRTT)
	enough, ask := l.doubt.add(time.Now(), gap, quic.PacketsReceived)
	if ask && !enough {
		l.pulse.hurry(gap)
	}
	return enough
}

// fail ends a link that is of no use, for a reason that its user gets, and with
// other words to the peer, if that hears them.
func (l *link) fail(reason error, farewell *transport.ClosedError) {
	l.mu.Lock()
	if l.closing == nil && l.conn.Context().Err() == nil {
		l.closing = &transport.NetworkError{Op: "link", Addr: l.RemoteAddr(), Err: reason}
	}
	l.mu.Unlock()
	_ = l.conn.CloseWithError(quicgo.ApplicationErrorCode(farewell.Code), farewell.Reason)
}

// An attempt is a dial underway.
type attempt struct {
	remote netip.AddrPort
	cancel context.CancelCauseFunc
	doubt  doubt
}

// unreachable gives up the dial when it was said often enough: quic-go repeats
// its first packet by itself.
func (a *attempt) unreachable() {
	if enough, _ := a.doubt.add(time.Now(), proofGap, 0); enough {
		a.cancel(&transport.NetworkError{Op: "dial", Addr: a.remote.String(), Err: errPortUnreachable})
	}
}

// attempt registers a dial until it is released. Its context ends, with a
// cause, when there is nobody to be reached.
func (t *Transport) attempt(ctx context.Context, remote *net.UDPAddr) (attempting context.Context, release func()) {
	attempting, cancel := context.WithCancelCause(ctx)
	a := &attempt{remote: unmapped(remote), cancel: cancel}
	t.mu.Lock()
	t.attempts[a] = struct{}{}
	t.mu.Unlock()
	return attempting, func() {
		t.mu.Lock()
		delete(t.attempts, a)
		t.mu.Unlock()
		cancel(nil)
	}
}

// unmapped is the address in the form that messages have it in.
func unmapped(addr *net.UDPAddr) netip.AddrPort {
	there := addr.AddrPort()
	return netip.AddrPortFrom(there.Addr().Unmap().WithZone(""), there.Port())
}
