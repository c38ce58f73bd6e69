package simulate

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay"
	"github.com/project-iris/iris/overlay/discovery"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/mem"
)

// network is a network of nodes that a story is played in: the model's or the product's.
// Requests are numbered as they are asked, and so are events and broadcasts together.
type network interface {
	start() // the next node
	attach(app string, node int, cluster string, hasty bool, how manner)
	ask(app, cluster string, timeout time.Duration)
	publish(app, topic string)
	broadcast(app, cluster string)
	subscribe(app, topic string)
	unsubscribe(app, topic string)
	busy(app string, span time.Duration)
	leave(app string)
	end(app string)
	drain(node int)
	crash(node int)
	lose(one, other int) // their link
	cut(one, other int)
	heal()
	pass(span time.Duration)
	saw() map[string][]string // what applications have seen; those that begin alike up to a dot are one
}

// log is what applications have seen.
type log struct {
	mu    sync.Mutex
	lines map[string][]string
}

func (l *log) add(app, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	group, _, _ := strings.Cut(app, ".")
	if l.lines == nil {
		l.lines = make(map[string][]string)
	}
	l.lines[group] = append(l.lines[group], fmt.Sprintf(format, args...))
}

// passed marks for all applications that some time has passed, so that what they see before and
// after it are told apart.
func (l *log) passed() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for app := range l.lines {
		if lines := l.lines[app]; lines[len(lines)-1] != "–" {
			l.lines[app] = append(lines, "–")
		}
	}
}

func (l *log) saw() map[string][]string { return l.lines }

// model is the network of the simulator.
type model struct {
	log
	*world
	apps  map[string]*member
	names map[int]string // of members, by their numbers
}

func newModel(nodes, late int) *model {
	m := &model{
		world: newWorld(plan{seed: 1, nodes: nodes, late: late, everywhere: 16, delay: time.Millisecond}, nil),
		apps:  make(map[string]*member), names: make(map[int]string),
	}
	m.watch = m.happened
	return m
}

// happened takes what applications see into the log.
func (m *model) happened(what string, who, number int) {
	app := m.names[who]
	answer, isAnswer := strings.CutPrefix(what, "answer ")
	switch {
	case what == "run":
		m.add(app, "request %d", number)
	case what == "got" && m.messages[number].kind == wire.KindEvent:
		m.add(app, "event %s %d", m.messages[number].name, number)
	case what == "got":
		m.add(app, "broadcast %d", number)
	case isAnswer && answer == "nobody":
		m.add(app, "%d: timed out", number)
	case isAnswer:
		m.add(app, "%d: %s", number, answer)
	}
}

// then does what a step of the simulator does after it.
func (m *model) then() {
	for _, n := range m.world.nodes {
		n.settle()
	}
}

func (m *model) start() {
	for _, n := range m.world.nodes {
		if n.life == 0 {
			n.boot()
			m.then()
			return
		}
	}
}

func (m *model) attach(app string, node int, cluster string, hasty bool, how manner) {
	m.names[len(m.members)] = app // it may be given something at once
	m.apps[app] = m.world.nodes[node].attach(cluster, hasty, how)
	m.then()
}

func (m *model) ask(app, cluster string, timeout time.Duration) {
	m.apps[app].ask(cluster, timeout)
	m.then()
}

func (m *model) publish(app, topic string) {
	m.apps[app].publish(wire.KindEvent, topic)
	m.then()
}

func (m *model) broadcast(app, cluster string) {
	m.apps[app].publish(wire.KindBroadcast, cluster)
	m.then()
}

func (m *model) subscribe(app, topic string) {
	m.apps[app].subscribe(topic)
	m.then()
}

func (m *model) unsubscribe(app, topic string) {
	m.apps[app].unsubscribe(topic)
	m.then()
}

func (m *model) busy(app string, span time.Duration) {
	m.apps[app].busy(span)
	m.then()
}

func (m *model) leave(app string) {
	m.apps[app].leave()
	m.then()
}

func (m *model) end(app string) {
	m.apps[app].close()
	m.then()
}

func (m *model) drain(node int) {
	m.world.nodes[node].drain()
	m.then()
}

func (m *model) crash(node int) {
	m.world.nodes[node].crash()
	m.then()
}

func (m *model) lose(one, other int) {
	m.world.nodes[one].links[nodeIDs[other]].breakUp()
	m.then()
}

func (m *model) cut(one, other int) {
	m.world.cut[[2]int{one, other}], m.world.cut[[2]int{other, one}] = true, true
	m.shift(3*time.Second, 9*time.Second)
}

func (m *model) heal() {
	clear(m.world.cut)
	m.shift(time.Millisecond, 3*time.Second)
}

func (m *model) pass(span time.Duration) {
	m.run(m.now.Add(span))
	m.passed()
}

// product is a network of real nodes in memory.
type product struct {
	log
	t       *testing.T
	net     *mem.Network
	nodes   []*overlay.Overlay
	ends    []*mem.Transport
	finders []*discovery.Finder
	apps    map[string]*app

	calls, messages int
	draining        sync.WaitGroup
}

func newProduct(t *testing.T, nodes, late int) *product {
	p := &product{
		t: t, apps: make(map[string]*app),
		net: mem.NewNetwork(mem.Config{Versions: overlay.Versions(), Path: mem.Path{Delay: 200 * time.Microsecond, Jitter: time.Millisecond}}),
	}
	t.Cleanup(p.close)
	for range nodes - late {
		p.start()
	}
	return p
}

