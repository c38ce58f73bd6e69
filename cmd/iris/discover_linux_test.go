package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/ipv4"

	"github.com/project-iris/iris/overlay/discovery/beacon"
)

// The README's cluster: three hosts with a name and a key find each other, and serve each
// other's applications.
func TestHostsFindEachOther(t *testing.T) {
	w, key := newWire(t, 3), newKey(t, "example")
	first := w.hosts[0].start(key...)
	first.serve()
	second := w.hosts[1].start(key...)
	second.ask()
	begin := time.Now()
	third := w.hosts[2].start(key...)
	ready := time.Since(begin)
	third.ask()
	t.Logf("a service is reached %v after the start of the latest node, which was ready after %v", time.Since(begin), ready)

	beacons := 0
	for _, p := range []*process{first, second, third} {
		for _, m := range p.awaitMembers(2) {
			if m.Found == "beacon" {
				beacons++
			}
			if m.Found == "" || m.Found == "join" || !strings.HasPrefix(m.Addresses[0], "quic://10.99.0.") || !strings.HasPrefix(m.Addresses[1], "tcp://10.99.0.") {
				t.Errorf("host %d knows %+v", p.host.number, m)
			}
			if m.Link != "" && (m.Transport != "quic" && m.Transport != "tcp" || !strings.Contains(m.Link, "10.99.0.")) {
				t.Errorf("host %d has a link by %+v", p.host.number, m)
			}
		}
	}
	if beacons == 0 {
		t.Error("nobody was found by a beacon")
	}
	if said := first.err.next(t, "node is found"); !strings.Contains(said, "how=") {
		t.Errorf("the log says %s", said)
	}
	table := w.hosts[0].run("members", "-http", first.admin)
	for _, want := range []string{"this node", "quic", "quic://10.99.0.2:14142"} {
		if !strings.Contains(table.out, want) {
			t.Errorf("iris members does not say %q:\n%s", want, table.out)
		}
	}
}

// Ten hosts see each other, and networks on the same wire that have another name, or
// another key, do not see each other's nodes.
func TestNetworksOnOneWireStayApart(t *testing.T) {
	w, key := newWire(t, 10), newKey(t, "example")
	networks := make([][]*process, 3)
	start := func(network int, h *host, flags []string) {
		networks[network] = append(networks[network], h.start(flags...))
	}
	renamed, rekeyed := []string{"-net", "another", "-rsa", key[3]}, newKey(t, "example")
	for _, h := range w.hosts[:2] { // which have several nodes
		start(1, h, renamed)
		start(2, h, rekeyed)
	}
	begin := time.Now()
	for _, h := range w.hosts {
		start(0, h, key)
	}
	ready := time.Since(begin)
	for _, nodes := range networks {
		for _, p := range nodes {
			p.awaitMembers(len(nodes) - 1)
		}
		if len(nodes) == len(w.hosts) {
			t.Logf("ten hosts see each other %v after the first was started, and %v after the last was ready", time.Since(begin), time.Since(begin)-ready)
		}
	}
	for _, nodes := range networks {
		own := make(map[string]bool)
		for _, p := range nodes {
			own[p.id] = true
		}
		for _, p := range nodes {
			for _, m := range p.members() {
				if !own[m.ID.Short()] {
					t.Errorf("a node on host %d sees one of another network", p.host.number)
				}
			}
		}
	}
}

// A node that is alone is ready, and is found when another comes. When its cable is pulled,
// and both have other addresses by the time that it is put back, they find each other
// again: nobody remembers these addresses, so it is the beacons that do it.
func TestACableIsPulledAndPutBack(t *testing.T) {
	w, key := newWire(t, 2), newKey(t, "example")
	first := w.hosts[0].start(key...)
	if n := len(first.members()); n != 0 {
		t.Fatalf("alone, it knows %d nodes", n)
	}
	first.serve()
	second := w.hosts[1].start(key...)
	second.ask()
	w.hosts[1].pull()
	first.awaitMembers(0)
	second.awaitMembers(0)
	w.hosts[0].move("10.99.0.101")
	w.hosts[1].move("10.99.0.102")
	begin := time.Now()
	w.hosts[1].insert()
	second.awaitMembers(1)
	first.awaitMembers(1)
	t.Logf("found again %v after the cable is back", time.Since(begin))
	second.ask()
	for look := time.NewTicker(50 * time.Millisecond); ; <-look.C {
		if m := second.members(); len(m) == 1 && strings.Contains(m[0].Addresses[0], "10.99.0.101") {
			look.Stop()
			break // the others were told the new address
		}
	}
}

