package tunnel

import (
	"sync"
	"time"

	"github.com/project-iris/iris/transport"
)

// End is this node's end of a tunnel to another node. It is a [Stream].
type End struct {
	stream    transport.Stream
	farewells *Farewells
	opened    chan struct{} // closed when the verdict is sent; nil at the end that has asked
	closed    func()        // called once, by the first Close
	once      sync.Once
	done      chan struct{} // closed when the stream is not used any more

	writing sync.Mutex // as streams want it, one writes at a time
}

func newEnd(s transport.Stream, f *Farewells, closed func()) *End {
	return &End{stream: s, farewells: f, closed: closed, done: make(chan struct{})}
}

// OnClose has a function called once, by the first Close. It is called before that.
func (e *End) OnClose(closed func()) { e.closed = closed }

// Read reads what the other end has written.
func (e *End) Read(b []byte) (int, error) { return e.stream.Read(b) }

// Write waits until the other node knows that it has the tunnel.
func (e *End) Write(b []byte) (int, error) {
	if e.opened != nil {
		<-e.opened
	}
	e.writing.Lock()
	defer e.writing.Unlock()
	return e.stream.Write(b)
}

// CloseRead ends the reading direction. The other node's writes fail when it hears of it,
// half a round trip later.
func (e *End) CloseRead() error {
	e.stream.CancelRead(transport.CodeNone)
	return nil
}

// Close ends both directions. What was written before still arrives.
func (e *End) Close() error {
	e.once.Do(func() {
		e.closed()
		_ = e.stream.SetWriteDeadline(time.Unix(1, 0)) // for a Write under way
		_ = e.CloseRead()
		e.farewells.add(e.farewell)
	})
	return nil
}

// farewell ends the writing direction. It reports whether what was written may be on its
// way.
func (e *End) farewell() bool {
	defer close(e.done)
	defer e.stream.Reset(transport.CodeNone) // does nothing to what CloseWrite has ended
	if e.opened != nil {
		<-e.opened
	}
	e.writing.Lock()
	defer e.writing.Unlock()
	return e.stream.CloseWrite() == nil
}
