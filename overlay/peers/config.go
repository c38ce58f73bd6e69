package peers

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/project-iris/iris/transport"
)

const (
	// crossing is how long after a link came into use another one that the peer
	// dials is taken for the other half of a simultaneous dial.
	crossing = 2 * time.Second
	// useTimeout is how long the peer may take to say that it uses a link.
	useTimeout = 5 * time.Second
	// kindTimeout is how long a stream may take to say what it is for.
	kindTimeout = 5 * time.Second
	// greetings bounds the streams of one link that have not said what they are for.
	// More wait to be accepted.
	greetings = 64
	// maxLinksOfNode bounds the links of one node that are up at a time, in use or not.
	maxLinksOfNode = 8
	// redialMin and redialMax bound the wait between tries to reach a node, to which
	// as much again is added at random.
	redialMin = 100 * time.Millisecond
	redialMax = 2 * time.Minute
	// redialLost is redialMax for a node whose path has failed while there was a link, for lostFor
	// from then on: most paths come back soon, and what waits for the link is to wait no longer than
	// a few seconds then.
	redialLost = time.Second
	lostFor    = time.Minute
	// maxDials bounds the dials of nodes that were met that are under way.
	maxDials = 16
	// steady is how long a link has to have been in use for the next one to be made
	// without a longer wait.
	steady = 10 * time.Second
)

// noLink is ErrNoLink with a reason, if there is one.
func noLink(err error) error {
	if err == nil {
		return ErrNoLink
	}
	return fmt.Errorf("%w: %w", ErrNoLink, err)
}

// CodeDuplicate ends a link because there is another one between the same nodes.
const CodeDuplicate = transport.CodeUser

var (
	// ErrClosed says that the peers were closed.
	ErrClosed = errors.New("peers: closed")
	// ErrNoLink says that there is no link to a node.
	ErrNoLink = errors.New("peers: no link to the node")

	errDuplicate = &transport.ClosedError{Code: CodeDuplicate, Reason: "another link is in use"}
	errTooMany   = &transport.ClosedError{Code: transport.CodeBusy, Reason: "too many links"}
	errNoMain    = &transport.ClosedError{Code: transport.CodeProtocol, Reason: "bulk link without another link"}
	errNotUsed   = &transport.ClosedError{Code: transport.CodeProtocol, Reason: "link was not taken into use in time"}
)

// Kind says what a stream is for.
type Kind byte

// Kinds of streams. Unknown ones are reset by whoever gets them.
const (
	KindControl    Kind = 1 // of this package's peers: one a link, both ways
	KindLane       Kind = 2 // messages, one way
	KindMembership Kind = 3
	KindTunnel     Kind = 4

	// What the node that dialled says when the other one decides: whether it has
	// another link to it. The stream has nothing else.
	kindLost  Kind = 5 // it has none
	kindSpare Kind = 6 // it has one

	// What the node that dialled says first over a bulk link. The stream has nothing
	// else.
	kindBulk Kind = 7

	KindAsk Kind = 8 // a question, and its answer
)

// Handler takes what peers send. Its methods are called concurrently for different
// links.
type Handler interface {
	// LinkUp says that there is a link to a node, before anything that comes over it
	// is handed to the handler, and after LinkDown has returned for the link before. It must not
	// block.
	LinkUp(p *Peer)
	// LinkDown says that a link which was up has ended, after Stream has returned for
	// all its streams. It must not block.
	LinkDown(p *Peer, cause error)
	// Stream takes a stream that the peer has opened, the control stream included,
	// which this side may have opened too. It runs in a goroutine of its own, and the
	// stream is reset when it returns, unless both directions have ended. It has to
	// return soon after the link has ended.
	Stream(p *Peer, kind Kind, s transport.Stream)
	// Datagram takes a datagram, which is the handler's. It must not block.
	Datagram(p *Peer, b []byte)
}

// Config configures [Peers].
type Config struct {
	// Self is this node.
	Self transport.PeerID
	// Transport makes the links. Peers do not close it.
	Transport transport.Transport
	// Handler takes what comes.
	Handler Handler
	// Contested is called, once, when another node has the id of this one: nothing will
	// come of this node until it has another. It must not block. Default: nothing is done.
	Contested func(Contest)
	// Accepts reports whether nodes are let in that have proved themselves by the network key
	// with a fingerprint, see [transport.KeyOf]. It is called with a lock held and must call
	// nothing of these peers. Default: all are.
	Accepts func(key string) bool
	// Logger gets what operators need to know. Default: nothing is logged.
	Logger *slog.Logger
	// DialTimeout is how long one try to reach a node may take. Default 5 s.
	DialTimeout time.Duration
	// MaxLinks is how many links are up at a time, in use or not. More are closed at
	// once. Default 4,096.
	MaxLinks int
}

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Contested == nil {
		c.Contested = func(Contest) {}
	}
	if c.Accepts == nil {
		c.Accepts = func(string) bool { return true }
	}
	if c.DialTimeout == 0 {
		c.DialTimeout = 5 * time.Second
	}
	if c.MaxLinks == 0 {
		c.MaxLinks = 4096
	}
	return c
}
