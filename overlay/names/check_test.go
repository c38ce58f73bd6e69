package names

import "fmt"

// inconsistency holds the tables against each other. It returns what does not fit.
func (n *Names) inconsistency() string {
	held, bytes := make(map[*account]int), make(map[*account]int)
	for name, c := range n.clusters {
		if c.name != name {
			return fmt.Sprintf("cluster %q is called %q", name, c.name)
		}
		if len(c.members) == 0 && c.idle() && c.place == nil {
			return fmt.Sprintf("cluster %q is kept for nobody", name)
		}
		if c.crowded && c.held.Len() == 0 {
			return fmt.Sprintf("cluster %q is crowded, and nobody waits", name)
		}
		for e := c.held.Front(); e != nil; e = e.Next() {
			r := e.Value.(*Request)
			a := n.accounts[r.Owner]
			if a == nil || a.held[r.Token] != r || r.cluster != c || r.element != e {
				return fmt.Sprintf("request %d for %q is held, and its owner does not know", r.Token, name)
			}
			if r.impatient && n.unserved(c) {
				return fmt.Sprintf("request %d for %q is impatient and held, though nobody serves that", r.Token, name)
			}
			held[a]++
			bytes[a] += r.size()
		}
		parts := 0
		for _, a := range n.accounts {
			for e := a.parts.Front(); e != nil; e = e.Next() {
				if r := e.Value.(*Request); r.cluster == c {
					parts++
					held[a]++
					bytes[a] += r.size()
				}
			}
		}
		if parts != c.parts {
			return fmt.Sprintf("cluster %q has %d requests of those who have their parts, counted %d", name, parts, c.parts)
		}
		if len(c.members) > 0 && !n.alone() && !n.isRegistered(n.config.Hasher.Cluster([]byte(name))) {
			return fmt.Sprintf("cluster %q has members and is not registered", name)
		}
	}
	for name, t := range n.topics {
		if t.name != name || len(t.members) == 0 && t.place == nil {
			return fmt.Sprintf("topic %q is kept for nobody", name)
		}
		for _, m := range t.members {
			if _, subscribed := n.accounts[m].topics[name]; !subscribed {
				return fmt.Sprintf("topic %q has a subscriber that does not know", name)
			}
		}
	}
	for _, a := range n.accounts {
		topics := 0
		for name := range a.topics {
			topics += len(name)
		}
		if held[a] != len(a.held) || bytes[a] != a.heldBytes || topics != a.topicBytes {
			return fmt.Sprintf("a member has %d requests of %d bytes and topics of %d, counted %d, %d and %d",
				held[a], bytes[a], topics, len(a.held), a.heldBytes, a.topicBytes)
		}
	}
	return n.inconsistentPlaces()
}

func (n *Names) inconsistentPlaces() string {
	size := 0
	for key, p := range n.places {
		size += p.size
		switch o := p.owner.(type) {
		case *cluster:
			if o.place != p || n.clusters[o.name] != o {
				return fmt.Sprintf("place %v has an owner that does not know", key)
			}
		case *topic:
			if o.place != p || n.topics[o.name] != o {
				return fmt.Sprintf("place %v has an owner that does not know", key)
			}
		}
		if p.known && len(p.curious) > 0 {
			return fmt.Sprintf("place %v is known, and somebody waits to know it", key)
		}
	}
	if !n.alone() {
		serving := int64(0)
		for _, a := range n.accounts {
			serving += a.serving.Held()
		}
		served, asked := n.served.Stats().Used, n.asked.Stats().Used
		if int(served) != len(n.registered) || serving != served || int(asked) != len(n.places) {
			return fmt.Sprintf("%d names are registered, %d are paid for, %d by members; %d are looked up, %d are paid for",
				len(n.registered), served, serving, len(n.places), asked)
		}
	}
	if size != n.placeBytes {
		return fmt.Sprintf("places of %d bytes, counted %d", size, n.placeBytes)
	}
	return ""
}

func (n *Names) isRegistered(name Name) bool {
	_, registered := n.registered[name]
	return registered
}
