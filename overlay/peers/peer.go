package peers

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/project-iris/iris/transport"
)

// Peer is a link to another node that is in use. When the link is lost and made anew,
// that is another Peer. Its methods are safe for concurrent use.
type Peer struct {
	id     transport.PeerID
	link   transport.Link
	dialed bool      // by this node
	addr   string    // that this node has dialled, empty for none
	since  time.Time // when it came into use; set before it is shared as such

	// Of Peers.mu:
	key      string // the network key by which the peer has proved itself last
	disowned bool   // it was counted as made by a key that is not accepted

	used    chan struct{}  // closed when it comes into use
	control atomic.Bool    // the peer has opened its control stream
	stated  atomic.Bool    // the peer has said whether it has another link
	other   chan bool      // what it said; holds one
	streams sync.WaitGroup // goroutines of the link
	over    chan struct{}  // closed when the last of them has ended

	bulk    bulkLinks     // of a link in use
	adopted chan struct{} // closed when this is the bulk link of another
	main    *Peer         // that other; set before adopted is closed
}

func newPeer(link transport.Link, dialed bool) *Peer {
	return &Peer{
		id: link.Peer(), link: link, dialed: dialed, key: transport.KeyOf(link),
		used: make(chan struct{}), other: make(chan bool, 1),
		over: make(chan struct{}), adopted: make(chan struct{}),
	}
}

// ID returns the other node.
func (p *Peer) ID() transport.PeerID { return p.id }

// Link returns the link, for its statistics and addresses.
func (p *Peer) Link() transport.Link { return p.link }

// Since returns when the link came into use.
func (p *Peer) Since() time.Time { return p.since }

// Dialed reports whether this node has dialled the link.
func (p *Peer) Dialed() bool { return p.dialed }

// Context ends with the link; its cause says why.
func (p *Peer) Context() context.Context { return p.link.Context() }

// Open opens a stream and says what it is for. It waits, until the context ends, while
// the peer takes no more streams, or nothing of this one.
func (p *Peer) Open(ctx context.Context, kind Kind) (transport.Stream, error) {
	s, err := p.link.Open(ctx)
	if err != nil {
		return nil, fmt.Errorf("peers: open a stream to %s: %w", p.id.Short(), err)
	}
	stop := context.AfterFunc(ctx, func() { _ = s.SetWriteDeadline(time.Unix(1, 0)) })
	_, err = s.Write([]byte{byte(kind)})
	if !stop() {
		err = context.Cause(ctx) // the deadline would fail what is written next
	}
	if err != nil {
		s.Reset(transport.CodeInternal)
		return nil, fmt.Errorf("peers: open a stream to %s: %w", p.id.Short(), err)
	}
	return s, nil
}

// SendDatagram sends a datagram, best effort.
func (p *Peer) SendDatagram(b []byte) error { return p.link.SendDatagram(b) }

// wasUsed reports whether the link has come into use.
func (p *Peer) wasUsed() bool {
	select {
	case <-p.used:
		return true
	default:
		return false
	}
}

// ended reports whether the link has ended.
func (p *Peer) ended() bool { return p.Context().Err() != nil }
