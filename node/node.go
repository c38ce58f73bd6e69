package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/project-iris/iris/overlay"
	"github.com/project-iris/iris/overlay/discovery"
	"github.com/project-iris/iris/relay"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/budget"
	"github.com/project-iris/iris/transport/identity"
	"github.com/project-iris/iris/transport/strangers"
)

// flushTimeout is how long a node that ends may take to write what applications
// still have waiting, after the work is done or given up.
const flushTimeout = time.Second

// Node is a running node. Its methods are safe for concurrent use.
type Node struct {
	config  Config
	id      *identity.Identity
	started time.Time
	links   *links         // nil: the node is alone
	memory  *budget.Budget // nil: it has no limit
	overlay *overlay.Overlay
	relay   *relay.Relay
	port    int
	expects bool              // it was told of other nodes
	finder  *discovery.Finder // nil: the node is alone
	joined  joined
	control *admin // nil: there is none
	path    string // of the socket of control

	silent     atomic.Bool   // a listener for applications has ended
	drainAsked chan struct{} // closed when the node was told to drain
	askDrain   func()

	keys     Config // with Key and Accept as they are now
	unbeacon func() // ends beacons; nil: there are none

	admin *admin // nil: there is none

	contested chan struct{} // closed when the id is to be given up

	doubled    atomic.Bool // another node has the id of this one
	turnedAway turnedAway
	reached    reached
	heard      atomic.Uint64            // beacons
	files      atomic.Pointer[[]string] // of the keys

	pulse  pulse // of what a status is made of
	whole  pulse // of that, and of the way of applications
	rates  rates
	shared shared

	serving  sync.WaitGroup     // one goroutine a listener, measure, follow and watchClock
	unfollow context.CancelFunc // ends the last three
	draining atomic.Bool
	stop     sync.Once
	stopped  error // of the first Shutdown
}

// Start starts a node, which serves applications when Start returns, and looks for
// other nodes. Whoever starts it has to call [Node.Shutdown] or [Node.Close], and to look
// at [Node.Contested].
//
// It fails when the configuration lacks something ([ErrNoNetwork], [ErrNoKey]), or has
// what is not known ([ErrDiscover], [ErrJoin]); when a port cannot be listened on; and when the state
// directory cannot be written to.
func Start(config Config) (*Node, error) {
	config, err := config.resolve()
	if err != nil {
		return nil, err
	}
	id, err := identity.New(identity.Config{Key: config.Key, Accept: config.Accept, Network: config.Network})
	if err != nil {
		return nil, err
	}
	return start(config, id)
}

// start starts a node that has an identity.
func start(config Config, id *identity.Identity) (*Node, error) {
	remembered, err := remember(config.State, config.Logger)
	if err != nil {
		return nil, err
	}
	memory := newMemory(config.Memory)
	n := &Node{
		config: config, keys: config, id: id, memory: memory,
		overlay:   overlay.New(overlay.Config{Memory: memory, FrameBytes: config.Memory / 2}),
		contested: make(chan struct{}), started: time.Now(), drainAsked: make(chan struct{}),
	}
	n.files.Store(&config.KeyFiles)
	n.askDrain = sync.OnceFunc(func() { close(n.drainAsked) })
	open, err := openPorts(config)
	if err != nil {
		return nil, err
	}
	if err := n.connect(); err != nil {
		open.close()
		return nil, err
	}
	n.expects = len(config.Join) > 0 || remembered != nil && remembered.Len() > 0
	if n.links != nil {
		n.discover(remembered)
	}
	n.serve(open)
	ctx, cancel := context.WithCancel(context.Background())
	n.unfollow = cancel
	n.serving.Go(func() { n.measure(ctx) })
	if n.links != nil {
		n.serving.Go(func() { n.follow(ctx) })
		n.serving.Go(func() { watchClock(ctx, time.Now, n.clockJumped) })
	}
	return n, nil
}

// ports are what a node listens on for others than nodes.
type ports struct {
	apps    []net.Listener
	admin   net.Listener     // nil: there is none
	control *controlListener // nil: there is none
}

func openPorts(config Config) (ports, error) {
	var p ports
	var err error
	if p.apps, err = relay.Listen(config.Port); err != nil {
		return p, portError(config.Port, err)
	}
	if config.Socket.Path != "" {
		socket, err := relay.ListenUnix(config.Socket)
		if err != nil {
			p.close()
			return p, err
		}
		p.apps = append(p.apps, socket)
	}
	if config.Admin != "" {
		if p.admin, err = listenAdmin(config.Admin); err != nil {
			p.close()
			return p, err
		}
	}
	if err := p.openControl(config); err != nil {
		p.close()
		return p, err
	}
	return p, nil
}

