// Package remote keeps the requests and tunnels between this node and one other: those of
// members of this node, and those that come from there. A [Remote] lasts as long as the link. Its [Host] says who takes a request at this node, and a [Caller] what is done with one
// that the other node has sent back.
//
// # Locks
//
// A remote has none besides those of its calls and its session, under which nobody is called.
package remote

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/project-iris/iris/overlay/calls"
	"github.com/project-iris/iris/overlay/names"
	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/overlay/session"
	"github.com/project-iris/iris/overlay/tunnel"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/budget"
)

const (
	// maxCalls is how many requests that are not answered another node may have.
	maxCalls = 1 << 18
	// mostCalls is how many of these one application may have. A member gives a node a part of
	// its 65,536 requests, which is larger while no more than two nodes want all that they can
	// get: so there is room for other applications of this node.
	mostCalls = 1 << 14
	// maxTunnels and mostTunnels are the same for tunnels, of which a member has 8,192.
	maxTunnels  = 1 << 16
	mostTunnels = 1 << 12
	// Patience is how long a request or an answer waits for room on the way to a node.
	Patience = time.Second
)

// Faults that a request is answered with here. Their texts reach the caller.
const (
	// FaultOverloaded says that a node had no room even to send a request back.
	FaultOverloaded = "overloaded"
	// FaultLost says that the node that had the request is gone. Whether it ran is unknown.
	FaultLost = "member lost"
)

// Caller is a member of this node that asks. Its methods must not block. Callers are
// compared with ==.
type Caller interface {
	// Shard chooses the lane of what it sends.
	Shard() uint64
	// Answer takes the answer to a request, a fault unless it is ok. The body is borrowed.
	Answer(token uint64, ok bool, body []byte, load int64)
	// Again takes a request that has come back, which certainly did not run there. Its
	// cluster and body are borrowed.
	Again(a names.Attempt)
	// Fewer says that the node has one request less of it.
	Fewer()
}

// Host is this node, as a [Remote] needs it. Its methods are called by the goroutine that reads
// a stream of the link. While they block, nothing more is read from that stream.
type Host interface {
	// Serve hands a request to a member, which answers by [Remote.Answer] with the id of the
	// message, and reports whether it did. If not it says why, and what load the least busy
	// member has. The message is borrowed.
	Serve(from *Remote, m *wire.Request, deadline time.Time) (reason wire.Reason, load int64, ok bool)
	// ServeTunnel hands a tunnel to a member, within the time of the context, and says whether one
	// has taken it.
	ServeTunnel(ctx context.Context, from *Remote, cluster []byte, end *tunnel.End) wire.Verdict
	// Answered says that a request was answered that had waited for a cluster.
	Answered(cluster string)
	// Deliver takes a message that is neither a request nor about one. It is borrowed.
	Deliver(from *Remote, m wire.Message)
	// Connected says that the directories can talk, and HandleDirectory takes what the other
	// one says.
	Connected(to *Remote)
	HandleDirectory(from *Remote, m wire.Message)
}

// Config configures a [Remote]. All fields but Memory are required.
type Config struct {
	Peer     *peers.Peer       // the link
	Frames   *wire.Budget      // for what comes in large frames, of all nodes
	Memory   *budget.Holder    // for what waits for the node; nil: no limit
	Sessions *session.Counters // of all nodes
	Dropped  *atomic.Uint64    // counts answers that found no room
	Lost     *atomic.Uint64    // counts requests that the node had when the link was lost
	Stuck    *atomic.Uint64    // counts requests of the node that found no room on the way back
	Watch    *Watch            // of all nodes
	Host     Host

	// OpenBulk opens a stream for much data, and Farewells are the tunnels of all nodes that were
	// closed here.
	OpenBulk  func(context.Context, *peers.Peer, peers.Kind) (transport.Stream, error)
	Farewells *tunnel.Farewells
}

// Remote is another node that there is a link to, as long as that link lasts. Its methods
// are safe for concurrent use.
type Remote struct {
	*session.Session
	config Config
	calls  *calls.Table[call]   // requests that were sent there, by id
	parts  *budget.Each[Caller] // of calls
	dug    *budget.Each[Caller] // of tunnels that were opened there, or are to be

	retirement retirement
	held       atomic.Int64  // uses of the link that are no requests
	received   atomic.Uint64 // messages
	handling   atomic.Int64  // of them, that the host has not taken yet
}

// New returns the node at the other end of a link.
func New(config Config) *Remote {
	r := &Remote{config: config}
	r.Session = session.New(session.Config{
		Peer: config.Peer, Frames: config.Frames, Memory: config.Memory, Counters: config.Sessions, Handler: handler{r},
	})
	r.calls = calls.New(maxCalls, r.timedOut)
	r.parts = budget.NewEach[Caller](budget.Config{Name: "requests with another node", Limit: maxCalls, Most: mostCalls})
	r.dug = budget.NewEach[Caller](budget.Config{Name: "tunnels to another node", Limit: maxTunnels, Most: mostTunnels})
	return r
}

// linkWords is the version of the protocol since which nodes understand what is said about
// the link itself: [wire.Retire] and [wire.Ping].
const linkWords = 2

// understands reports whether the node understands that.
func (r *Remote) understands() bool { return r.Peer().Link().Version() >= linkWords }

// Calls returns how many requests the node has that are not answered.
func (r *Remote) Calls() int { return r.calls.Len() }

// handler is a remote as its session sees it.
type handler struct{ *Remote }

// HandleMessage handles what the node sends in one of its lanes.
func (h handler) HandleMessage(m wire.Message) {
	h.received.Add(1)
	h.handling.Add(1)
	defer h.handling.Add(-1)
	switch m := m.(type) {
	case *wire.Request:
		h.serve(m)
	case *wire.Reply:
		h.replied(m)
	case *wire.Refusal:
		h.refused(m)
	default:
		h.config.Host.Deliver(h.Remote, m)
	}
}

// HandleDropped tells what becomes of a request that a large message was about which there was no
// memory for.
func (h handler) HandleDropped(t wire.Type, id uint64) {
	h.received.Add(1)
	switch t {
	case wire.TypeRequest: // it has not run
		fault(h.Lane(id), id, 0, []byte(FaultOverloaded))
	case wire.TypeReply:
		h.giveUp(id, FaultLost)
	case wire.TypeRefusal: // it has not run, and is not there to be tried elsewhere
		h.giveUp(id, FaultOverloaded)
	}
}

// HandleControl says that the directories can talk.
func (h handler) HandleControl() { h.config.Host.Connected(h.Remote) }

// HandleDirectory takes what the node says on the control stream.
func (h handler) HandleDirectory(m wire.Message) {
	switch m := m.(type) {
	case *wire.Retire:
		h.handleRetire(m.Stage)
	case *wire.Ping:
		if !m.Answer {
			h.Tell(&wire.Ping{Answer: true})
		}
	default:
		h.received.Add(1)
		h.config.Host.HandleDirectory(h.Remote, m)
	}
}
