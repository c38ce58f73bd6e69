package mux

import (
	"bufio"
	"errors"
	"io"
	"os"
	"time"

	"github.com/project-iris/iris/transport"
)

// readBuffer is enough for a few dozen small frames. Large payloads go past it.
const readBuffer = 1 << 10

// receiveLoop handles frames until the connection has ended, and then reads on
// without looking: closing a TCP connection that has something unread resets
// it, and the peer may lose the farewell.
func (m *Mux) receiveLoop() {
	defer close(m.received)
	reader := bufio.NewReaderSize(m.conn, readBuffer)
	for m.ctx.Err() == nil {
		err := m.receiveFrame(reader)
		if err == nil {
			continue
		}
		if !m.failFor(err) {
			return
		}
		break
	}
	_, _ = io.Copy(io.Discard, reader)
}

// failFor ends the connection for what the reader met, and tells whether there
// may be more to read. An error of the deadline that awaitReason has set is for
// the writer to explain.
func (m *Mux) failFor(err error) bool {
	if _, ok := errors.AsType[*transport.ClosedError](err); ok {
		m.fail(err, nil)
		return false
	}
	if errors.Is(err, transport.ErrProtocol) {
		m.fail(err, &transport.ClosedError{Code: transport.CodeProtocol, Reason: transport.CutReason(err.Error())})
		return true
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		m.fail(m.networkError(err), nil)
	}
	return false
}

// networkError is what the path's failure looks like to users.
func (m *Mux) networkError(err error) error {
	silent := errors.Is(err, os.ErrDeadlineExceeded)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // without a farewell
	}
	return &transport.NetworkError{Op: "link", Addr: m.config.Addr, Silent: silent, Err: err}
}

func (m *Mux) receiveFrame(reader *bufio.Reader) error {
	var raw [headerSize]byte
	if _, err := io.ReadFull(reader, raw[:]); err != nil {
		return err
	}
	if !m.alive.Load() {
		m.alive.Store(true)
	}
	h := parseHeader(&raw)
	if err := h.check(); err != nil {
		return err
	}
	switch h.kind {
	case typeData, typeDataEnd:
		return m.receiveData(h, reader)
	case typeReset, typeStop, typeCredit:
		return m.receiveStreamControl(h)
	case typeDatagram:
		return m.receiveDatagram(h, reader)
	case typePing, typePong, typeStreams:
		m.receiveControl(h)
		return nil
	default: // typeClose; check has seen to the rest
		return receiveClose(h, reader)
	}
}

// stream returns the stream that a frame is for, or nil if it has ended. The
// lock is held.
func (m *Mux) stream(h header) (*Stream, error) {
	if stream, ok := m.streams[h.stream]; ok {
		return stream, nil
	}
	switch ours := h.stream%2 == m.nextID%2; {
	case h.stream == 0:
		return nil, violation(errNoSuchStream, h.kind, h.stream)
	case ours && h.stream >= m.nextID:
		return nil, violation(errNoSuchStream, h.kind, h.stream)
	case ours || h.stream < m.nextPeerID:
		return nil, nil
	case h.kind != typeData && h.kind != typeDataEnd && h.kind != typeReset:
		return nil, violation(errNoSuchStream, h.kind, h.stream)
	case h.stream != m.nextPeerID:
		return nil, violation(errStreamOrder, h.kind, h.stream)
	}
	return m.openedByPeer(h)
}

// openedByPeer makes the stream that a frame opens.
func (m *Mux) openedByPeer(h header) (*Stream, error) {
	if (h.stream-1)/2 >= m.peerLimit {
		return nil, violation(errStreamLimit, h.kind, h.stream)
	}
	stream := newStream(m, h.stream)
	m.nextPeerID += 2
	m.streams[h.stream] = stream
	m.accepting = append(m.accepting, stream)
	notify(m.acceptable)
	return stream, nil
}

// receiveData hands a payload to its stream. The lock is not held while it is
// read, since that may take as long as the peer likes.
func (m *Mux) receiveData(h header, reader *bufio.Reader) error {
	size := int(h.value)
	m.mu.Lock()
	stream, err := m.stream(h)
	if err == nil && stream != nil {
		err = stream.expect(h)
	}
	m.mu.Unlock()
	if err != nil {
		return err
	}
	if stream == nil {
		_, err := reader.Discard(size)
		return err
	}
	for size > 0 {
		n, err := stream.receive(reader, size)
		if err != nil {
			return err
		}
		size -= n
	}
	if h.kind == typeDataEnd {
		m.mu.Lock()
		stream.receiveEnd()
		m.mu.Unlock()
	}
	return nil
}

func (m *Mux) receiveStreamControl(h header) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	stream, err := m.stream(h)
	if err != nil || stream == nil {
		return err
	}
	switch h.kind {
	case typeReset:
		stream.receiveReset(transport.Code(h.value))
	case typeStop:
		stream.receiveStop(transport.Code(h.value))
	default:
		return stream.receiveCredit(h)
	}
	return nil
}

func (m *Mux) receiveDatagram(h header, reader *bufio.Reader) error {
	var content [transport.MaxDatagram]byte
	if _, err := io.ReadFull(reader, content[:h.value]); err != nil {
		return err
	}
	m.takeDatagram(content[:h.value])
	return nil
}

func (m *Mux) receiveControl(h header) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch h.kind {
	case typePing:
		m.pong, m.pongs = h.value, true
		notify(m.work)
	case typePong:
		if h.value == m.pingID && !m.pinged.IsZero() {
			m.measured(max(time.Since(m.pinged), 1))
			m.pinged = time.Time{}
		}
	case typeStreams:
		if h.value > m.openLimit {
			m.openLimit = h.value
			m.openWaiting.wake()
		}
	}
}

// measured takes in a round-trip time, with the weight of RFC 6298, section 2.
func (m *Mux) measured(sample time.Duration) {
	if m.rtt == 0 {
		m.rtt = sample
		return
	}
	m.rtt += (sample - m.rtt) / 8
}

func receiveClose(h header, reader *bufio.Reader) error {
	reason := make([]byte, h.value)
	if _, err := io.ReadFull(reader, reason); err != nil {
		return err
	}
	return &transport.ClosedError{Code: transport.Code(h.stream), Reason: string(reason)}
}
