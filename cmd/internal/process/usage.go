package process

import "time"

// usage is what a process has taken since it was started.
type usage struct {
	at        time.Time
	processor time.Duration
	switches  map[int]int64 // context switches, voluntary and not, by the number of the thread
}

// Memory is what a process holds, in bytes.
type Memory struct {
	RSS int64 // all that is mapped and in memory
	PSS int64 // of which what several processes map is parted between them
}

// traffic is what the host has sent, over all its interfaces, since it was started. It is
// that of the network namespace of this process.
type traffic struct {
	datagrams int64 // UDP
	segments  int64 // TCP
	bytes     int64 // of IPv4 packets with their headers
}

// switchesSince returns how many context switches there were. Those of threads that have
// ended meanwhile are not known.
func (u usage) switchesSince(earlier usage) int64 {
	var sum int64
	for thread, n := range u.switches {
		sum += n - earlier.switches[thread]
	}
	return sum
}
