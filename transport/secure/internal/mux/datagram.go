package mux

import (
	"context"

	"github.com/project-iris/iris/transport"
)

// Bounds of the queues of datagrams.
const (
	maxDatagramsOut = 128 << 10 // bytes, with headers
	maxDatagramsIn  = 256       // datagrams
)

// datagrams is the part of a Mux that has to do with datagrams.
type datagrams struct {
	datagramsOut                                       []byte // frames
	datagramsIn                                        [][]byte
	datagramsSent, datagramsReceived, datagramsDropped uint64
}

// SendDatagram sends b or drops it as transport.Link says.
func (m *Mux) SendDatagram(b []byte) error {
	if len(b) > transport.MaxDatagram {
		return &transport.DatagramTooLargeError{Size: len(b), Limit: transport.MaxDatagram}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	if len(m.datagramsOut)+headerSize+len(b) > maxDatagramsOut {
		m.datagramsDropped++
		return nil
	}
	m.datagramsOut = header{kind: typeDatagram, value: uint32(len(b))}.append(m.datagramsOut)
	m.datagramsOut = append(m.datagramsOut, b...)
	m.datagramsSent++
	notify(m.work)
	return nil
}

// ReceiveDatagram waits for a datagram as transport.Link says.
func (m *Mux) ReceiveDatagram(ctx context.Context) ([]byte, error) {
	for {
		if datagram, err := m.tryReceive(); datagram != nil || err != nil {
			return datagram, err
		}
		select {
		case <-m.receivable:
		case <-m.ctx.Done():
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (m *Mux) tryReceive() ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return nil, m.err
	}
	if len(m.datagramsIn) == 0 {
		return nil, nil
	}
	datagram := m.datagramsIn[0]
	m.datagramsIn[0] = nil
	m.datagramsIn = m.datagramsIn[1:]
	if len(m.datagramsIn) > 0 {
		notify(m.receivable)
	}
	m.datagramsReceived++
	return datagram, nil
}

// takeDatagram queues a datagram that has arrived, or drops it.
func (m *Mux) takeDatagram(b []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.datagramsIn) >= maxDatagramsIn {
		m.datagramsDropped++
		return
	}
	m.datagramsIn = append(m.datagramsIn, append(make([]byte, 0, len(b)), b...))
	notify(m.receivable)
}