func (p *product) close() {
	p.draining.Wait()
	for i, o := range p.nodes {
		p.finders[i].Close()
		o.Close()
		_ = p.ends[i].Close()
	}
	time.Sleep(5 * time.Second) // virtual: what links have under way ends
}

func (p *product) start() {
	i := len(p.nodes)
	end := p.net.Node(nodeIDs[i])
	listener, err := end.Listen(p.t.Context(), fmt.Sprintf("mem://%d", i))
	if err != nil {
		p.t.Fatal(err)
	}
	o := overlay.New(overlay.Config{HeldBytes: heldBytes, Topics: 4, TopicBytes: 100})
	err = o.Connect(overlay.Network{Self: end.ID(), Transport: end, Listener: listener, Address: listener.Addr(), PacketSecrets: [][32]byte{{1}}})
	if err != nil {
		p.t.Fatal(err)
	}
	var sources []discovery.Source
	if i > 0 {
		sources = append(sources, &discovery.Join{Addr: "mem://0"})
	}
	p.nodes, p.ends = append(p.nodes, o), append(p.ends, end)
	p.finders = append(p.finders, discovery.Start(discovery.Config{Network: o.Network(), Sources: sources}))
}

func (p *product) attach(name string, node int, cluster string, hasty bool, how manner) {
	a := &app{log: &p.log, name: name, how: how, attached: make(chan struct{})}
	m, err := p.nodes[node].Attach([]byte(cluster), a)
	if err != nil {
		p.t.Fatal(err)
	}
	if hasty {
		m.FailFast()
	}
	a.Member = m
	close(a.attached)
	p.apps[name] = a
	synctest.Wait()
}

func (p *product) ask(app, cluster string, timeout time.Duration) {
	p.calls++
	number := p.calls - 1
	p.apps[app].Request(uint64(number), []byte(cluster), strconv.AppendInt(nil, int64(number), 10), timeout)
	synctest.Wait()
}

func (p *product) next() []byte {
	p.messages++
	return strconv.AppendInt(nil, int64(p.messages-1), 10)
}

func (p *product) publish(app, topic string) { p.apps[app].Publish([]byte(topic), p.next()) }

func (p *product) broadcast(app, cluster string) { p.apps[app].Broadcast([]byte(cluster), p.next()) }

func (p *product) subscribe(app, topic string) {
	if err := p.apps[app].Subscribe([]byte(topic)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *product) unsubscribe(app, topic string) { p.apps[app].Unsubscribe([]byte(topic)) }

func (p *product) busy(app string, span time.Duration) {
	a := p.apps[app]
	a.mu.Lock()
	a.until = time.Now().Add(span)
	a.mu.Unlock()
	time.AfterFunc(span, a.Resume)
}

func (p *product) leave(app string) { p.apps[app].Withdraw() }
func (p *product) end(app string)   { p.apps[app].Close() }

func (p *product) drain(node int) {
	p.draining.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		p.finders[node].Close()
		_ = p.nodes[node].Drain(ctx)
		p.nodes[node].Close()
	})
	synctest.Wait()
}

func (p *product) crash(node int) { p.ends[node].Kill() }

func (p *product) lose(one, other int) {
	_ = p.nodes[one].Network().Link(nodeIDs[other]).Link().Close(errors.New("broken"))
}

func (p *product) cut(one, other int) {
	p.net.Partition([]transport.PeerID{nodeIDs[one]}, []transport.PeerID{nodeIDs[other]})
}

func (p *product) heal() { p.net.Heal() }

func (p *product) pass(span time.Duration) {
	time.Sleep(span)
	synctest.Wait()
	p.passed()
}

// app is an application of a real node. It answers as its manner says, see member.serve.
type app struct {
	*overlay.Member
	log      *log
	name     string
	how      manner
	attached chan struct{} // closed when Member is set

	mu    sync.Mutex
	until time.Time // when it has room again
}

func (a *app) HandleRequest(id uint64, body []byte, _ time.Duration) error {
	a.mu.Lock()
	busy := a.until.After(time.Now())
	a.mu.Unlock()
	if busy {
		return errFull
	}
	a.log.add(a.name, "request %s", body)
	reply := []byte(string(body))
	go func() {
		<-a.attached
		if a.how.strays {
			a.Reply(id+1000, true, []byte("stray"))
		}
		if a.how.never {
			return
		}
		time.Sleep(a.how.takes)
		a.Reply(id, true, reply)
		if a.how.twice {
			a.Reply(id, true, reply)
		}
	}()
	return nil
}

func (a *app) HandleEvent(topic, event []byte) { a.log.add(a.name, "event %s %s", topic, event) }
func (a *app) HandleBroadcast(message []byte)  { a.log.add(a.name, "broadcast %s", message) }
func (a *app) HandleFault(id uint64, b []byte) { a.log.add(a.name, "%d: %s", id, b) }
func (a *app) HandleTimeout(id uint64)         { a.log.add(a.name, "%d: timed out", id) }
func (a *app) HandleReply(id uint64, b []byte) {
	if string(b) == strconv.FormatUint(id, 10) {
		a.log.add(a.name, "%d: reply", id)
	} else {
		a.log.add(a.name, "%d: the reply %s of another", id, b)
	}
}
func (a *app) HandleTunnel(context.Context, overlay.Stream) error { return errFull }
