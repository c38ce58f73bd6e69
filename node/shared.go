package node

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/project-iris/iris/node/status"
)

// sharedFor is how old what is said of all nodes may be at -http: so many pages and programs
// may ask there, and the nodes are asked once a second at most.
const sharedFor = time.Second

// shared is what all nodes have said to whoever has asked last, for those who ask meanwhile or
// soon after. It is safe for concurrent use.
type shared struct {
	mu   sync.Mutex
	last *collection // nil: there is none that is new enough
}

// collection is what all nodes have said at one time.
type collection struct {
	done chan struct{} // closed when all is there
	all  *status.Network
}

// get returns what all nodes say: what is being collected, what was within a second, or else what
// it collects itself, to the end, as others may wait for it. It is nil if the context ends first.
func (s *shared) get(ctx context.Context, collect func(context.Context) *status.Network) *status.Network {
	s.mu.Lock()
	c := s.last
	if c != nil {
		s.mu.Unlock()
		select {
		case <-c.done:
			return c.all
		case <-ctx.Done():
			return nil
		}
	}
	c = &collection{done: make(chan struct{})}
	s.last = c
	s.mu.Unlock()
	defer func() { // also if that fails
		close(c.done)
		time.AfterFunc(sharedFor, s.forget)
	}()
	c.all = collect(context.WithoutCancel(ctx))
	return c.all
}

// forget ends the only collection that there is.
func (s *shared) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = nil
}

// sayNetwork says what all nodes say, to those at -http, who may be many.
func (n *Node) sayNetwork(w http.ResponseWriter, r *http.Request) {
	most, ok := mostOf(w, r)
	if !ok {
		return
	}
	if all := n.shared.get(r.Context(), n.WholeNetwork); all != nil {
		sayJSON(w, all.Cut(most))
	}
}

// sayNetworkNow says what all nodes say now.
func (n *Node) sayNetworkNow(w http.ResponseWriter, r *http.Request) {
	if most, ok := mostOf(w, r); ok {
		sayJSON(w, n.WholeNetwork(r.Context()).Cut(most))
	}
}

// sayStatus says what the node knows about itself.
func (n *Node) sayStatus(w http.ResponseWriter, r *http.Request) {
	if most, ok := mostOf(w, r); ok {
		sayJSON(w, n.Status().Cut(most))
	}
}

// mostOf returns how many elements of each list are wanted, ?most=N, or says that this is no
// number.
func mostOf(w http.ResponseWriter, r *http.Request) (most int, ok bool) {
	text := r.URL.Query().Get("most")
	if text == "" {
		return math.MaxInt, true
	}
	most, err := strconv.Atoi(text)
	if err != nil || most < 1 {
		http.Error(w, "most has to be a number from one on: how many of each list are wanted", http.StatusBadRequest)
		return 0, false
	}
	return most, true
}
