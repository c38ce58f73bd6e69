package names

import "github.com/project-iris/iris/overlay/directory"

// hashers returns those of all names under which this node registers what it serves.
func (n *Names) hashers() []*directory.Hasher {
	if n.alone() {
		return nil
	}
	return append([]*directory.Hasher{n.config.Hasher}, n.config.Also...)
}

// Rename changes what clusters and topics are called between nodes, when the network key is
// replaced. Where they are served stays known meanwhile. The node must not be alone.
func (n *Names) Rename(hasher *directory.Hasher, also []*directory.Hasher) {
	n.config.Hasher, n.config.Also = hasher, also
	serves := make(map[Name]struct{})
	for _, h := range n.hashers() {
		for name, c := range n.clusters {
			if len(c.members) > 0 {
				serves[h.Cluster([]byte(name))] = struct{}{}
			}
		}
		for name, t := range n.topics {
			if len(t.members) > 0 {
				serves[h.Topic([]byte(name))] = struct{}{}
			}
		}
	}
	for name := range n.registered {
		if _, still := serves[name]; !still {
			n.register(name, false)
		}
	}
	for name := range serves {
		n.register(name, true)
	}
	for name, c := range n.clusters {
		n.rename(c.place, hasher.Cluster([]byte(name)))
	}
	for name, t := range n.topics {
		n.rename(t.place, hasher.Topic([]byte(name)))
	}
}

// rename looks a name up as another one.
func (n *Names) rename(p *Place, key Name) {
	if p == nil || p.key == key {
		return
	}
	delete(n.places, p.key)
	n.touched[p.key] = struct{}{}
	p.key, p.renamed = key, true
	n.places[key] = p
	n.touched[key] = struct{}{}
}
