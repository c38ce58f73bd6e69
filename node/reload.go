package node

import (
	"slices"
	"sync"

	"github.com/project-iris/iris/overlay/discovery"
)

// joined are the nodes to begin with that are looked for now.
type joined struct {
	mu     sync.Mutex
	remove map[string]func() // by address: ends the search
}

// Reloaded returns the configuration with what [Node.Reload] takes of another one.
func (c Config) Reloaded(next Config) Config {
	c.Join = next.Join
	c.LinkIdle, c.MaxLinks = next.LinkIdle, next.MaxLinks
	c.QueueLimit, c.StallTimeout = next.QueueLimit, next.StallTimeout
	return c
}

// Reload takes Join, LinkIdle, MaxLinks, QueueLimit and StallTimeout of a configuration that
// [Config.Check] finds right; all else stays as it was at the start. Nodes that are not to be
// joined any more are not looked for, but stay members. Applications that are attached keep
// their limits.
func (n *Node) Reload(next Config) {
	n.relay.SetLimits(next.QueueLimit, next.StallTimeout)
	n.overlay.LimitLinks(next.LinkIdle, next.MaxLinks)
	if n.finder != nil {
		n.join(next.Join)
	}
}

// join looks for the nodes at these addresses and for no others to begin with.
func (n *Node) join(addrs []string) {
	j := &n.joined
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.remove == nil {
		j.remove = make(map[string]func())
	}
	for addr, remove := range j.remove {
		if !slices.Contains(addrs, addr) {
			remove()
			delete(j.remove, addr)
		}
	}
	for _, addr := range addrs {
		if j.remove[addr] == nil {
			j.remove[addr] = n.finder.Add(&discovery.Join{Addr: addr, Logger: n.config.Logger})
		}
	}
}
