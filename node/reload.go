package node

import (
	"slices"
	"strings"
	"sync"

	"github.com/project-iris/iris/overlay/discovery"
	"github.com/project-iris/iris/transport/identity"
)

// joined are the nodes to begin with that are looked for now.
type joined struct {
	mu     sync.Mutex
	remove map[string]func() // by address: ends the search
}

// Reloaded returns the configuration with what [Node.Reload] takes of another one.
func (c Config) Reloaded(next Config) Config {
	c.Key, c.Accept, c.KeyFiles = next.Key, next.Accept, next.KeyFiles
	c.Join = next.Join
	c.LinkIdle, c.MaxLinks = next.LinkIdle, next.MaxLinks
	c.QueueLimit, c.StallTimeout = next.QueueLimit, next.StallTimeout
	c.Policy = next.Policy
	return c
}

// What is derived from network keys for the overlay.
const (
	forNames   = "directory names"
	forPackets = "packets"
)

// Reload takes Key, Accept, Join, Policy, LinkIdle, MaxLinks, QueueLimit and StallTimeout of a
// configuration that [Config.Check] finds right; all else stays as it was at the start. Nodes that are not to be
// joined any more are not looked for, but stay members. Applications that are attached keep
// their limits.
func (n *Node) Reload(next Config) {
	n.files.Store(&next.KeyFiles)
	n.setKeys(next)
	n.relay.SetLimits(next.QueueLimit, next.StallTimeout)
	if err := n.relay.SetPolicy(next.Policy); err != nil {
		n.config.Logger.Error("the new policy cannot be kept: the old one stays", "err", err)
	}
	n.overlay.LimitLinks(next.LinkIdle, next.MaxLinks)
	if n.finder != nil {
		n.join(next.Join)
	}
}

// setKeys signs with another key and accepts others, if they are not those before.
func (n *Node) setKeys(next Config) {
	if sameKeys(n.keys, next) {
		return
	}
	n.keys = next
	// Neither fails with keys that Check has found right.
	err := n.id.SetKeys(next.Key, next.Accept)
	if err == nil && n.links != nil {
		err = n.overlay.SetSecrets(n.id.Secrets(forNames), n.id.Secrets(forPackets))
		n.beacon()
	}
	if err != nil {
		n.config.Logger.Error("the keys are not replaced", "err", err)
		return
	}
	var accepts []string
	for _, key := range next.Accept {
		accepts = append(accepts, key.Fingerprint())
	}
	n.config.Logger.Info("other keys are used", "key", next.Key.Fingerprint(), "accepts", strings.Join(accepts, " "))
}

// sameKeys reports whether two configurations have the same keys.
func sameKeys(a, b Config) bool {
	same := func(a, b *identity.NetworkKey) bool { return a.Fingerprint() == b.Fingerprint() }
	return same(a.Key, b.Key) && slices.EqualFunc(a.Accept, b.Accept, same)
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
