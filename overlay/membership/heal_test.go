package membership_test

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestASplitHeals(t *testing.T) {
	rows := []struct {
		one, other int
		cut        time.Duration
	}{
		{2, 3, 30 * time.Second},
		{2, 3, 2 * time.Minute},
		{1, 1, time.Minute},
		{1, 9, time.Minute},
		{6, 6, time.Minute},
	}
	for _, row := range rows {
		var most time.Duration
		forSeeds(t, 3, func(t *testing.T, seed uint64) {
			network, nodes := startNetwork(t, lan(seed), row.one+row.other)
			time.Sleep(time.Second)
			for _, n := range nodes {
				n.passive.Store(seed%2 == 0) // links alone do not heal anything then
			}
			one, other := nodes[:row.one], nodes[row.one:]
			network.Partition(ids(one), ids(other))
			time.Sleep(row.cut)
			awaitAgreement(t, one, 0)
			awaitAgreement(t, other, 0)
			network.Heal()
			most = max(most, awaitAgreement(t, nodes, 5*time.Second))
			time.Sleep(10 * time.Second)
			awaitAgreement(t, nodes, 0)
		})
		t.Logf("%d and %d nodes, cut for %v: agree within %v", row.one, row.other, row.cut, most)
	}
}

// TestTheDeadAreTried by all members together, about once a second.
func TestTheDeadAreTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, nodes := startNetwork(t, lan(1), 4)
		dead, rest := nodes[3], nodes[:3]
		dead.kill()
		time.Sleep(10 * time.Minute)
		awaitAgreement(t, rest, 0)
		tries := 0
		for _, n := range rest {
			tries += n.dialled(addr(dead.id))
		}
		if tries < 450 || tries > 800 {
			t.Errorf("%d tries in ten minutes", tries)
		}
	})
}

// TestADeadNodeWhoseAddressAnotherHasIsForgotten, as an id is one process.
func TestADeadNodeWhoseAddressAnotherHasIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network, nodes := startNetwork(t, lan(1), 4)
		dead, rest := nodes[3], nodes[:3]
		dead.kill()
		time.Sleep(time.Minute)
		heir := network.Node(idOf(99))
		defer heir.Close()
		if _, err := heir.Listen(t.Context(), addr(dead.id)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		for _, n := range rest {
			before := n.dialled(addr(dead.id))
			time.Sleep(time.Minute)
			if tries := n.dialled(addr(dead.id)) - before; tries != 0 {
				t.Errorf("%d tries to find a node in the place of another", tries)
			}
		}
	})
}
