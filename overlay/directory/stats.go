package directory

import "fmt"

// Reason says why something that a node sent was refused.
type Reason int

// The reasons.
const (
	// UnknownPeer is a message of a node that is no member, or of an epoch in which
	// membership does not know it yet. It is asked to say it again as soon as it is.
	UnknownPeer Reason = iota
	// OldEpoch is a message of an earlier life of a node, or to an earlier life of
	// this one.
	OldEpoch
	// Stale is an update that was applied before, or is older than one that was.
	Stale
	// Gap is an update before which another is missing.
	Gap
	// TooManyNames is a registration or watch over Config.PeerNames.
	TooManyNames
	// TooManyClaims is a node in an answer over Config.PeerClaims.
	TooManyClaims
	// Full is a registration, watch or claim over Config.Entries.
	Full
	// Unasked is an answer about a name that is not watched at its sender, as it is
	// no owner, or not watched any more.
	Unasked
	// BadAck is an acknowledgement of what was never sent.
	BadAck
	// Foreign is a message that is not the directory's.
	Foreign

	reasons
)

var reasonNames = [reasons]string{
	UnknownPeer:   "unknown_peer",
	OldEpoch:      "old_epoch",
	Stale:         "stale",
	Gap:           "gap",
	TooManyNames:  "too_many_names",
	TooManyClaims: "too_many_claims",
	Full:          "full",
	Unasked:       "unasked",
	BadAck:        "bad_ack",
	Foreign:       "foreign",
}

// String returns the reason's name, such as too_many_names.
func (r Reason) String() string {
	if r >= 0 && r < reasons {
		return reasonNames[r]
	}
	return fmt.Sprintf("reason %d", int(r))
}

// Stats is what a [Directory] holds and has done.
type Stats struct {
	Registered int // names that this node has members of
	Watched    int // names that it sends to
	Peers      int // nodes with which it has to do
	Entries    int // registrations, watches and claims of other nodes

	Updates uint64 // messages sent
	Digests uint64
	Acks    uint64
	Resets  uint64 // times that a node was told everything anew
	Expired uint64 // times that a node's lease ran out

	Refused [reasons]uint64 // by [Reason]: messages, or single names and nodes in them
}

// Stats returns what the directory holds and has done since it was made.
func (d *Directory) Stats() Stats {
	s := d.stats
	s.Registered, s.Peers, s.Entries = d.registered, len(d.peers), d.entries
	for _, rec := range d.local {
		if rec.watched {
			s.Watched++
		}
	}
	return s
}

func (d *Directory) refuse(why Reason) { d.stats.Refused[why]++ }
