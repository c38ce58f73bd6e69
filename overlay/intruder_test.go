package overlay

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay/directory"
	"github.com/project-iris/iris/overlay/membership"
	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/overlay/trace"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/mem"
)

// intruder is a node that has the key and is a member, and says what it likes to the
// first node of a world.
type intruder struct {
	t       *testing.T
	end     *mem.Transport
	id      transport.PeerID
	link    transport.Link
	control transport.Stream
	members *membership.Membership
	work    sync.WaitGroup

	reads bool                                     // what comes in lanes and on the control stream
	heard func(s transport.Stream, m wire.Message) // of a lane; may be nil

	ready chan struct{} // closed when members is set
}

const intruderEpoch = 7

// intrude links an intruder to the first node, and waits until it is a member.
func intrude(w *world, prepare ...func(*intruder)) *intruder {
	w.t.Helper()
	in := &intruder{t: w.t, id: transport.PeerID{31: 1}, reads: true, ready: make(chan struct{})}
	for _, p := range prepare {
		p(in)
	}
	in.end = w.net.Node(in.id)
	link, err := in.end.Dial(w.t.Context(), "mem://0", transport.PeerID{})
	if err != nil {
		w.t.Fatal(err)
	}
	in.link = link
	in.control = in.open(peers.KindControl) // it decides, as its id is the lowest
	if in.reads {
		in.work.Go(func() { _, _ = io.Copy(io.Discard, in.control) })
	}
	info := wire.Info{Epoch: intruderEpoch, Address: []byte("mem://nowhere")}
	in.work.Go(in.accept)
	in.work.Go(in.packets)
	in.members, err = membership.New(membership.Config{Self: in.id, Meta: info.Append(nil), Carrier: in, Handler: in})
	if err != nil {
		w.t.Fatal(err)
	}
	close(in.ready)
	w.t.Cleanup(in.leave)
	_ = in.members.Join(link.Peer())
	time.Sleep(time.Second)
	return in
}

// leave ends all of it.
func (in *intruder) leave() {
	in.members.Close()
	in.end.Kill()
	in.work.Wait()
}

// NodeUp and NodeDown make it a membership.Handler.
func (in *intruder) NodeUp(transport.PeerID, []byte) {}
func (in *intruder) NodeDown(transport.PeerID, bool) {}

// SendPacket and OpenStream make it a membership.Carrier.
func (in *intruder) SendPacket(to transport.PeerID, b []byte) {
	if to == in.link.Peer() {
		_ = in.link.SendDatagram(b)
	}
}

func (in *intruder) OpenStream(ctx context.Context, to transport.PeerID) (transport.Stream, error) {
	if to != in.link.Peer() {
		return nil, errors.New("no link")
	}
	s, err := in.link.Open(ctx)
	if err == nil {
		_, err = s.Write([]byte{byte(peers.KindMembership)})
	}
	return s, err
}

// open opens a stream of a kind.
func (in *intruder) open(kind peers.Kind) transport.Stream {
	s, err := in.link.Open(in.t.Context())
	if err != nil {
		in.t.Fatal(err)
	}
	_, _ = s.Write([]byte{byte(kind)})
	return s
}

func (in *intruder) packets() {
	<-in.ready
	for {
		b, err := in.link.ReceiveDatagram(in.link.Context())
		if err != nil {
			return
		}
		in.members.HandlePacket(in.link.Peer(), b)
	}
}

func (in *intruder) accept() {
	<-in.ready
	for {
		s, err := in.link.Accept(in.link.Context())
		if err != nil {
			return
		}
		in.work.Go(func() { in.stream(s) })
	}
}

func (in *intruder) stream(s transport.Stream) {
	var kind [1]byte
	if _, err := io.ReadFull(s, kind[:]); err != nil {
		return
	}
	switch {
	case peers.Kind(kind[0]) == peers.KindMembership:
		in.members.HandleStream(in.link.Peer(), s)
	case !in.reads:
	case in.heard == nil:
		_, _ = io.Copy(io.Discard, s)
	default:
		reader := wire.NewReader(s, wire.Limits{})
		for {
			m, err := reader.Read()
			if err != nil {
				return
			}
			in.heard(s, m)
		}
	}
}

// write writes messages to a stream as long as that works.
func write(s io.Writer, messages ...wire.Message) error {
	for _, m := range messages {
		if _, err := s.Write(m.Append(nil)); err != nil {
			return err
		}
	}
	return nil
}

var intruderHasher = directory.NewHasher([sha256.Size]byte{}) // as the nodes of a world have it

// register says that the intruder serves a cluster, and registerTopic that it is
// subscribed to a topic.
func (in *intruder) register(name string)      { in.say(intruderHasher.Cluster([]byte(name))) }
func (in *intruder) registerTopic(name string) { in.say(intruderHasher.Topic([]byte(name))) }

func (in *intruder) say(name wire.Name) {
	_ = write(in.control, &wire.Update{Epoch: intruderEpoch, Sequence: 1, Reset: true, Complete: true, Registered: []wire.Name{name}})
	time.Sleep(100 * time.Millisecond)
}

