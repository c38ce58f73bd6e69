package node

import (
	"net"
	"sync/atomic"
	"time"

	"github.com/project-iris/iris/transport/refusal"
	"github.com/project-iris/iris/transport/strangers"
)

// A reserve keeps descriptors from applications, for other nodes and admin requests.
type reserve struct {
	refused atomic.Uint64
	say     refusal.Throttle
}

// guard returns a listener for applications that closes the connection of one when it would
// take a descriptor of the reserve.
func (n *Node) guard(l net.Listener) net.Listener {
	return strangers.Reserve(l, func(net.Addr) {
		total := n.reserve.refused.Add(1)
		if unsaid, say := n.reserve.say.Next(time.Now()); say {
			n.config.Logger.Warn("application refused: too many open files; raise ulimit -n",
				"limit", strangers.Descriptors(), "refused", total, "unlogged", unsaid)
		}
	})
}

// RefusedForDescriptors returns how many connections of applications were closed because the
// descriptors that are left are for other nodes and admin requests.
func (n *Node) RefusedForDescriptors() uint64 { return n.reserve.refused.Load() }