// Where there is no multicast, a scan finds who answers.
func TestAScanFindsHosts(t *testing.T) {
	w, key := newWire(t, 2), newKey(t, "example")
	key = append(key, "-discover", "scan")
	first := w.hosts[0].start(key...)
	second := w.hosts[1].start(key...)
	for _, p := range []*process{first, second} {
		if m := p.awaitMembers(1); m[0].Found != "scan" && m[0].Found != "itself" {
			t.Errorf("host %d has found %+v", p.host.number, m)
		}
	}
}

// Nodes on loopback find each other by beacons that no other host hears, whatever they are
// told to look for nodes by.
func TestBeaconsOfLoopbackStayOnTheHost(t *testing.T) {
	w, key := newWire(t, 3), newKey(t, "example")
	ear := w.hosts[1].launch(w.hosts[1].command(roleVariable + "=listen"))
	ear.out.next(t, "listening")
	args := append(key, "-bind", "127.0.0.1:0", "-discover", "beacon,scan")
	first := w.hosts[0].start(args...)
	second := w.hosts[0].start(args...)
	for _, p := range []*process{first, second} {
		if m := p.awaitMembers(1); m[0].Found != "beacon" && m[0].Found != "itself" {
			t.Errorf("found %+v", m)
		}
	}
	w.hosts[2].start(key...) // which is heard
	for heard := 0; heard < 3; {
		switch line := ear.out.next(t, "heard"); {
		case strings.Contains(line, w.hosts[2].addr+":"):
			heard++
		default:
			t.Fatal(line)
		}
	}
	if n := len(first.members()); n != 1 {
		t.Errorf("a node on loopback knows %d others, want one", n)
	}
}

// A hundred thousand packets of garbage a second, and beacons that were recorded, altered
// and cut, cost little time and memory and no dials, get a line in the log, and do not
// keep nodes from finding each other.
func TestAFloodOfBeacons(t *testing.T) {
	const seconds = 4
	w, key := newWire(t, 3), newKey(t, "example")
	first := w.hosts[0].start(key...)
	first.serve()
	flood := w.hosts[2].launch(w.hosts[2].command(roleVariable+"=flood", strconv.Itoa(seconds)))
	flood.out.next(t, "flooding")
	before := consumed(t, first)
	second := w.hosts[1].start(key...)
	second.ask()
	over := flood.out.next(t, "flooded")
	after := consumed(t, first)
	t.Logf("%s; the node took %.2f s of the processor in %d s, and has %d KiB more, %d KiB in all",
		over, after.processor-before.processor, seconds, after.memory-before.memory, after.memory)
	if after.processor-before.processor > seconds/2 {
		t.Error("it took more than half of a processor")
	}
	if after.memory-before.memory > 64<<10 {
		t.Error("it took more than 64 MiB of memory")
	}

	first.command.Process.Signal(syscall.SIGTERM)
	lines := 0
	for {
		line := first.err.next(t, "msg=")
		switch {
		case strings.Contains(line, "beacons are ignored"):
			lines++
		case strings.Contains(line, "hint leads nowhere"):
			t.Errorf("a dial: %s", line)
		}
		if strings.Contains(line, "msg=stopped") {
			break
		}
	}
	if lines != 1 {
		t.Errorf("%d lines about packets that are ignored, want 1", lines)
	}
}

// consumption is what a process has used.
type consumption struct {
	processor float64 // seconds
	memory    int     // KiB
}