// live returns the bytes of memory in use.
func live() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// Rows are what an intruder does, and whether it costs the link.
var intrusions = []struct {
	name    string
	prepare func(*intruder)
	do      func(w *world, in *intruder)
	ends    bool
}{
	{name: "nothing", do: func(*world, *intruder) {}},
	{name: "garbage in a lane", ends: true, do: func(_ *world, in *intruder) {
		_, _ = in.open(peers.KindLane).Write(bytes.Repeat([]byte{0}, 100))
	}},
	{name: "a frame of a terabyte in a lane", ends: true, do: func(_ *world, in *intruder) {
		_, _ = in.open(peers.KindLane).Write([]byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1, byte(wire.TypeEvent)})
	}},
	{name: "garbage in the control stream", ends: true, do: func(_ *world, in *intruder) {
		_, _ = in.control.Write(bytes.Repeat([]byte{0}, 100))
	}},
	{name: "the end of the control stream", ends: true, do: func(_ *world, in *intruder) {
		_ = in.control.CloseWrite()
	}},
	{name: "requests in the control stream, answers of the directory in a lane", do: func(_ *world, in *intruder) {
		_ = write(in.control, &wire.Request{ID: 1, Timeout: 1, Cluster: []byte("service")}, &wire.Event{})
		_ = write(in.open(peers.KindLane), &wire.Update{Reset: true}, &wire.Digest{}, &wire.Ack{}, &wire.Info{})
	}},
	{name: "garbage in membership streams and datagrams", do: func(_ *world, in *intruder) {
		for i := range 300 {
			_ = in.link.SendDatagram(bytes.Repeat([]byte{byte(i)}, i))
			_, _ = in.open(peers.KindMembership).Write(bytes.Repeat([]byte{byte(i)}, 100))
		}
	}},
	{name: "tunnels that begin as nothing, and to nobody", do: func(_ *world, in *intruder) {
		for i := range 300 {
			_, _ = in.open(peers.KindTunnel).Write(bytes.Repeat([]byte{byte(i)}, 10))
			_ = write(in.open(peers.KindTunnel), &wire.Tunnel{Cluster: []byte("nobody")})
		}
	}},
	{name: "streams without end that say nothing", do: func(_ *world, in *intruder) {
		for range 1000 {
			if s, err := in.link.Open(in.t.Context()); err == nil {
				in.work.Go(func() { // an open stream is heard of when something is written
					_, _ = s.Write(nil)
					_ = s.CloseWrite()
				})
			}
		}
	}},
	{name: "streams of kinds that there are not", do: func(_ *world, in *intruder) {
		for i := range 1000 {
			in.open(peers.Kind(100 + i%100))
		}
	}},
	{name: "lanes without end, each with half a frame", ends: true, do: func(_ *world, in *intruder) {
		for range 100 {
			s, err := in.link.Open(in.t.Context())
			if err != nil {
				return
			}
			_, _ = s.Write([]byte{byte(peers.KindLane), 0x80, 0x80, 0x80, 2, byte(wire.TypeEvent)})
			_, _ = s.Write(make([]byte, 100_000))
		}
	}},
	{name: "replies and refusals that nobody waits for", do: func(_ *world, in *intruder) {
		s := in.open(peers.KindLane)
		huge := make([]byte, 1<<20)
		for i := range uint64(100) {
			_ = write(s, &wire.Reply{ID: i, Body: huge}, &wire.Reply{ID: i, Body: huge}, &wire.Refusal{ID: i, Cluster: huge, Body: huge})
		}
	}},
	{name: "events and broadcasts that nobody wants", do: func(w *world, in *intruder) {
		s := in.open(peers.KindLane)
		for i := range 10_000 {
			name := fmt.Append(nil, i)
			_ = write(s, &wire.Event{Topic: name, Event: name}, &wire.Broadcast{Cluster: name, Message: name})
		}
		time.Sleep(time.Second)
		if s := w.nodes[0].lookup.Stats(); s.Topics+s.Clusters+s.Places > 10 {
			w.t.Errorf("%+v names are remembered", s)
		}
	}},
	{name: "messages to forward without end, to everybody and nobody, and markers", do: func(w *world, in *intruder) {
		s := in.open(peers.KindLane)
		var to []transport.PeerID
		for i := range wire.ForwardLimit {
			to = append(to, w.ends[i%len(w.ends)].ID(), transport.PeerID{byte(i)})
		}
		m := wire.Forward{Name: []byte("here"), Nodes: to[:wire.ForwardLimit], Message: make([]byte, 1000)}
		for i := range uint64(1000) {
			m.Kind, m.Sender, m.Order = wire.Kind(i%5), i, i<<50
			_ = write(s, &m, &wire.Forwarded{Kind: wire.KindMarker, Origin: to[0], Order: i}, &wire.MarkerPassed{Token: i})
		}
	}},
	{name: "requests for nobody without end, whose refusals it does not read", ends: true, prepare: deaf, do: func(_ *world, in *intruder) {
		s := in.open(peers.KindLane)
		for i := uint64(0); write(s, &wire.Request{ID: i, Timeout: 1 << 62, Cluster: []byte("nobody"), Body: make([]byte, 1000)}) == nil; i++ {
			if i > 1_000_000 {
				in.t.Error("a million refusals are not read")
				return
			}
		}
	}},
	{name: "requests without end to a member that answers, whose answers it does not read", prepare: deaf, do: func(_ *world, in *intruder) {
		s := in.open(peers.KindLane)
		for i := range uint64(30_000) {
			_ = write(s, &wire.Request{ID: i, Timeout: 1 << 62, Cluster: []byte("here"), Body: make([]byte, 2000)})
		}
	}},
	{name: "requests without end to a member that never answers", do: func(_ *world, in *intruder) {
		s := in.open(peers.KindLane)
		for i := range uint64(100_000) {
			_ = write(s, &wire.Request{ID: i % 10, Timeout: 1 << 62, Cluster: []byte("silent")})
		}
	}},
	{name: "requests with ids of traces, which nobody has asked for", do: func(w *world, in *intruder) {
		o, id := w.nodes[0], trace.SamplingID{1, 2, 3, 4, 5, 6, 7, 8}
		s := in.open(peers.KindLane)
		send := func(watch []byte) {
			for i := range uint64(1000) {
				m := wire.Request{ID: i, Timeout: 1 << 62, Cluster: []byte("here"), Trace: append(watch[:8:8], "any bytes"[:8]...)}
				_ = write(s, &m)
			}
			time.Sleep(time.Second)
		}
		send(id[:])
		if err := o.Traces().Arm(trace.Sampling{ID: id, Name: "here", Count: 5, Every: 1, Time: time.Minute}); err != nil {
			w.t.Fatal(err)
		}
		defer o.Traces().Disarm(id)
		send([]byte("other id"))
		if all, err := o.Traces().Records(id); len(all) > 0 || err != nil || o.Traces().Stats() != (trace.Stats{}) {
			w.t.Errorf("%d requests are recorded, %v, %+v", len(all), err, o.Traces().Stats())
		}
		send(id[:]) // which it was told
		if all, _ := o.Traces().Records(id); len(all) != 36 || o.Stats().TracesUnkept != 964 {
			w.t.Errorf("%d requests are recorded, and %d not", len(all), o.Stats().TracesUnkept)
		}
	}},
	{name: "registrations without end", do: func(w *world, in *intruder) {
		sequence := uint64(0)
		for range 200 {
			m := wire.Update{Epoch: intruderEpoch, Previous: sequence, Sequence: sequence + 1, Reset: sequence == 0}
			for i := range uint16(1000) {
				name := sha256.Sum256(fmt.Append(nil, sequence, i))
				m.Registered = append(m.Registered, wire.Name(name[:16]))
				m.Watched = append(m.Watched, wire.Name(name[16:]))
			}
			sequence++
			_ = write(in.control, &m)
		}
		time.Sleep(time.Second)
		if names := w.nodes[0].lookup.Directory().Entries; names < 2<<16 || names > 2<<16+10 {
			w.t.Errorf("the directory has taken %d names of it, want %d", names, 2<<16)
		}
	}},
	{name: "links without end", do: func(_ *world, in *intruder) {
		for range 50 {
			if l, err := in.end.Dial(in.t.Context(), "mem://0", transport.PeerID{}); err == nil {
				in.work.Go(func() { <-l.Context().Done() })
			}
		}
		time.Sleep(6 * time.Second)
	}},
}

