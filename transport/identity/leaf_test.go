package identity_test

import (
	"testing"
	"time"

	"github.com/project-iris/iris/transport/identity"
	"github.com/project-iris/iris/transport/identity/identitytest"
)

// A host sleeps, or hears what time it is: its monotonic clock goes on as if nothing had
// happened, and the others, who know the time, let it in all the same.
func TestALeafFollowsTheWallClock(t *testing.T) {
	network := identitytest.NewNetwork(t, "net")
	for _, by := range []time.Duration{26 * time.Hour, 50 * 365 * 24 * time.Hour, -26 * time.Hour, 13 * time.Hour, -2 * time.Hour} {
		var set identitytest.Clock
		right := func() time.Time { return identitytest.SetWall(time.Now(), by) }
		node := network.Node(t, func(c *identity.Config) { c.Now = set.Now })
		other := network.Node(t, func(c *identity.Config) { c.Now = right })
		before := certificateOf(t, node)
		set.Set(by)
		clientErr, serverErr := handshake(t, node.ClientTLS(other.ID()), other.ServerTLS())
		if clientErr != nil || serverErr != nil {
			t.Errorf("a clock that was set by %v: client %v, server %v", by, clientErr, serverErr)
		}
		after := certificateOf(t, node)
		if after.SerialNumber.Cmp(before.SerialNumber) == 0 {
			t.Errorf("a clock that was set by %v: the leaf is the old one", by)
		}
		if certificateOf(t, node).SerialNumber.Cmp(after.SerialNumber) != 0 {
			t.Errorf("a clock that was set by %v: the leaf is made anew each time", by)
		}
	}
}
