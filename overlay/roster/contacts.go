package roster

import "github.com/project-iris/iris/transport"

// MaxStrangers is how many members this node dials to which it never had a link. Members
// are hearsay until then, and any of them can make more of them up, with any address:
// this bounds the dials that it can cause, to one every two seconds or so for each. The
// others wait for their turn, or dial this node themselves.
const MaxStrangers = 64

// contact keeps a link to a member, if it is no stranger or there is room for one more.
// The lock is held.
func (r *Roster) contact(id transport.PeerID, e *entry) {
	if e.kept || e.met || r.strangers < MaxStrangers {
		r.keep(id, e)
	}
}

// Met notes that there is a link to a node.
func (r *Roster) Met(id transport.PeerID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.all[id]
	if e == nil || e.met {
		return
	}
	if e.kept {
		r.strangers--
	}
	e.met = true
	r.keep(id, e)
	r.invite()
}

// part gives up the link to a node that is no member any more. The lock is held.
func (r *Roster) part(id transport.PeerID, e *entry) {
	r.links.Drop(id)
	if e.kept && !e.met {
		r.strangers--
		r.invite()
	}
}

// keep keeps a link to a node. The lock is held.
func (r *Roster) keep(id transport.PeerID, e *entry) {
	if !e.kept && !e.met {
		r.strangers++
	}
	e.kept = true
	r.links.Keep(id, e.addr)
}

// invite lets strangers that wait have their turn. The lock is held.
func (r *Roster) invite() {
	if len(r.all) <= r.strangers {
		return
	}
	for id, e := range r.all {
		if r.strangers == MaxStrangers {
			return
		}
		if !e.kept {
			r.keep(id, e)
		}
	}
}
