package process

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestParseSwitches(t *testing.T) {
	const status = "Name:\tiris\nThreads:\t9\nvoluntary_ctxt_switches:\t120\nnonvoluntary_ctxt_switches:\t3\n"
	if got, err := parseSwitches(status); got != 123 || err != nil {
		t.Errorf("got %d, %v", got, err)
	}
	for _, wrong := range []string{"", "voluntary_ctxt_switches:\t120\n", strings.Replace(status, "120", "many", 1)} {
		if got, err := parseSwitches(wrong); err == nil {
			t.Errorf("%q: got %d", wrong, got)
		}
	}
}

func TestParseMemory(t *testing.T) {
	const rollup = "55d0-7ffc ---p 00000000 00:00 0      [rollup]\nRss:               25932 kB\nPss:                9000 kB\nPss_Dirty:          7000 kB\n"
	if got, err := parseMemory(rollup); got != (Memory{25932 << 10, 9000 << 10}) || err != nil {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := parseMemory("Rss: 1 kB\n"); !errors.Is(err, errFormat) {
		t.Errorf("without Pss: %v", err)
	}
}

func TestParseTraffic(t *testing.T) {
	const (
		snmp    = "Tcp: InSegs OutSegs\nTcp: 5 70\nUdpLite: OutDatagrams\nUdpLite: 9\nUdp: InDatagrams NoPorts OutDatagrams\nUdp: 1 2 300\n"
		netstat = "TcpExt: OutOctets\nTcpExt: 8\nIpExt: InOctets OutOctets\nIpExt: 44 55\n"
	)
	if got, err := parseTraffic(snmp, netstat); got != (traffic{datagrams: 300, segments: 70, bytes: 55}) || err != nil {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, wrong := range []string{"", "Udp: OutDatagrams\n", "Udp: InDatagrams OutDatagrams\nUdp: 1\n"} {
		if _, err := parseTraffic(wrong, netstat); !errors.Is(err, errFormat) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

func TestSpread(t *testing.T) {
	for _, row := range []struct {
		values []float64
		want   Spread
	}{
		{nil, Spread{}},
		{[]float64{3}, Spread{3, 3, 3}},
		{[]float64{9, 1}, Spread{1, 5, 9}},
		{[]float64{9, 1, 2}, Spread{1, 2, 9}},
	} {
		if got := NewSpread(row.values); got != row.want {
			t.Errorf("%v: got %+v, want %+v", row.values, got, row.want)
		}
	}
}

// What two processes take is the difference between two sights of them.
func TestWhatIsTakenBetweenTwoSights(t *testing.T) {
	begin := time.Now()
	at := func(s float64) time.Time { return begin.Add(time.Duration(s * float64(time.Second))) }
	earlier := sight{at: at(0), traffic: traffic{1000, 2000, 3000}, usages: []usage{
		{at(0), 10 * time.Second, map[int]int64{1: 100, 2: 200, 3: 5}},
		{at(1), 20 * time.Second, map[int]int64{7: 0}},
	}}
	later := sight{at: at(2), traffic: traffic{1040, 2400, 7000}, usages: []usage{
		{at(2), 11 * time.Second, map[int]int64{1: 130, 2: 200, 4: 10}}, // thread 3 has ended, 4 is new
		{at(2), 20 * time.Second, map[int]int64{7: 60}},
	}}
	got := later.since(earlier)
	want := Rest{
		Seconds: 2, Processor: Spread{0, 0.25, 0.5}, Switches: Spread{20, 40, 60},
		Traffic: Traffic{Datagrams: 10, Segments: 100, Bytes: 1000},
	}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
