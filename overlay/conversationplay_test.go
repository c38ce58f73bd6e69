package overlay

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay/discovery"
	"github.com/project-iris/iris/overlay/membership"
	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/overlay/wire/wiretest"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/hello"
	"github.com/project-iris/iris/transport/mem"
)

var record = flag.Bool("record", false, "write the conversation of this version into testdata")

func conversationFile(version uint16) string {
	return fmt.Sprintf("wire/testdata/conversation-%d.txt", version)
}

// startTalk starts node B. The clock of a bubble begins at the same time always, and the
// epochs of nodes are made of it.
func startTalk(t *testing.T, network *mem.Network) *talk {
	t.Helper()
	end := network.Node(nodeB)
	listener, err := end.Listen(t.Context(), addrB)
	if err != nil {
		t.Fatal(err)
	}
	o := New(Config{})
	if err := o.Connect(Network{Self: nodeB, Transport: end, Listener: listener, Address: addrB}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		o.Close()
		_ = end.Close()
		time.Sleep(5 * time.Second)
	})
	time.Sleep(time.Second)
	return &talk{t: t, b: o, here: map[string]*app{}, far: map[string]*app{}}
}

// The conversation takes place as it is meant to, and is recorded if the flag says so.
func TestRecordAConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.NewNetwork(mem.Config{Versions: Versions(), Path: mem.Path{Delay: time.Millisecond}})
		k := startTalk(t, network)
		end := network.Node(nodeA)
		tape := &tape{Transport: end, count: map[string]int{}}
		k.tape = tape
		a := New(Config{})
		info := wire.Info{Epoch: uint64(time.Now().UnixNano()), Address: []byte("mem://a")}
		tape.info = info.Append(nil)
		for _, s := range talkSteps {
			tape.step(s.name)
			if a.net == nil {
				if err := a.Connect(Network{Self: nodeA, Transport: tape, Address: "mem://a"}); err != nil {
					t.Fatal(err)
				}
				go func() { _, _ = a.Network().Reach(t.Context(), addrB, nodeB, discovery.ByJoin) }()
			}
			if s.b != nil {
				s.b(k, k.b)
			}
			if s.a != nil {
				s.a(k, a)
			}
			time.Sleep(time.Second)
		}
		k.here["caller"].saw("1: reply hello", "2: fault disk full", "3: timed out", "4: timed out")
		k.here["other"].saw("request hello", "event weather: it pours")
		tape.step("the end")
		a.Close()
		_ = end.Close()
		if *record {
			text := conversationHead(wire.Version) + wiretest.Format(tape.steps[:len(tape.steps)-1])
			if err := os.WriteFile(conversationFile(wire.Version), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A node of this version speaks with one of each version that it is to speak with, as was
// recorded: A is played from the recording, and B has to say what it said then.
func TestRecordedConversationsAreUnderstood(t *testing.T) {
	for version := Versions().Oldest; version <= Versions().Newest; version++ {
		t.Run(fmt.Sprint("version ", version), func(t *testing.T) {
			text, err := os.ReadFile(conversationFile(version))
			if err != nil {
				t.Fatal(err)
			}
			steps, err := wiretest.Parse(string(text))
			if err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) { play(t, steps) })
		})
	}
}

func play(t *testing.T, steps []wiretest.Step) {
	network := mem.NewNetwork(mem.Config{Versions: Versions(), Path: mem.Path{Delay: time.Millisecond}})
	k := startTalk(t, network)
	p := &player{
		t: t, network: network, streams: map[string]transport.Stream{}, readers: map[string]*wire.Reader{},
		intruder: &intruder{t: t, id: nodeA, ready: make(chan struct{})},
	}
	defer p.stop()
	if len(steps) != len(talkSteps) {
		t.Fatalf("%d steps are recorded, %d are known", len(steps), len(talkSteps))
	}
	for i, s := range steps {
		if s.Name != talkSteps[i].name {
			t.Fatalf("step %q is recorded, %q is known", s.Name, talkSteps[i].name)
		}
		if b := talkSteps[i].b; b != nil {
			b(k, k.b)
		}
		for _, l := range s.Lines {
			if err := p.line(l); err != nil {
				t.Fatalf("%s: %s says %s on %s: %v", s.Name, l.From, l.Meaning, l.Stream, err)
			}
		}
	}
	k.far["echo"].saw("request hello", "1: reply hello", "broadcast to all", "event news: it rains", "event news: from afar", "tunnel")
}

