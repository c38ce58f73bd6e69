package relay_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/relay"
)

// fakeMesh is a network that only records what applications ask of it. A test
// scripts what it delivers, through the application that a member was attached
// with, and what it does when it is called, through the hooks of a member.
type fakeMesh struct {
	onAttach func(m *fakeMember) error // before the member is there; set before anybody attaches

	mu      sync.Mutex
	members []*fakeMember

	streams atomic.Int64 // ends of tunnels that are not closed
}

func (f *fakeMesh) Attach(cluster []byte, app relay.Application) (relay.Member, error) {
	m := &fakeMember{mesh: f, cluster: string(cluster), app: app}
	if f.onAttach != nil {
		if err := f.onAttach(m); err != nil {
			return nil, err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.members = append(f.members, m)
	return m, nil
}

// last returns the member that was attached last, or nil.
func (f *fakeMesh) last() *fakeMember {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.members) == 0 {
		return nil
	}
	return f.members[len(f.members)-1]
}

// tunnelTo returns a hook that opens tunnels to one member.
func (f *fakeMesh) tunnelTo(to *fakeMember) func(context.Context, []byte) (relay.Stream, error) {
	return func(ctx context.Context, _ []byte) (relay.Stream, error) {
		near, far := f.pipe()
		if err := to.app.HandleTunnel(ctx, far); err != nil {
			near.Close()
			far.Close()
			return nil, err
		}
		return near, nil
	}
}

// pipe returns the ends of a stream that buffers nothing.
func (f *fakeMesh) pipe() (near, far *stream) {
	farReader, nearWriter := io.Pipe()
	nearReader, farWriter := io.Pipe()
	f.streams.Add(2)
	return &stream{PipeReader: nearReader, PipeWriter: nearWriter, mesh: f},
		&stream{PipeReader: farReader, PipeWriter: farWriter, mesh: f}
}

// stream is one end of a tunnel.
type stream struct {
	*io.PipeReader
	*io.PipeWriter
	mesh *fakeMesh
	once sync.Once
}

func (s *stream) CloseRead() error { return s.PipeReader.Close() }

func (s *stream) Close() error {
	s.PipeWriter.Close()
	s.PipeReader.Close()
	s.once.Do(func() { s.mesh.streams.Add(-1) })
	return nil
}

// fakeMember is an application in a fakeMesh.
type fakeMember struct {
	mesh    *fakeMesh
	cluster string
	app     relay.Application

	mu     sync.Mutex
	calls  []string
	closed bool

	// What the network does with a call besides recording it. To be set before the
	// application sends what causes the call.
	onRequest   func(id uint64, cluster, body []byte, timeout time.Duration)
	onReply     func(id uint64, ok bool, body []byte)
	onBroadcast func(cluster, message []byte)
	onPublish   func(topic, event []byte)
	onWay       func(topic, event []byte, behind bool) (rest func(topic, event []byte)) // nil: there is a way to all subscribers
	onSubscribe func(topic []byte) error
	onConfirm   func(ctx context.Context)
	onTunnel    func(ctx context.Context, cluster []byte) (relay.Stream, error)
	onLeave     func(ctx context.Context) error
	onClose     func()
	onResume    func()
}

func (m *fakeMember) record(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls = append(m.calls, fmt.Sprintf(format, args...))
}

// expect checks what the application has asked of the network since the last time,
// once everything in the bubble waits.
func (m *fakeMember) expect(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	m.expectCalls(t, want...)
}

// expectCalls checks what the application has asked until now.
func (m *fakeMember) expectCalls(t *testing.T, want ...string) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if !slices.Equal(m.calls, want) {
		t.Errorf("the network was asked:\n\t%q\nwant:\n\t%q", m.calls, want)
	}
	m.calls = nil
}

// isClosed reports whether the application was detached.
func (m *fakeMember) isClosed() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.closed
}

func (m *fakeMember) Request(id uint64, cluster, body []byte, timeout time.Duration) {
	if m.onRequest != nil {
		m.onRequest(id, cluster, body, timeout)
		return
	}
	m.record("request %d to %s: %.40s, within %v", id, cluster, body, timeout)
}

func (m *fakeMember) FailFast() { m.record("fail fast") }

func (m *fakeMember) Resume() {
	if m.onResume != nil {
		m.onResume()
	}
}

func (m *fakeMember) Reply(id uint64, ok bool, body []byte) {
	if m.onReply != nil {
		m.onReply(id, ok, body)
		return
	}
	m.record("reply %d %v: %.40s", id, ok, body)
}

func (m *fakeMember) StartBroadcast(cluster, message []byte, behind bool) (rest func(cluster, message []byte)) {
	if m.onWay != nil {
		if rest := m.onWay(cluster, message, behind); rest != nil {
			return rest
		}
	}
	if m.onBroadcast != nil {
		m.onBroadcast(cluster, message)
		return nil
	}
	m.record("broadcast to %s: %.40s", cluster, message)
	return nil
}

func (m *fakeMember) StartPublish(topic, event []byte, behind bool) (rest func(topic, event []byte)) {
	if m.onWay != nil {
		if rest := m.onWay(topic, event, behind); rest != nil {
			return rest
		}
	}
	if m.onPublish != nil {
		m.onPublish(topic, event)
		return nil
	}
	m.record("publish %s: %.40s", topic, event)
	return nil
}

func (m *fakeMember) Subscribe(topic []byte) error {
	m.record("subscribe %s", topic)
	if m.onSubscribe != nil {
		return m.onSubscribe(topic)
	}
	return nil
}

func (m *fakeMember) Unsubscribe(topic []byte) { m.record("unsubscribe %s", topic) }

func (m *fakeMember) AwaitConfirmation(ctx context.Context) {
	if m.onConfirm != nil {
		m.onConfirm(ctx)
	}
}

func (m *fakeMember) Tunnel(ctx context.Context, cluster []byte) (relay.Stream, error) {
	if m.onTunnel != nil {
		return m.onTunnel(ctx, cluster)
	}
	m.record("tunnel to %s", cluster)
	<-ctx.Done()
	return nil, ctx.Err()
}

func (m *fakeMember) Withdraw() { m.record("withdraw") }

func (m *fakeMember) Leave(ctx context.Context) error {
	m.record("leave")
	if m.onLeave != nil {
		return m.onLeave(ctx)
	}
	return nil
}

func (m *fakeMember) Close() {
	if m.onClose != nil {
		m.onClose()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.calls = append(m.calls, "close")
	}
	m.closed = true
}
