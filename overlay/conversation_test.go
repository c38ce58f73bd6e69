package overlay

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/project-iris/iris/overlay/directory"
	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/overlay/wire/wiretest"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/hello"
)

// The nodes of the conversation. A has the lower id and decides, and only dials.
var (
	nodeA = transport.PeerID{31: 0xa}
	nodeB = transport.PeerID{31: 0xb}
)

const addrB = "mem://b"

// talk is a conversation that goes on: applications of A, which are nil where A is played,
// and of B.
type talk struct {
	t    *testing.T
	b    *Overlay
	tape *tape
	here map[string]*app // by their clusters
	far  map[string]*app
}

// talkStep is what happens in a step, first at B, and at A.
type talkStep struct {
	name string
	b, a func(k *talk, o *Overlay)
}

// talkSteps are what is recorded. A change makes a new recording necessary.
var talkSteps = []talkStep{
	{name: "a link comes up"},
	{
		name: "both nodes register clusters and topics",
		b: func(k *talk, o *Overlay) {
			k.join("echo", o, echoing, talking)
			k.join("busy", o, refusing)
			k.join("goes", o)
			k.join("fails", o, failing)
			k.listen("echo", "news")
		},
		a: func(k *talk, o *Overlay) {
			k.join("other", o, echoing)
			k.listen("other", "weather")
			k.here["caller"] = attach(k.t, o, "")
		},
	},
	{name: "a request and its reply", a: func(k *talk, _ *Overlay) { k.here["caller"].ask(1, "echo", "hello", time.Second) }},
	{name: "a request and a fault", a: func(k *talk, _ *Overlay) { k.here["caller"].ask(2, "fails", "hello", time.Second) }},
	{name: "a request that all members refuse", a: func(k *talk, _ *Overlay) { k.here["caller"].ask(3, "busy", "hello", 20*time.Millisecond) }},
	{
		name: "a request to a cluster that nobody serves any more",
		b:    func(k *talk, _ *Overlay) { k.far["goes"].Close() },
		a:    func(k *talk, _ *Overlay) { k.here["caller"].ask(4, "goes", "hello", 20*time.Millisecond) },
	},
	{name: "a request to the other node", b: func(k *talk, _ *Overlay) { k.far["echo"].ask(1, "other", "hello", time.Second) }},
	{name: "a broadcast", a: func(k *talk, _ *Overlay) { k.here["caller"].Broadcast([]byte("echo"), []byte("to all")) }},
	{name: "an event", a: func(k *talk, _ *Overlay) { k.here["caller"].Publish([]byte("news"), []byte("it rains")) }},
	{name: "an event to the other node", b: func(k *talk, _ *Overlay) { k.far["echo"].Publish([]byte("weather"), []byte("it pours")) }},
	{name: "an event that is forwarded", a: forwarding(&wire.Forward{
		Kind: wire.KindEvent, Sender: 9, Order: 1, Name: []byte("news"), Nodes: []transport.PeerID{nodeA}, Message: []byte("from afar"),
	})},
	{name: "a marker that follows what is forwarded", a: forwarding(
		&wire.Forward{Kind: wire.KindMarker, Order: 7, Nodes: []transport.PeerID{nodeA}},
		&wire.MarkerPassed{Token: 8},
	)},
	{name: "a tunnel", a: func(k *talk, _ *Overlay) { k.here["caller"].through(k, "echo") }},
	{name: "a tunnel that all members refuse", a: func(k *talk, _ *Overlay) {
		ctx, cancel := context.WithTimeout(k.t.Context(), 200*time.Millisecond)
		defer cancel()
		_, _ = k.here["caller"].Tunnel(ctx, []byte("busy"))
	}},
	{name: "leases are renewed", a: func(*talk, *Overlay) { time.Sleep(time.Minute) }},
	{name: "a cluster is watched, as nodes of a large network do", a: func(k *talk, o *Overlay) {
		said := k.tape.lastUpdate()
		o.links.Get(nodeB).Tell(&wire.Update{
			Epoch: said.Epoch, Previous: said.Sequence, Sequence: said.Sequence + 1,
			Watched: []wire.Name{directory.NewHasher([32]byte{}).Cluster([]byte("echo"))},
		})
	}},
}

