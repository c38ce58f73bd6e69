package peers

import (
	"io"
	"time"

	"github.com/project-iris/iris/transport"
)

// acceptStreams takes the streams that a peer opens, until the link ends.
func (ps *Peers) acceptStreams(p *Peer) {
	greeting := make(chan struct{}, greetings)
	for {
		s, err := p.link.Accept(p.Context())
		if err != nil {
			return
		}
		select {
		case greeting <- struct{}{}:
		case <-p.Context().Done():
			return
		}
		p.streams.Go(func() {
			kind, ok := readKind(s)
			<-greeting
			if ok {
				ps.stream(p, kind, s)
			}
		})
	}
}

// readKind reads what a stream is for.
func readKind(s transport.Stream) (Kind, bool) {
	_ = s.SetReadDeadline(time.Now().Add(kindTimeout))
	var b [1]byte
	if _, err := io.ReadFull(s, b[:]); err != nil {
		s.Reset(transport.CodeProtocol)
		return 0, false
	}
	_ = s.SetReadDeadline(time.Time{})
	return Kind(b[0]), true
}

// stream hands a stream to the handler. Those that come before the link is in use wait for that:
// streams are not ordered among each other. How many can wait is what the transport
// lets a peer open.
func (ps *Peers) stream(p *Peer, kind Kind, s transport.Stream) {
	switch kind {
	case kindLost, kindSpare:
		ps.learn(p, kind, s)
		return
	case kindBulk:
		ps.adopt(p, s)
		return
	case KindControl:
		if p.isBulk() || ps.decides(p) || p.control.Swap(true) {
			s.Reset(transport.CodeProtocol)
			return
		}
		ps.obey(p)
	}
	select {
	case <-p.used:
	case <-p.adopted:
		ps.bulkStream(p, kind, s)
		return
	case <-p.Context().Done():
		return
	}
	ps.handle(p, kind, s)
}

// handle hands a stream to the handler, and resets it afterwards.
func (ps *Peers) handle(p *Peer, kind Kind, s transport.Stream) {
	defer s.Reset(transport.CodeNone)
	ps.config.Handler.Stream(p, kind, s)
}

// receiveDatagrams hands datagrams to the handler. Those that come before the link is in use are
// dropped, as datagrams may be.
func (ps *Peers) receiveDatagrams(p *Peer) {
	for {
		b, err := p.link.ReceiveDatagram(p.Context())
		if err != nil {
			return
		}
		select {
		case <-p.used:
			ps.config.Handler.Datagram(p, b)
		default:
		}
	}
}
