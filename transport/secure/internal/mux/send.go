package mux

import (
	"sync"
	"time"

	"github.com/project-iris/iris/transport"
)

// maxQueued is how many bytes of frames wait for the writer before those who
// write to streams have to wait, too. It is four of the largest frames: enough
// for the writer to be always busy, and little for a ping to wait behind.
const maxQueued = 64 << 10

// A batch is what the writer writes at once.
type batch struct{ b []byte }

func (b *batch) recycle() {
	b.b = b.b[:0]
	batches.Put(b)
}

var batches = sync.Pool{New: func() any { return &batch{b: make([]byte, 0, 4<<10)} }}

// outgoing is the part of a Mux that has to do with sending.
type outgoing struct {
	out          *batch // nil when nothing waits
	spaceWaiting waitQueue
	credited     []*Stream // those with credit to send
	pong         uint32
	pongs        bool      // a pong is to be sent
	pings        bool      // a ping is to be sent
	writeLimit   time.Time // the write deadline that is set
}

// push queues a frame. The lock is held.
func (m *Mux) push(h header, payload []byte) {
	m.add(h, payload)
	notify(m.work)
}

// add is push for who takes the batch next.
func (m *Mux) add(h header, payload []byte) {
	if m.out == nil {
		m.out = batches.Get().(*batch)
	}
	m.out.b = h.append(m.out.b)
	m.out.b = append(m.out.b, payload...)
}

func (m *Mux) hasSpace() bool { return m.out == nil || len(m.out.b) < maxQueued }

// sendLoop writes until the connection has ended, says farewell, waits for the
// reader, and closes the connection.
func (m *Mux) sendLoop() {
	defer close(m.finished)
	// A function that is called, and no channel of package time: the race detector of
	// Go 1.26 can crash when two of those are due at the same instant of a synctest
	// bubble (their inline firing shares one race context), as both ends of a link are.
	due := make(chan struct{}, 1)
	tick := time.AfterFunc(m.config.KeepAlive, func() { notify(due) })
	defer tick.Stop()
	m.requestPing()
	m.sendBatches(due, tick)
	m.sayFarewell()
	<-m.received
	_ = m.conn.Close()
}

// sendBatches sends what waits, and a ping each time that the tick is due.
func (m *Mux) sendBatches(due <-chan struct{}, tick *time.Timer) {
	for missed := 0; ; {
		select {
		case <-m.ctx.Done():
			return
		case <-due:
			tick.Reset(m.config.KeepAlive)
			missed++
			if m.alive.Swap(false) {
				missed = 0
			}
			if missed >= missedKeepAlives {
				m.fail(&transport.NetworkError{Op: "link", Addr: m.config.Addr, Silent: true}, nil)
				return
			}
			m.requestPing()
		case <-m.work:
		}
		if !m.sendBatch() {
			return
		}
	}
}

func (m *Mux) requestPing() {
	m.mu.Lock()
	m.pings = true
	m.mu.Unlock()
	notify(m.work)
}

// sendBatch writes what waits, and tells whether to go on.
func (m *Mux) sendBatch() bool {
	err := m.write()
	if err == nil {
		return true
	}
	m.awaitReason(err)
	return false
}

func (m *Mux) write() error {
	m.sending.Lock()
	defer m.sending.Unlock()
	if m.try != nil {
		if err := m.try.Flush(); err != nil {
			return err
		}
	}
	work := m.takeBatch()
	if work == nil {
		return nil
	}
	_, err := m.conn.Write(work.b)
	m.wrote = time.Now()
	work.recycle()
	return err
}

// awaitReason gives the reader some time to find out why nothing can be
// written: the peer's farewell, or its TLS alert, may have arrived before the
// path was cut.
func (m *Mux) awaitReason(err error) {
	m.mu.Lock()
	if m.err == nil {
		_ = m.conn.SetReadDeadline(time.Now().Add(m.config.Linger))
	}
	m.mu.Unlock()
	<-m.received
	m.fail(m.networkError(err), nil)
}

// takeBatch returns all that waits, or nil when there is nothing.
func (m *Mux) takeBatch() *batch {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return nil
	}
	return m.takeAll()
}

// takeAll returns all that waits, control frames last: they are few, and this way nothing is
// copied. The lock is held.
func (m *Mux) takeAll() *batch {
	m.pushControl()
	if len(m.datagramsOut) > 0 {
		m.pushRaw(m.datagramsOut)
		m.datagramsOut = m.datagramsOut[:0]
	}
	work := m.out
	m.out = nil
	m.spaceWaiting.wake()
	m.extendWriteLimit()
	return work
}

func (m *Mux) pushRaw(frames []byte) {
	if m.out == nil {
		m.out = batches.Get().(*batch)
	}
	m.out.b = append(m.out.b, frames...)
}

// pushControl queues the frames that are made up when they are sent. Each is
// the sum of those that waited, so a peer that does not read can not make them
// pile up.
func (m *Mux) pushControl() {
	if m.pongs {
		m.pongs = false
		m.add(header{kind: typePong, value: m.pong}, nil)
	}
	if m.pings {
		m.pings = false
		m.pingID++
		m.pinged = time.Now()
		m.add(header{kind: typePing, value: m.pingID}, nil)
	}
	if m.peerEnded > 0 {
		m.peerLimit += m.peerEnded
		m.peerEnded = 0
		m.add(header{kind: typeStreams, value: m.peerLimit}, nil)
	}
	for i, stream := range m.credited {
		m.credited[i] = nil
		stream.pushCredit()
	}
	m.credited = m.credited[:0]
}

// extendWriteLimit sets the write deadline anew when half of it has passed, so
// that this costs little. A failed connection has a deadline of its own.
func (m *Mux) extendWriteLimit() {
	patience := min(missedKeepAlives*m.config.KeepAlive, stuckTimeout)
	if now := time.Now(); m.writeLimit.Sub(now) < patience/2 {
		m.writeLimit = now.Add(patience)
		_ = m.conn.SetWriteDeadline(m.writeLimit)
	}
}

// sayFarewell tells the peer why the connection ends, and that nothing more
// comes. The deadline was set when the connection failed.
func (m *Mux) sayFarewell() {
	m.sending.Lock()
	defer m.sending.Unlock()
	m.mu.Lock()
	farewell := m.farewell
	m.mu.Unlock()
	if farewell == nil {
		_ = m.conn.Close()
		return
	}
	frame := header{kind: typeClose, stream: uint32(farewell.Code), value: uint32(len(farewell.Reason))}.append(nil)
	if _, err := m.conn.Write(append(frame, farewell.Reason...)); err != nil {
		_ = m.conn.Close()
		return
	}
	if half, ok := m.conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}