// join attaches an application to a cluster, which the other node is told before more is
// said: changes of one time are told in any order.
func (k *talk) join(cluster string, o *Overlay, options ...func(*app)) {
	apps := k.here
	if o == k.b {
		apps = k.far
	}
	apps[cluster] = attach(k.t, o, cluster, options...)
	time.Sleep(100 * time.Millisecond)
}

// listen subscribes an application to a topic.
func (k *talk) listen(cluster, topic string) {
	for _, apps := range []map[string]*app{k.here, k.far} {
		if a := apps[cluster]; a != nil {
			_ = a.Subscribe([]byte(topic))
		}
	}
	time.Sleep(100 * time.Millisecond)
}

// failing makes an application answer each request with a fault.
func failing(a *app) {
	a.serve = func(id uint64, _ []byte, _ time.Duration) error {
		a.Reply(id, false, []byte("disk full"))
		return nil
	}
}

// forwarding says what a node of a large network says, which two nodes alone do not.
func forwarding(messages ...wire.Message) func(*talk, *Overlay) {
	return func(_ *talk, o *Overlay) {
		l := o.links.Get(nodeB).Lane(9)
		for _, m := range messages {
			if b, err := l.Begin(m.Size(), 0); err == nil {
				l.Commit(m.Append(b))
			}
		}
	}
}

// talking makes an application answer in each tunnel and close it.
func talking(a *app) {
	a.take = func(_ context.Context, conn Stream) error {
		go func() {
			defer conn.Close()
			_, _ = io.ReadFull(conn, make([]byte, len("there")))
			_, _ = conn.Write([]byte("and back"))
		}()
		return nil
	}
}

// through says something in a tunnel, and awaits the answer.
func (a *app) through(k *talk, cluster string) {
	near, err := a.Tunnel(k.t.Context(), []byte(cluster))
	if err != nil {
		k.t.Fatal(err)
	}
	defer near.Close()
	_, _ = near.Write([]byte("there"))
	if back, err := io.ReadAll(near); err != nil || string(back) != "and back" {
		k.t.Errorf("the tunnel says %q, %v", back, err)
	}
}

// tape records what is said on the links of a transport.
type tape struct {
	transport.Transport

	mu    sync.Mutex
	steps []wiretest.Step
	links int
	count map[string]int // streams, by what their names begin with
	info  []byte         // of the node
	met   bool           // the first stream of the membership was seen
}

func (t *tape) step(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.steps = append(t.steps, wiretest.Step{Name: name})
}

// lastUpdate returns the latest that A's directory has said.
func (t *tape) lastUpdate() (last *wire.Update) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.steps {
		for _, l := range s.Lines {
			if l.From == "a" && l.Word() == wire.TypeUpdate.String() {
				m, _ := wiretest.Decode(l.Bytes)
				last = m.(*wire.Update)
			}
		}
	}
	return last
}

// say adds a line. The lock is held.
func (t *tape) say(from, stream, meaning string, b []byte) {
	last := &t.steps[len(t.steps)-1]
	last.Lines = append(last.Lines, wiretest.Line{From: from, Stream: stream, Meaning: meaning, Bytes: b})
}

// Dial makes a link and records it.
func (t *tape) Dial(ctx context.Context, addr string, want transport.PeerID) (transport.Link, error) {
	link, err := t.Transport.Dial(ctx, addr, want)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.links++
	ours := t.Versions()
	for _, from := range []string{"a", "b"} {
		t.say(from, fmt.Sprint(t.links, "/hello"), "HELLO "+ours.String(), hello.Append(nil, ours))
	}
	return &tapedLink{Link: link, tape: t, number: t.links}, nil
}

type tapedLink struct {
	transport.Link
	tape   *tape
	number int
}

