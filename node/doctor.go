package node

import (
	"context"
	"encoding/json"
	"math"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/project-iris/iris/node/status"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/strangers"
)

const (
	// askExamined is the question that a node answers with its [status.Node], in which it says
	// too whom it reaches.
	askExamined = "/v1/doctor"
	// reachTimeout is how long it may take to reach others, all at a time: mostReached of them,
	// mostTried addresses each.
	reachTimeout = time.Second
	mostReached  = 64
	mostTried    = 4
	// reachEvery is how often it tries at most: to ask it often does not make it dial often.
	reachEvery = 5 * time.Second
)

// host returns what the host gives the node.
func (n *Node) host() status.Host {
	h := status.Host{BeaconsHeard: n.heard.Load(), ToldOfOthers: n.expects}
	if limit := strangers.Descriptors(); limit < math.MaxInt32 { // more is no limit
		h.Descriptors, h.ForApplications = limit, connections(limit)
	}
	h.Beacons = n.links != nil && slices.Contains(n.config.Discover, discoverBeacon)
	for _, path := range n.keyFiles() {
		h.KeyFiles = append(h.KeyFiles, lookAtKey(path))
	}
	if n.links == nil {
		return h
	}
	if knows, ok := n.links.transport.(interface{ Condition() transport.Condition }); ok {
		c := knows.Condition()
		h.ReceiveBufferBytes, h.SendBufferBytes, h.WantedBufferBytes = c.ReceiveBuffer, c.SendBuffer, c.WantedBuffer
		for _, addr := range c.NarrowPaths {
			h.NarrowPaths = append(h.NarrowPaths, addr.String())
		}
	}
	return h
}

// keyFiles returns the files of the keys that the node has now.
func (n *Node) keyFiles() []string {
	if files := n.files.Load(); files != nil {
		return *files
	}
	return nil
}

// lookAtKey looks at the file of a key. What is in it is not read.
func lookAtKey(path string) status.KeyFile {
	found := status.KeyFile{Path: status.Text(path)}
	file, err := os.Open(path)
	if err == nil {
		defer file.Close()
		var info os.FileInfo
		if info, err = file.Stat(); err == nil {
			found.Mode = uint32(info.Mode().Perm())
		}
	}
	if err != nil {
		found.Error = status.Text(err.Error())
	}
	return found
}

// Examine returns what all nodes say about themselves, as [Node.WholeNetwork] does, each of which
// has tried by TCP whether it reaches the others.
func (n *Node) Examine(ctx context.Context) *status.Network {
	all := n.gather(ctx, askExamined)
	all.Nodes[0].Host.Reached = n.reach(ctx)
	return all
}

// examined is what the node answers to who examines it.
func (n *Node) examined() []byte {
	s := n.Status()
	s.Host.Reached = n.reach(context.Background())
	b, err := json.Marshal(s)
	if err != nil {
		return nil
	}
	return b
}

// reach tries whether the other nodes accept connections by TCP at the addresses that they tell.
// Nothing is said on these: to nodes it is one who looked whether the port is open.
// Whoever asks again within some seconds gets what was found before.
func (n *Node) reach(ctx context.Context) []status.Reached {
	if n.links == nil || n.pulse.stuck() != "" {
		return nil
	}
	n.reached.mu.Lock()
	defer n.reached.mu.Unlock()
	if now := time.Now(); n.reached.at.IsZero() || now.Sub(n.reached.at) >= reachEvery {
		n.reached.all, n.reached.at = n.tryOthers(ctx), now
	}
	return n.reached.all
}

// reached is whom the node reached when it last tried.
type reached struct {
	mu  sync.Mutex
	at  time.Time
	all []status.Reached
}

func (n *Node) tryOthers(ctx context.Context) []status.Reached {
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	var mu sync.Mutex
	var trying sync.WaitGroup
	var all []status.Reached
	for _, other := range n.overlay.Network().Nodes() {
		addrs := overTCP(n.links.arrange(strings.Split(other.Addr, ",")))
		if len(addrs) == 0 {
			continue
		}
		if len(all) == mostReached {
			break
		}
		at := len(all)
		all = append(all, status.Reached{Peer: other.ID, Address: status.Text(addrs[0])})
		trying.Go(func() {
			addr, err := tryAll(ctx, addrs)
			mu.Lock()
			defer mu.Unlock()
			if all[at].Address = status.Text(addr); err != nil {
				all[at].Error = status.Text(err.Error())
			}
		})
	}
	trying.Wait()
	return all
}

// overTCP returns the addresses that are tried, without their scheme.
func overTCP(addrs []string) (over []string) {
	for _, addr := range addrs {
		if scheme, rest := transport.SplitAddr(addr); scheme == "tcp" && len(over) < mostTried {
			over = append(over, rest)
		}
	}
	return over
}

// tryAll connects to one of the addresses, and returns it, or the first one and why it failed.
func tryAll(ctx context.Context, addrs []string) (string, error) {
	type attempt struct {
		addr string
		err  error
	}
	attempts := make(chan attempt, len(addrs))
	for _, addr := range addrs {
		go func() {
			var d net.Dialer
			conn, err := d.DialContext(ctx, "tcp", addr)
			if err == nil {
				conn.Close()
			}
			attempts <- attempt{addr, err}
		}()
	}
	var failed attempt // at the address that is tried first by links
	for range addrs {
		switch one := <-attempts; {
		case one.err == nil:
			return one.addr, nil
		case one.addr == addrs[0]:
			failed = one
		}
	}
	return failed.addr, failed.err
}

func (n *Node) sayExamined(w http.ResponseWriter, r *http.Request) {
	sayJSON(w, n.Examine(r.Context()))
}
