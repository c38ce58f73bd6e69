// Package directory knows which nodes of a network have members of a cluster or a
// topic. It is a state machine, [Directory]: it is told what happens, with the time,
// and says what to send and what has changed.
//
// # Names and their owners
//
// A cluster or topic is a [Name] between nodes, which a [Hasher] makes. Whoever gets
// a message for a name checks the full name. The first Config.Owners members by
// rendezvous hashing own a name; every node finds them by itself from what
// membership says.
//
// A node that has members of a name registers it at the owners. A node that sends
// to a name watches it at all of them; each says at once who has registered it, and
// what changes from then on. Who has registered it counts as known when two have said so, as one
// that has just become an owner may not have been told all. So a new member is known everywhere
// after two messages, and nothing that concerns the name depends on one owner.
//
// In a network of up to Config.Everywhere nodes there is less to do: a node
// registers its names at all others, and what it watches it knows already. So that
// it does no harm if two nodes do not see the same number of members, names are
// registered everywhere until a quarter more.
//
// When owners change, names are registered and watched at the new ones at once, and
// for Config.Linger at those that are owners no longer as well, so that at any time
// somebody knows all.
//
// # Streams
//
// What a node says to another is one stream of updates. Each has the sequence of the
// one before it, so that what is lost is missed at once by the next, or after
// Config.Retry by a digest that asks; the answer to either is that the node is told
// everything anew. What was said before holds until that is complete, so nothing
// disappears meanwhile. Updates that are late or come twice are refused by their
// sequence, and those of an earlier life of a node by its epoch.
//
// What was said holds for Config.Lease. One digest for a stream renews all of it. A
// stream without anything to say ends; two nodes that have nothing to do with each
// other say nothing.
//
// A sender remembers only which names may have changed for whom, and looks up what
// holds when it may send it: a first change at once, others when Config.Coalesce is
// over, none while eight updates are not acknowledged.
//
// # Membership
//
// A node that is a member no longer is forgotten at once, and so is all that it
// said and all that others said of it. When it is back it is asked to say it again,
// and its floor, the sequence that it had come to, is remembered, so that what was
// on the way since before is not taken for new.
//
// # Who is believed
//
// The link says who speaks, and a node can register only itself. What an owner says
// of others counts if it is a member in the same epoch; and as soon as two owners
// of three have known the name for Config.Linger, only if two of them say it. So a
// node that lies, and has the network's key, can claim to have members that it does
// not have; it can add such nodes to a name that it owns and that is watched since
// less than Config.Linger, and take none away. Who is asked for what he does not
// have has to refuse it in any case. All that a node says is bounded by Config, and
// what is refused is counted by [Reason].
package directory