// deaf makes an intruder read nothing.
func deaf(in *intruder) { in.reads = false }

// Whatever a node does that has the key, it costs its own link at the most: the others
// are served as before, memory is bounded and given back, and no goroutine is left.
func TestIntruders(t *testing.T) {
	for _, row := range intrusions {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 3, mem.Path{Delay: time.Millisecond})
				w.there(0, "service", echoing)
				quiet(t, w.nodes[0], "here", true)
				quiet(t, w.nodes[0], "silent", false)
				caller := w.here("")
				w.pass()
				var prepare []func(*intruder)
				if row.prepare != nil {
					prepare = append(prepare, row.prepare)
				}
				in := intrude(w, prepare...)
				before := live()
				row.do(w, in)
				time.Sleep(time.Second)
				synctest.Wait()
				if grown := live() - before; grown > 64<<20 {
					t.Errorf("%d MiB more of memory are in use", grown>>20)
				}
				if ended := in.link.Context().Err() != nil; ended != row.ends {
					t.Errorf("the link has ended: %t (%v), want %t", ended, context.Cause(in.link.Context()), row.ends)
				}
				for id := range uint64(10) {
					caller.ask(id, "service", "hello", time.Second)
					w.pass()
					caller.saw(fmt.Sprint(id, ": reply hello"))
				}
				if n := w.nodes[0].net.Others() + 1; n < 3 {
					t.Errorf("%d nodes are members, want 3 and the intruder", n)
				}
			})
		})
	}
}