// close is for ports that nobody serves.
func (p ports) close() {
	for _, l := range p.apps {
		l.Close()
	}
	if p.admin != nil {
		p.admin.Close()
	}
	if p.control != nil {
		p.control.Close()
	}
}

// serve serves the ports until the node is stopped.
func (n *Node) serve(open ports) {
	n.port = open.apps[0].Addr().(*net.TCPAddr).Port
	n.relay = relay.New(relay.Config{
		Mesh:         mesh{n.overlay},
		Logger:       n.config.Logger,
		QueueLimit:   n.config.QueueLimit,
		StallTimeout: n.config.StallTimeout,
		Policy:       n.config.Policy,
		Audit:        n.config.Audit,
		Connections:  connections(strangers.Descriptors()),
		Memory:       n.memory,
		PayloadLimit: n.config.MaxMessage,
	})
	n.startPulse()
	for _, l := range open.apps {
		n.serving.Go(func() {
			_ = n.relay.Serve(l)
			n.silent.Store(true)
		})
	}
	if open.admin != nil {
		n.admin = n.serveAdmin(n.guardAdmin(open.admin), n.forThisHost(onlyQuestions(n.reads(n.sayNetwork))))
	}
	if open.control != nil {
		n.path = open.control.path
		n.control = n.serveAdmin(open.control, n.commands())
	}
}

// connect makes the node part of its network.
func (n *Node) connect() error {
	if len(n.config.Transports) == 0 {
		return nil
	}
	links, err := listen(n.config, n.id)
	if err != nil {
		return err
	}
	names := n.id.Secrets(forNames)
	err = n.overlay.Connect(overlay.Network{
		Self:          n.id.ID(),
		Transport:     links.transport,
		Listener:      links.listener,
		Address:       links.addresses(),
		Secret:        names[0],
		OtherSecrets:  names[1:],
		PacketSecrets: n.id.Secrets(forPackets),
		Keys:          n.id,
		IdleLink:      n.config.LinkIdle,
		MaxLinks:      n.config.MaxLinks,
		Answer:        n.answer,
		Contested:     func(c overlay.Contest) { n.contest(c, links.addresses()) },
		Logger:        n.config.Logger,
	})
	if err != nil {
		return errors.Join(err, links.transport.Close())
	}
	n.links = links
	return nil
}

// portError says what to do about a port that cannot be listened on.
func portError(port int, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("port %d for applications is taken (%w): is another node running? "+
			"stop it, or choose another port with -port", port, err)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("port %d for applications needs more rights (%w): choose one above 1023 with -port", port, err)
	}
	return fmt.Errorf("cannot listen for applications: %w", err)
}

// Port returns the TCP port that applications attach to.
func (n *Node) Port() int { return n.port }

// Socket returns the path of the Unix socket that applications attach to, empty if there is none.
func (n *Node) Socket() string { return n.config.Socket.Path }

// PeerAddr returns where other nodes reach this one, empty if it is alone.
func (n *Node) PeerAddr() string {
	if n.links == nil {
		return ""
	}
	return n.links.listener.Addr()
}

// ID returns what the node is called among the others.
func (n *Node) ID() transport.PeerID { return n.id.ID() }

// Network returns the name of the network.
func (n *Node) Network() string { return n.config.Network }

// Stats returns what the relay has counted.
func (n *Node) Stats() relay.Stats { return n.relay.Stats() }

// Shutdown ends the node in good order. No application can attach any more, the
// services of this node leave their clusters, and what they have in hand is finished:
// requests are answered, tunnels closed by those who use them. When that is done
// or the context ends, whose error is returned then, the connections are dropped.
func (n *Node) Shutdown(ctx context.Context) error {
	n.stop.Do(func() {
		n.draining.Store(true)
		n.relay.Refuse()
		var finding sync.WaitGroup
		if n.finder != nil {
			finding.Go(n.finder.Close)
		}
		n.stopped = n.overlay.Drain(ctx)
		finding.Wait()
		n.unfollow()
		flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
		defer cancel()
		n.relay.Close(flush)
		n.overlay.Close()
		if n.links != nil {
			n.stopped = errors.Join(n.stopped, n.links.transport.Close())
		}
		n.serving.Wait()
		if n.admin != nil {
			n.admin.close(flush)
		}
		if n.control != nil {
			n.control.close(flush)
		}
	})
	return n.stopped
}

// Close ends the node at once: what runs is cut off.
func (n *Node) Close() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = n.Shutdown(ctx)
}
