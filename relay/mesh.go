package relay

import (
	"context"
	"io"
	"time"

	"github.com/project-iris/iris/transport/outbox"
)

// Mesh is the network, as far as a relay needs it.
type Mesh interface {
	// Attach adds an application, which serves the named cluster unless the name
	// is empty. The application may be called before Attach returns.
	Attach(cluster []byte, app Application) (Member, error)
}

// Stream is one end of a tunnel. Close ends both directions; what was written before
// still arrives. CloseRead ends the reading direction alone: what the other end still
// sends is dropped, and its Write fails. Both may be called more than once, and while the
// stream is read and written.
//
// It is an alias, so that a network need not know this package to satisfy [Mesh].
type Stream = interface {
	io.ReadWriteCloser
	CloseRead() error
}

// Member is an application in the network. Its methods are safe for
// concurrent use, and borrow the slices that they are given. None of them blocks
// but Leave, Tunnel and AwaitConfirmation, and sending to an application that is slow to read.
type Member interface {
	// StartBroadcast sends a message to every member of a cluster. Where it would have to wait
	// for the way to another node, it returns what is left to do, and else nil. That waits, and has
	// to be called once, with the same cluster and message, before that of another broadcast or
	// event. To be behind says that there is one whose rest was not called yet.
	StartBroadcast(cluster, message []byte, behind bool) (rest func(cluster, message []byte))
	// Request asks one member of a cluster. Exactly one of HandleReply,
	// HandleFault and HandleTimeout is called with the id before the timeout ends.
	Request(id uint64, cluster, body []byte, timeout time.Duration)
	// FailFast has HandleTimeout called at once for requests from now on whose cluster
	// nobody serves, as far as the network knows.
	FailFast()
	// Resume says that there is room for requests again, after HandleRequest has failed.
	Resume()
	// Reply answers a request that HandleRequest was given. Other ids are ignored.
	Reply(id uint64, ok bool, body []byte)
	// StartPublish sends an event to every subscriber of a topic, as StartBroadcast does.
	StartPublish(topic, event []byte, behind bool) (rest func(topic, event []byte))
	// Subscribe and Unsubscribe change what HandleEvent gets.
	Subscribe(topic []byte) error
	Unsubscribe(topic []byte)
	// AwaitConfirmation returns when what others send reaches the application in its
	// cluster and in the topics that it has subscribed to, from whatever node, or after
	// a time that the network bounds.
	AwaitConfirmation(ctx context.Context)
	// Tunnel opens a stream to one member of a cluster.
	Tunnel(ctx context.Context, cluster []byte) (Stream, error)
	// Withdraw takes the application out of its cluster. It goes on with what it has in
	// hand.
	Withdraw()
	// Leave is Withdraw, and waits until the application has answered the requests that it
	// has in hand and its tunnels are closed.
	Leave(ctx context.Context) error
	// Close detaches the application. It may be called more than once.
	Close()
}

// Application is an attached application, as the network sees it. Its methods are
// safe for concurrent use, and borrow the slices that they are given.
type Application interface {
	Service
	Caller
}

// Service is what the network delivers to a member of a cluster, and never to an
// application that named none.
type Service interface {
	// HandleRequest hands over a request; an error says that it was not, and that there
	// is no room for another one before Resume.
	HandleRequest(id uint64, body []byte, timeout time.Duration) error
	// HandleBroadcast delivers a broadcast.
	HandleBroadcast(message []byte)
	// HandleSharedBroadcast delivers one that others of the node are given too.
	HandleSharedBroadcast(message []byte, shared *outbox.Shared)
	// HandleTunnel offers the far end of a stream, and returns nil when the
	// application has taken it.
	HandleTunnel(ctx context.Context, conn Stream) error
}

// Caller is what the network delivers to every application.
type Caller interface {
	// HandleEvent delivers an event of a topic.
	HandleEvent(topic, event []byte)
	// HandleSharedEvent delivers one that others of the node are given too.
	HandleSharedEvent(topic, event []byte, shared *outbox.Shared)
	// HandleReply, HandleFault and HandleTimeout are the answers to a request.
	HandleReply(id uint64, reply []byte)
	HandleFault(id uint64, text []byte)
	HandleTimeout(id uint64)
	// HandleLimit says which limit of the node something has met that the application sent.
	HandleLimit(limit error)
}