func (l *tapedLink) Open(ctx context.Context) (transport.Stream, error) {
	s, err := l.Link.Open(ctx)
	return l.taped(s, "a"), err
}

func (l *tapedLink) Accept(ctx context.Context) (transport.Stream, error) {
	s, err := l.Link.Accept(ctx)
	return l.taped(s, "b"), err
}

func (l *tapedLink) taped(s transport.Stream, opener string) transport.Stream {
	if s == nil {
		return nil
	}
	return &tapedStream{Stream: s, link: l, opener: opener, said: map[string][]byte{}}
}

// tapedStream records a stream, in the order in which A sees it.
type tapedStream struct {
	transport.Stream
	link   *tapedLink
	opener string

	// Guarded by the lock of the tape.
	name string
	kind peers.Kind
	said map[string][]byte // by each side, not recorded yet
	head map[string]bool   // of a tunnel: it was recorded
}

func (s *tapedStream) Write(b []byte) (int, error) {
	s.hear("a", b)
	return s.Stream.Write(b)
}

func (s *tapedStream) Read(b []byte) (int, error) {
	n, err := s.Stream.Read(b)
	s.hear("b", b[:n])
	return n, err
}

var kindNames = map[peers.Kind]string{
	peers.KindControl: "control", peers.KindLane: "lane", peers.KindMembership: "membership", peers.KindTunnel: "tunnel", 7: "bulk",
}

// hear records what somebody says.
func (s *tapedStream) hear(from string, b []byte) {
	t := s.link.tape
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.kind == 0 && from == s.opener && len(b) > 0 {
		s.begin(b[0])
		b = b[1:]
	}
	if s.kind == peers.KindMembership {
		return
	}
	s.said[from] = append(s.said[from], b...)
	for s.line(from) {
	}
}

// begin records the first byte of a stream.
func (s *tapedStream) begin(kind byte) {
	t := s.link.tape
	s.kind, s.head = peers.Kind(kind), map[string]bool{}
	if s.kind == peers.KindMembership {
		if !t.met {
			m, _ := wiretest.Decode(t.info)
			t.say("a", "membership", wiretest.Meaning(m), t.info)
		}
		t.met = true
		return
	}
	what := fmt.Sprintf("%d/%s-%s", s.link.number, kindNames[s.kind], s.opener)
	t.count[what]++
	s.name = fmt.Sprint(what, t.count[what])
	t.say(s.opener, s.name, "OPEN "+kindNames[s.kind], []byte{kind})
}

// line records one more line, if there is one.
func (s *tapedStream) line(from string) bool {
	said := s.said[from]
	tunnel := s.kind == peers.KindTunnel
	size := len(said)
	switch {
	case size == 0:
		return false
	case tunnel && s.head[from]:
		s.link.tape.say(from, s.name, fmt.Sprintf("BYTES %q", said), said)
	case tunnel && from != s.opener:
		size = 1
		s.link.tape.say(from, s.name, fmt.Sprint("VERDICT ", said[0]), said[:1])
	default:
		length, head := binary.Uvarint(said)
		if size = head + int(length); head <= 0 || size > len(said) {
			return false
		}
		m, err := wiretest.Decode(said[:size])
		if err != nil {
			panic(err)
		}
		s.link.tape.say(from, s.name, wiretest.Meaning(m), said[:size])
	}
	s.head[from] = true
	s.said[from] = append([]byte(nil), said[size:]...)
	return true
}

// conversationHead is the remark at the top of a recording.
func conversationHead(version uint16) string {
	return strings.ReplaceAll(strings.TrimLeft(`
# What two nodes of version VERSION say to each other, on the control stream, in lanes and in
# tunnels, in the order in which a hears it. Package wiretest says how to read it. What a
# large network says is said on purpose: what is forwarded, its marker, and the watch. To
# record it anew:
#
#	go test ./overlay -run TestRecordAConversation -cpu 1 -record
`, "\n"), "VERSION", fmt.Sprint(version))
}
