package directory

import (
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

// Name is the codec's.
type Name = wire.Name

// Event is something that happened to this node. It is one of [Membership],
// [Register], [Unregister], [Watch], [Unwatch], [AwaitConfirmation], [StopAwaiting],
// [Received], [Connected] and [Tick].
type Event interface {
	apply(d *Directory)
}

// Membership says who is in the network now. This node is, whether it is among them
// or not. Several changes may come at once, and should if they happen at once.
type Membership struct{ Members *Members }

// Register says that this node has members of a name. To say it twice is fine.
type Register struct{ Name Name }

// Unregister says that this node has no more members of a name.
type Unregister struct{ Name Name }

// Watch says that this node sends to a name, and wants to know of [Changed] and to
// look it up. To say it twice is fine.
type Watch struct{ Name Name }

// Unwatch says that this node sends to a name no more.
type Unwatch struct{ Name Name }

// Received is a message from a node, which the link has authenticated. The message
// is borrowed during the step.
type Received struct {
	From    transport.PeerID
	Message wire.Message
}

// Connected says that there is a new link to a node, so what was sent over an
// earlier one may be lost.
type Connected struct{ Peer transport.PeerID }

// Tick says that the time of [Directory.Next] has come. Every event does that as
// well.
type Tick struct{}

// Action is something that the node has to do. It is one of [Send],
// [Changed] and [Confirmed].
type Action interface {
	action()
}

// Send is a message for a node. It is the receiver's own. To lose it is fine, and so
// is to deliver it late, twice or out of order.
type Send struct {
	To      transport.PeerID
	Message wire.Message
}

// Changed is what [Directory.Lookup] returns of a watched name from now on.
type Changed struct {
	Name  Name
	Nodes []transport.PeerID // not to be modified
	Known bool
}

func (Send) action()    {}
func (Changed) action() {}
