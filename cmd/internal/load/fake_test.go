package load

import (
	"context"
	"io"
	"slices"
	"sync"
	"time"
)

// fake is a system in memory, which does to messages what a test wants.
type fake struct {
	// route returns what becomes of a message of a run: each of them is handed over.
	// Nil hands it over.
	route func(h header, message []byte) [][]byte
	// delay is what a message takes, of one sender one after the other.
	delay func(h header) time.Duration

	mu       sync.Mutex
	services map[string][]Service      // by cluster
	topics   map[string][]func([]byte) // by topic
	attached int                       // applications
}

func (f *fake) Connect(context.Context, int) (Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.attached++
	return &fakeConn{fake: f}, nil
}

func (f *fake) Serve(_ context.Context, _ int, cluster string, s Service) (Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.attached++
	if f.services == nil {
		f.services = make(map[string][]Service)
	}
	f.services[cluster] = append(f.services[cluster], s)
	return &fakeConn{fake: f}, nil
}

// pass returns what arrives of a message.
func (f *fake) pass(message []byte) [][]byte {
	h, _ := parseHeader(message)
	if f.delay != nil && h.sender != probe {
		time.Sleep(f.delay(h))
	}
	if f.route == nil || h.sender == probe {
		return [][]byte{message}
	}
	return f.route(h, slices.Clone(message))
}

type fakeConn struct{ fake *fake }

func (c *fakeConn) Request(ctx context.Context, cluster string, body []byte) ([]byte, error) {
	var reply []byte
	for _, m := range c.fake.pass(body) {
		reply = c.fake.services[cluster][0].Request(m)
	}
	if reply == nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return reply, nil
}

func (c *fakeConn) Publish(_ context.Context, topic string, event []byte) error {
	c.fake.mu.Lock()
	defer c.fake.mu.Unlock()
	for _, m := range c.fake.pass(event) {
		for _, handle := range c.fake.topics[topic] {
			handle(m)
		}
	}
	return nil
}

func (c *fakeConn) Subscribe(_ context.Context, topic string, handle func([]byte)) error {
	c.fake.mu.Lock()
	defer c.fake.mu.Unlock()
	if c.fake.topics == nil {
		c.fake.topics = make(map[string][]func([]byte))
	}
	c.fake.topics[topic] = append(c.fake.topics[topic], handle)
	return nil
}

func (c *fakeConn) Broadcast(_ context.Context, cluster string, message []byte) error {
	c.fake.mu.Lock()
	defer c.fake.mu.Unlock()
	for _, m := range c.fake.pass(message) {
		for _, s := range c.fake.services[cluster] {
			s.Broadcast(m)
		}
	}
	return nil
}

func (c *fakeConn) Tunnel(_ context.Context, cluster string) (Tunnel, error) {
	t := &fakeTunnel{fake: c.fake, messages: make(chan []byte, 1)}
	go c.fake.services[cluster][0].Tunnel(t)
	return t, nil
}

func (c *fakeConn) Close() error { return nil }

type fakeTunnel struct {
	fake     *fake
	messages chan []byte
}

func (t *fakeTunnel) Send(_ context.Context, message []byte) error {
	for _, m := range t.fake.pass(slices.Clone(message)) {
		t.messages <- m
	}
	return nil
}

func (t *fakeTunnel) Receive(context.Context) ([]byte, error) {
	m, ok := <-t.messages
	if !ok {
		return nil, io.EOF
	}
	return m, nil
}

func (t *fakeTunnel) Close() error {
	close(t.messages)
	return nil
}
