package overlay

import "github.com/project-iris/iris/transport"

// maxStrangers is how many members this node dials to which it never had a link. Members
// are hearsay until then, and any of them can make more of them up, with any address:
// this bounds the dials that it can cause, to one every two seconds or so for each. The
// others wait for their turn, or dial this node themselves.
const maxStrangers = 64

// contact keeps a link to a member, if it is no stranger or there is room for one more.
// The lock is held.
func (ns *nodes) contact(id transport.PeerID, e *nodeEntry) {
	if e.kept || e.met || ns.strangers < maxStrangers {
		ns.keep(id, e)
	}
}

// meet notes that there is a link to a node.
func (ns *nodes) meet(id transport.PeerID) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	e := ns.all[id]
	if e == nil || e.met {
		return
	}
	if e.kept {
		ns.strangers--
	}
	e.met = true
	ns.keep(id, e)
	ns.invite()
}

// part gives up the link to a node that is no member any more. The lock is held.
func (ns *nodes) part(id transport.PeerID, e *nodeEntry) {
	ns.peers.Drop(id)
	if e.kept && !e.met {
		ns.strangers--
		ns.invite()
	}
}

// keep keeps a link to a node. The lock is held.
func (ns *nodes) keep(id transport.PeerID, e *nodeEntry) {
	if !e.kept && !e.met {
		ns.strangers++
	}
	e.kept = true
	ns.peers.Keep(id, e.addr)
}

// invite lets strangers that wait have their turn. The lock is held.
func (ns *nodes) invite() {
	if len(ns.all) <= ns.strangers {
		return
	}
	for id, e := range ns.all {
		if ns.strangers == maxStrangers {
			return
		}
		if !e.kept {
			ns.keep(id, e)
		}
	}
}
