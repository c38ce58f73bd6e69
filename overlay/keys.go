package overlay

import (
	"context"
	"sync"
	"time"

	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/transport"
)

const (
	// askLeaf is the question that a node answers with the certificate that it shows now.
	askLeaf = "/v1/leaf"
	// maxLeaf is how long that may be, in bytes.
	maxLeaf = 8 << 10

	// proofTime is how long a node may take to prove itself by a network key that is accepted, and
	// proofAgain the time between questions: it may be that its key is being replaced right now.
	proofTime  = 4 * time.Second
	proofAgain = 500 * time.Millisecond
	// answerTime is how long a node may take to answer once.
	answerTime = 1500 * time.Millisecond
	// cutTime is how long after the keys were replaced the last link ends that was made by a key
	// that is not accepted any more. What is under way has what is left of it.
	cutTime = 8 * time.Second
	// provedAtOnce is how many nodes are asked at a time.
	provedAtOnce = 32
)

// Keys are the network keys of this node, each called by its fingerprint.
type Keys interface {
	// Accepts reports whether the holders of a key are let in.
	Accepts(fingerprint string) bool
	// Leaf returns the certificate by which this node proves itself.
	Leaf() ([]byte, error)
	// VerifyLeaf returns by which accepted key a node proves itself with a certificate.
	VerifyLeaf(id transport.PeerID, leaf []byte) (key string, err error)
}

// keysReplaced has the links looked at whose nodes have proved themselves by network keys that are
// not accepted any more. It does not wait.
func (c *connection) keysReplaced() {
	select {
	case c.rekeyed <- struct{}{}:
	default:
	}
}

// checkKeys looks at the links after each replacement of keys, until the context ends.
func (c *connection) checkKeys(ctx context.Context) {
	var checking sync.WaitGroup
	defer checking.Wait()
	for {
		select {
		case <-c.rekeyed:
		case <-ctx.Done():
			return
		}
		checking.Go(func() { c.checkProofs(ctx) })
	}
}

// checkProofs has the nodes of all links that were made by keys which are not accepted any more
// prove themselves again, and ends the links of those that do not.
func (c *connection) checkProofs(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, cutTime)
	defer cancel()
	asking, done := context.WithTimeout(ctx, proofTime)
	defer done()
	turns := make(chan struct{}, provedAtOnce)
	var checking sync.WaitGroup
	for _, id := range c.Outdated() {
		checking.Go(func() {
			if !c.proves(asking, turns, id) {
				c.disown(ctx, id)
			}
		})
	}
	checking.Wait()
}

// proves reports whether a node proves itself by a key that is accepted, in the time of the
// context.
func (c *connection) proves(ctx context.Context, turns chan struct{}, id transport.PeerID) bool {
	again := time.NewTicker(proofAgain)
	defer again.Stop()
	for {
		select {
		case turns <- struct{}{}:
		case <-ctx.Done():
			return false
		}
		key, err := c.proof(ctx, id)
		<-turns
		if err == nil {
			c.Proved(id, key)
			return true
		}
		c.log.Debug("node has not proved itself again", "peer", id.Short(), "err", err)
		select {
		case <-again.C:
		case <-ctx.Done():
			return false
		}
	}
}

// proof asks a node for its certificate, and returns the key by which it proves itself.
func (c *connection) proof(ctx context.Context, id transport.PeerID) (key string, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime) // one that is silent has others wait for a turn
	defer cancel()
	leaf, err := c.overlay.Ask(ctx, id, askLeaf, maxLeaf)
	if err != nil {
		return "", err
	}
	return c.keys.VerifyLeaf(id, leaf)
}

// disown ends the links of a node that has not proved itself: in good order in the time of the
// context, and then at once.
func (c *connection) disown(ctx context.Context, id transport.PeerID) {
	links, key := c.Disown(id)
	if len(links) == 0 {
		return // it has made them anew
	}
	if unsaid, say := c.disowned.Next(time.Now()); say {
		c.log.Warn("node is cut off: it has not proved itself by a network key that is accepted",
			"peer", id.Short(), "addr", links[0].Link().RemoteAddr(), "key", key, "links", len(links), "unlogged", unsaid)
	}
	for _, p := range links {
		if r := c.overlay.links.Get(id); r != nil && r.Peer() == p {
			r.Expel(ctx, peers.ErrKeyDropped)
		}
	}
	links, _ = c.Disown(id)
	for _, p := range links {
		_ = p.Link().Close(peers.ErrKeyDropped)
	}
}

// answerTo answers a question of another node, nil being no answer. That for the certificate costs
// little, and many nodes may ask at once: all that drop a key.
func (c *connection) answerTo(question string) []byte {
	switch {
	case question == askLeaf:
		if c.keys == nil {
			return nil
		}
		leaf, err := c.keys.Leaf()
		if err != nil {
			c.log.Error("this node has no certificate to show", "err", err)
		}
		return leaf
	case c.answers != nil && c.askRate.Allow():
		return c.answers(question)
	}
	return nil
}
