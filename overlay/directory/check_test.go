package directory

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/project-iris/iris/transport"
)

// check holds a directory's tables against each other.
func check(t testing.TB, d *Directory) {
	t.Helper()
	if err := d.inconsistency(); err != "" {
		t.Fatalf("node %v: %s", d.me.id, err)
	}
}

func (d *Directory) inconsistency() string {
	entries, registered := 0, 0
	for name, rec := range d.names {
		if rec.idle() || rec.name != name {
			return fmt.Sprintf("%v is kept for nobody", name)
		}
		if (d.local[name] == rec) != rec.local() {
			return fmt.Sprintf("%v is local: %v", name, rec.local())
		}
		if rec.registered {
			registered++
		}
		if rec.registrants.has(d.me.id) != rec.registered {
			return fmt.Sprintf("%v is registered: %v", name, rec.registered)
		}
		for _, p := range rec.registrants {
			if _, found := p.in.registered[rec]; p != d.me && (!found || d.peers[p.id] != p) {
				return fmt.Sprintf("%v has a registrant that does not know", name)
			}
		}
		for i := range rec.owners {
			o := &rec.owners[i]
			if o.peer != nil && d.peers[o.id] != o.peer {
				return fmt.Sprintf("%v has an owner that is gone", name)
			}
			if !rec.watched && len(o.claims) > 0 {
				return fmt.Sprintf("%v has claims and is not watched", name)
			}
		}
		if !d.far && len(rec.owners) > 0 || !rec.local() && len(rec.owners) > 0 {
			return fmt.Sprintf("%v has owners", name)
		}
		if got := d.merge(rec, nil); rec.watched && !slices.Equal(got, rec.nodes) {
			return fmt.Sprintf("%v: published %v, is %v", name, rec.nodes, got)
		}
	}
	if len(d.local) > len(d.names) || registered != d.registered {
		return fmt.Sprintf("%d names registered, counted %d", registered, d.registered)
	}
	for id, p := range d.peers {
		if why := d.inconsistentPeer(id, p); why != "" {
			return fmt.Sprintf("peer %v %s", id, why)
		}
		entries += len(p.in.registered) + len(p.in.watching) + p.in.claims
	}
	if why := d.inconsistentWaits(); why != "" {
		return why
	}
	if entries != d.entries {
		return fmt.Sprintf("%d entries, counted %d", entries, d.entries)
	}
	return ""
}

// inconsistentWaits counts who is waited for.
func (d *Directory) inconsistentWaits() string {
	awaited := make(map[uint64]int)
	relays := make(map[*peer]int)
	for id, p := range d.peers {
		for _, a := range p.out.awaiting {
			awaited[a.token]++
		}
		for _, r := range p.out.relayed {
			relays[r.origin]++
		}
		if len(p.out.relayed) > (window+1)*(len(d.peers)+1) {
			return fmt.Sprintf("peer %v holds up %d updates", id, len(p.out.relayed))
		}
	}
	counted := make(map[uint64]int)
	for token, a := range d.awaited {
		counted[token] = a.left
	}
	if !maps.Equal(awaited, counted) {
		return fmt.Sprintf("waits %v, counted %v", awaited, counted)
	}
	for id, p := range d.peers {
		counted := 0
		for _, u := range p.in.unconfirmed {
			counted += u.by
		}
		if counted != relays[p] {
			return fmt.Sprintf("updates of peer %v are held up by %d, counted %d", id, relays[p], counted)
		}
	}
	return ""
}

func (d *Directory) inconsistentPeer(id transport.PeerID, p *peer) string {
	if epoch, member := d.members.Epoch(id); !member || epoch != p.epoch || p.id != id {
		return "is no member"
	}
	claims := 0
	for rec := range p.duties {
		o := rec.owner(id)
		if o == nil || o.peer != p || !rec.local() {
			return "has a duty of which the name does not know"
		}
		claims += len(o.claims)
	}
	if claims != p.in.claims {
		return fmt.Sprintf("has %d claims, counted %d", claims, p.in.claims)
	}
	for rec := range p.in.registered {
		if !rec.registrants.has(id) {
			return "registers a name that does not know"
		}
	}
	for rec := range p.in.watching {
		if !rec.watchers.has(id) {
			return "watches a name that does not know"
		}
	}
	if p.in.have == 0 && len(p.in.registered)+len(p.in.watching)+claims > 0 {
		return "is remembered without a stream"
	}
	if len(p.out.inFlight) > window {
		return "has too much in flight"
	}
	return ""
}
