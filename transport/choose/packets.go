package choose

import (
	"context"
	"fmt"

	"github.com/project-iris/iris/transport"
)

// A packet is one that a transport has received.
type packet struct {
	content []byte
	from    string // with the scheme
}

var _ transport.Packets = (*Transport)(nil)

// SendPacket implements transport.Packets, for one address with its scheme in front. Of a
// transport that carries no packets the error wraps transport.ErrNoPackets, and of one that
// is not known ErrNoTransport.
func (t *Transport) SendPacket(to string, b []byte) error {
	scheme, addr := transport.SplitAddr(to)
	for _, one := range t.config.Transports {
		if one.Scheme() != scheme {
			continue
		}
		if carrier, ok := one.(transport.Packets); ok {
			return carrier.SendPacket(addr, b)
		}
		return fmt.Errorf("choose: send a packet to %s: %w", to, transport.ErrNoPackets)
	}
	return &transport.NetworkError{Op: "send", Addr: to, Err: ErrNoTransport}
}

// ReceivePacket implements transport.Packets, for all transports that carry packets. The
// address has the scheme in front.
func (t *Transport) ReceivePacket(ctx context.Context) (b []byte, from string, err error) {
	if err := t.collect(); err != nil {
		return nil, "", err
	}
	select {
	case one := <-t.packets:
		return one.content, one.from, nil
	case <-t.closing.Done():
		return nil, "", transport.ErrClosed
	case <-ctx.Done():
		return nil, "", ctx.Err()
	}
}

// PacketStats implements transport.Packets: those of all transports together.
func (t *Transport) PacketStats() (sum transport.PacketStats) {
	for _, one := range t.config.Transports {
		if carrier, ok := one.(transport.Packets); ok {
			stats := carrier.PacketStats()
			sum.Sent += stats.Sent
			sum.Received += stats.Received
			sum.SendQueueFull += stats.SendQueueFull
			sum.SendFailed += stats.SendFailed
			sum.ReceiveQueueFull += stats.ReceiveQueueFull
			sum.Foreign += stats.Foreign
		}
	}
	return sum
}

// collect begins, the first time, to receive from each transport that carries packets. The
// queues are theirs.
func (t *Transport) collect() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return transport.ErrClosed
	}
	if t.collecting {
		return nil
	}
	for _, one := range t.config.Transports {
		if carrier, ok := one.(transport.Packets); ok {
			t.collecting = true
			t.work.Go(func() { t.passPackets(one.Scheme(), carrier) })
		}
	}
	if !t.collecting {
		return fmt.Errorf("choose: receive a packet over %s: %w", t.Scheme(), transport.ErrNoPackets)
	}
	return nil
}

// passPackets passes on what a transport receives, until it or the chooser is closed.
func (t *Transport) passPackets(scheme string, carrier transport.Packets) {
	for {
		b, from, err := carrier.ReceivePacket(t.closing)
		if err != nil {
			return
		}
		select {
		case t.packets <- packet{b, transport.JoinAddr(scheme, from)}:
		case <-t.closing.Done():
			return
		}
	}
}

// Refused returns how many peers all transports together have turned away, as far as they
// count them.
func (t *Transport) Refused() (sum uint64) {
	for _, one := range t.config.Transports {
		if counts, ok := one.(interface{ Refused() uint64 }); ok {
			sum += counts.Refused()
		}
	}
	return sum
}