// player says what A has said, and expects what B has.
type player struct {
	*intruder // for its membership
	t         *testing.T
	network   *mem.Network
	links     []transport.Link

	mu      sync.Mutex
	streams map[string]transport.Stream // by name
	readers map[string]*wire.Reader     // of what B says in frames
}

func (p *player) stop() {
	if p.members != nil {
		p.members.Close()
	}
	if p.end != nil {
		p.end.Kill()
	}
	p.work.Wait()
}

func (p *player) line(l wiretest.Line) error {
	time.Sleep(10 * time.Millisecond)
	switch {
	case l.Word() == "HELLO":
		return p.hello(l)
	case l.Stream == "membership":
		return p.join(l.Bytes)
	case l.From == "b":
		return p.expect(l)
	case l.Word() == "OPEN":
		s, err := p.linkOf(l).Open(p.t.Context())
		if err != nil {
			return err
		}
		p.add(l.Stream, s)
	}
	_, err := p.streams[l.Stream].Write(l.Bytes)
	return err
}

// hello dials with the versions that A spoke, and checks what both agree on.
func (p *player) hello(l wiretest.Line) error {
	spoken, err := hello.Parse(l.Bytes[2:])
	if err != nil || "HELLO "+spoken.String() != l.Meaning {
		return fmt.Errorf("it says %v: %w", spoken, err)
	}
	if l.From == "b" {
		common, _ := spoken.Common(Versions())
		if got := p.links[len(p.links)-1].Version(); got != common {
			return fmt.Errorf("they speak version %d", got)
		}
		return nil
	}
	if p.end == nil {
		p.end = p.network.NodeOf(nodeA, spoken)
	}
	link, err := p.end.Dial(p.t.Context(), addrB, nodeB)
	if err != nil {
		return err
	}
	p.links = append(p.links, link)
	if len(p.links) == 1 {
		p.link = link
		p.work.Go(p.packets)
	}
	p.work.Go(func() { p.acceptFrom(link, len(p.links)) })
	return nil
}

// join makes A a member with what it told about itself.
func (p *player) join(info []byte) error {
	members, err := membership.New(membership.Config{Self: nodeA, Meta: info, Carrier: p, Handler: p})
	if err != nil {
		return err
	}
	p.members = members
	close(p.ready)
	return members.Join(nodeB)
}

func (p *player) linkOf(l wiretest.Line) transport.Link { return p.links[l.Stream[0]-'1'] }

// acceptFrom gives the streams that B opens their names.
func (p *player) acceptFrom(link transport.Link, number int) {
	count := map[peers.Kind]int{}
	for {
		s, err := link.Accept(link.Context())
		if err != nil {
			return
		}
		var kind [1]byte
		if _, err := io.ReadFull(s, kind[:]); err != nil {
			continue
		}
		k := peers.Kind(kind[0])
		if k == peers.KindMembership {
			p.work.Go(func() {
				<-p.ready
				p.members.HandleStream(nodeB, s)
			})
			continue
		}
		count[k]++
		p.add(fmt.Sprintf("%d/%s-b%d", number, kindNames[k], count[k]), s)
	}
}

func (p *player) add(name string, s transport.Stream) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.streams[name] = s
	p.readers[name] = wire.NewReader(s, wire.Limits{})
}

func (p *player) get(name string) (transport.Stream, *wire.Reader) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.streams[name], p.readers[name]
}

// expect waits until B says a line. When the directories say what is theirs to decide, so
// only what they must not miss is expected: updates and acknowledgements come in the end,
// and others may come before them.
func (p *player) expect(l wiretest.Line) error {
	s, reader := p.get(l.Stream)
	if l.Word() == "OPEN" {
		if s == nil {
			return errors.New("it does not")
		}
		return nil
	}
	_ = s.SetReadDeadline(time.Now().Add(5 * time.Second))
	if !l.IsFrame() {
		got := make([]byte, len(l.Bytes))
		if _, err := io.ReadFull(s, got); err != nil || string(got) != string(l.Bytes) {
			return fmt.Errorf("it says %q: %w", got, err)
		}
		return nil
	}
	if l.Word() == wire.TypeDigest.String() {
		return nil
	}
	var others []string
	for {
		m, err := reader.Read()
		if err != nil {
			return fmt.Errorf("it says %q: %w", others, err)
		}
		got := wiretest.Meaning(m)
		if got == l.Meaning {
			return nil
		}
		if others = append(others, got); !strings.Contains(l.Stream, "control") {
			return fmt.Errorf("it says %s", got)
		}
	}
}
