package node

import "testing"

// Applications get what links and the admin endpoint do not need.
func TestConnectionsLeaveAReserveOfDescriptors(t *testing.T) {
	for descriptors, want := range map[int]int{10: 1, 128: 80, 1024: 768} {
		if got := connections(descriptors); got != want {
			t.Errorf("of %d descriptors %d are for applications, want %d", descriptors, got, want)
		}
	}
}
