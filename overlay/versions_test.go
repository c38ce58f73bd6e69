package overlay

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/mem"
)

// A transport that would agree on versions which the overlay does not speak is found out
// at the start.
func TestATransportOfOtherVersionsIsRefused(t *testing.T) {
	for _, versions := range []transport.Versions{{}, {Oldest: 1, Newest: 9}} {
		end := mem.NewNetwork(mem.Config{Versions: versions}).Node(transport.PeerID{1})
		defer end.Close()
		o := New(Config{})
		defer o.Close()
		err := o.Connect(Network{Self: end.ID(), Transport: end, Address: "mem://0"})
		if err == nil || !strings.Contains(err.Error(), versions.String()) || !strings.Contains(err.Error(), Versions().String()) {
			t.Errorf("%v: %v", versions, err)
		}
	}
}

// A node says of each other one which version they speak.
func TestNodesSayTheVersionOfTheirLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, mem.Path{})
		for i, o := range w.nodes {
			if all := o.net.Nodes(); len(all) != 1 || all[0].Version != Versions().Newest {
				t.Errorf("node %d says %+v", i, all)
			}
		}
	})
}
