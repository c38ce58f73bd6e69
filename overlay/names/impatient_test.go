package names

import (
	"testing"
	"time"
)

// A member that has no room may leave before a request that it has refused is held. One that is
// impatient does not wait then for another.
func TestWhoIsImpatientDoesNotWaitForWhoHasLeft(t *testing.T) {
	n := New(Config{HeldBytes: 1 << 10})
	owner, service := join(t, n, ""), join(t, n, "svc")
	owner.node.world.calls = []*call{{from: owner, token: 1}}
	a := Attempt{Token: 1, Cluster: []byte("svc"), Deadline: start.Add(time.Minute), Impatient: true}
	to, verdict := n.PickOrHold(start, owner, &a)
	if verdict != Picked {
		t.Fatalf("the verdict is %v", verdict)
	}
	a.Refused.AddMember()
	n.Refused(to)
	n.Leave(service)
	if holding := n.HoldForRoom(start, owner, &a); holding != HasRoom {
		t.Errorf("it is held: %v", holding)
	}
	if _, verdict := n.PickOrHold(start, owner, &a); verdict != Nobody {
		t.Errorf("the verdict is %v", verdict)
	}
	wantConsistent(t, n)
}