func consumed(t *testing.T, p *process) consumption {
	t.Helper()
	read := func(name string) string {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", p.command.Process.Pid, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	var c consumption
	_, rest, _ := strings.Cut(read("stat"), ") ")
	fields := strings.Fields(rest) // from the third on, see proc_pid_stat(5)
	for _, ticks := range fields[11:13] {
		n, err := strconv.Atoi(ticks)
		if err != nil {
			t.Fatal(err)
		}
		c.processor += float64(n) / 100 // USER_HZ
	}
	for line := range strings.SplitSeq(read("status"), "\n") {
		if kib, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			c.memory, _ = strconv.Atoi(strings.Fields(kib)[0])
		}
	}
	return c
}

// roleVariable has the test's program play another part than iris, on a host.
const roleVariable = "TEST_IRIS_ROLE"

func init() {
	switch os.Getenv(roleVariable) {
	case "listen":
		listen()
	case "flood":
		flood()
	default:
		return
	}
	os.Exit(0)
}

// wireSocket hears the beacons that are broadcast on a host's wire.
func wireSocket() *net.UDPConn {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{Port: beacon.Port})
	if err != nil {
		panic(err)
	}
	eth0, err := net.InterfaceByName("eth0")
	if err == nil {
		err = ipv4.NewPacketConn(conn).JoinGroup(eth0, &net.UDPAddr{IP: beacon.Group4.AsSlice()})
	}
	if err != nil {
		panic(err)
	}
	return conn
}

// listen says where the packets come from that it hears.
func listen() {
	conn := wireSocket()
	fmt.Println("listening")
	for {
		_, from, err := conn.ReadFromUDPAddrPort(make([]byte, 2048))
		if err != nil {
			panic(err)
		}
		fmt.Println("heard", from)
	}
}

// flood sends what an attacker can, for as many seconds as it is told, at 100,000 packets a
// second where the machine can: garbage of the right size and of others, and the beacons
// that it hears, as they are, altered and cut.
func flood() {
	const perSecond, batch = 100_000, 1000
	seconds, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	conn := wireSocket()
	recorded := make(chan []byte, 100)
	go func() {
		for buffer := make([]byte, 2048); ; {
			n, _, err := conn.ReadFromUDPAddrPort(buffer)
			if err != nil {
				return
			}
			if n != beacon.PacketSize {
				continue // its own, cut
			}
			select {
			case recorded <- slices.Clone(buffer[:n]):
			default:
			}
		}
	}()
	out, err := net.DialUDP("udp4", nil, &net.UDPAddr{IP: net.IPv4(10, 99, 0, 255), Port: beacon.Port})
	if err != nil {
		panic(err)
	}
	fmt.Println("flooding")
	sent, begin := 0, time.Now()
	for time.Since(begin) < time.Duration(seconds)*time.Second {
		n, err := ipv4.NewPacketConn(out).WriteBatch(hostile(batch, recorded), 0)
		if err == nil {
			sent += n
		}
		time.Sleep(time.Until(begin.Add(time.Duration(sent) * time.Second / perSecond)))
	}
	fmt.Printf("flooded with %d packets a second\n", sent/seconds)
}

// hostile returns a number of packets.
func hostile(n int, recorded <-chan []byte) []ipv4.Message {
	packets := [][]byte{garbage(beacon.PacketSize), garbage(1 + rand.N(1400))}
	select {
	case b := <-recorded:
		altered := slices.Clone(b)
		altered[rand.N(len(altered))] ^= 1
		packets = append(packets, b, altered, b[:rand.N(len(b))])
	default:
	}
	batch := make([]ipv4.Message, n)
	for i := range batch {
		batch[i].Buffers = [][]byte{packets[i%len(packets)]}
	}
	return batch
}

func garbage(n int) []byte {
	b := binary.BigEndian.AppendUint64(nil, rand.Uint64())
	for len(b) < n {
		b = append(b, b...)
	}
	return b[:n]
}
