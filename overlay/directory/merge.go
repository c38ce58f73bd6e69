package directory

import (
	"slices"

	"github.com/project-iris/iris/transport"
)

// manyChanged is how many names may have changed in a step before the map of them is given up.
const manyChanged = 1 << 10

// finishNames ends the step for the watched names that have changed.
func (d *Directory) finishNames() (news []Action) {
	if len(d.changed) == 0 {
		return nil
	}
	many := len(d.changed) > manyChanged
	changed := make([]*record, 0, len(d.changed))
	for rec := range d.changed {
		if rec.watched {
			changed = append(changed, rec)
		}
	}
	if many { // to go through it costs what it did when it was full
		d.changed = make(map[*record]struct{})
	} else {
		clear(d.changed)
	}
	slices.SortFunc(changed, func(a, b *record) int { return compareNames(a.name, b.name) })
	for _, rec := range changed {
		if c, changed := d.publish(rec); changed {
			news = append(news, c)
		}
	}
	return news
}

// publish says which nodes have members of a name, and whether that is news.
func (d *Directory) publish(rec *record) (Changed, bool) {
	d.scratch = d.merge(rec, d.scratch[:0])
	known := rec.known || d.knows(rec)
	if known == rec.known && slices.Equal(d.scratch, rec.nodes) {
		return Changed{}, false
	}
	rec.nodes, rec.known = slices.Clone(d.scratch), known
	return Changed{rec.name, rec.nodes, known}, true
}

// merge puts the nodes that have members of a name into a slice: those that said so
// themselves, and those that enough owners name.
func (d *Directory) merge(rec *record, nodes []transport.PeerID) []transport.PeerID {
	for i := range rec.owners {
		for _, c := range rec.owners[i].claims {
			if epoch, member := d.members.Epoch(c.node); member && epoch == c.epoch {
				nodes = append(nodes, c.node)
			}
		}
	}
	slices.SortFunc(nodes, compareNodes)
	nodes = repeated(nodes, d.quorum(rec))
	for _, p := range rec.registrants {
		nodes = append(nodes, p.id)
	}
	slices.SortFunc(nodes, compareNodes)
	nodes = slices.Compact(nodes)
	return slices.DeleteFunc(nodes, func(id transport.PeerID) bool { return id == d.me.id })
}

// repeated returns one of each run of n or more equal nodes.
func repeated(nodes []transport.PeerID, n int) []transport.PeerID {
	kept := nodes[:0]
	for len(nodes) > 0 {
		run := 1
		for run < len(nodes) && nodes[run] == nodes[0] {
			run++
		}
		if run >= n {
			kept = append(kept, nodes[0])
		}
		nodes = nodes[run:]
	}
	return kept
}

// quorum returns how many owners have to name a node for it to count. With three or
// more owners of which two have known all for a while, one of them alone can neither
// make nodes up nor, as the others name them, hide any. Before that, what one says
// has to do: it may be the first that knows.
func (d *Directory) quorum(rec *record) int {
	settled := 0
	for i := range rec.owners {
		if o := &rec.owners[i]; o.settled && !o.former() {
			settled++
		}
	}
	if d.config.Owners >= 3 && settled >= 2 {
		return 2
	}
	return 1
}

// knows reports whether enough was heard about a name to say that nobody else has members of
// it. One that has just become an owner may not know all yet: where there are two, two have to
// say what they know. This node is one of them if it owns the name.
func (d *Directory) knows(rec *record) bool {
	if d.members.Len() <= d.config.Everywhere {
		return true
	}
	owners, heard := 0, 0
	for i := range rec.owners {
		o := &rec.owners[i]
		if !o.former() {
			owners++
		}
		if o.peer == nil && !o.former() || !o.since.IsZero() {
			heard++
		}
	}
	return heard >= min(owners, 2)
}
