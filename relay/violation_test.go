package relay_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/relay"
	"github.com/project-iris/iris/relay/wire"
)

// claim is a frame that claims a payload of n bytes and ends there.
func claim(prefix string, n uint64) string {
	return string(binary.AppendUvarint([]byte(prefix), n))
}

func TestAViolationEndsItsConnectionOnly(t *testing.T) {
	const overlong = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"
	rows := []struct {
		name   string
		bytes  string
		reason string
	}{
		{"DENY, which only a relay sends", "\x01", "unknown opcode"},
		{"an unknown opcode", "\x0e", "unknown opcode"},
		{"the last opcode", "\xff", "unknown opcode"},
		{"a bool of 2", "\x05\x01\x02", "bool is neither 0 nor 1"},
		{"an id over 64 bits", "\x04" + overlong, "varint over 64 bits"},
		{"an id that never ends", "\x0d" + strings.Repeat("\xff", 20), "varint over 64 bits"},
		{"a length over 64 bits", "\x08\x00" + overlong, "varint over 64 bits"},
		{"INIT once more", string(hello("svc").Append(nil)), "INIT after INIT"},
		{"garbage", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "protocol violation"},
		{"a body of 2^30 bytes", claim("\x04\x01\x03svc", 1<<30), "length over the limit"},
		{"an event of 2^40 bytes", claim("\x08\x01t", 1<<40), "length over the limit"},
		{"a message of 2^50 bytes", claim("\x03\x01c", 1<<50), "length over the limit"},
		{"a chunk of 2^63 bytes", claim("\x0c\x01\x01", 1<<63), "length over the limit"},
		{"a topic of 2^31 bytes", claim("\x06", 1<<31), "length over the limit"},
		{"a body one over the limit", claim("\x04\x01\x00", 64<<20+1), "length over the limit"},
		{"a tunnel id that is in use", string(tunInit(1).Append(nil)), "tunnel id is in use"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
				other, bad := n.attach("svc"), n.attach("svc")
				n.openTunnel(bad, 1, other, 1)
				bad.write([]byte(row.bytes))
				bad.expectEnd()
				other.expectBroken(1)
				n.expectOneViolation(t, 1, "app=app-2", "cluster=svc", row.reason)
				if !bad.member.isClosed() {
					t.Error("the application is still attached")
				}
				other.expectAlive()
				n.attach("svc").expectAlive()
			})
		})
	}
}

// expectOneViolation checks that a connection was counted and named in the log, once.
func (n *node) expectOneViolation(t *testing.T, count uint64, parts ...string) {
	t.Helper()
	synctest.Wait()
	n.log.expect(t, parts...)
	if got := n.relay.Stats().Violations; got != count {
		t.Errorf("%d violations were counted, want %d", got, count)
	}
}

func TestAViolationBeforeInitEndsItsConnectionOnly(t *testing.T) {
	rows := []struct{ name, bytes, reason string }{
		{"CLOSE", "\x02", "frame before INIT"},
		{"REQUEST", string(request(1).Append(nil)), "frame before INIT"},
		{"SUBSCRIBE", "\x06\x01t", "frame before INIT"},
		{"an unknown opcode", "\x7f", "unknown opcode"},
		{"HTTP", "GET / HTTP/1.1\r\n\r\n", "unknown opcode"},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "unknown opcode"},
		{"another magic", "\x00\x11iris-klient", "wrong magic"},
		{"a magic of another length", "\x00\x12", "wrong magic"},
		{"a version of 2^50 bytes", claim("\x00\x11iris-client-magic", 1<<50), "length over the limit"},
		{"a cluster of 2^50 bytes", claim("\x00\x11iris-client-magic\x0bv1.0-draft2", 1<<50), "length over the limit"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
				bad := n.dial()
				bad.write([]byte(row.bytes))
				bad.expectEnd()
				n.expectOneViolation(t, 1, "app=app-1", row.reason)
				if n.mesh.last() != nil {
					t.Error("the network heard of it")
				}
				n.attach("svc").expectAlive()
			})
		})
	}
}

// More violations than a log can bear are counted all the same.
func TestManyViolationsAreCountedAndFewAreLogged(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		for range 1000 {
			bad := n.dial()
			bad.write([]byte{0xff})
			bad.expectEnd()
		}
		synctest.Wait()
		if got := n.relay.Stats().Violations; got != 1000 {
			t.Errorf("%d violations were counted, want 1000", got)
		}
		if got := n.log.count(); got == 0 || got > 30 {
			t.Errorf("%d lines were logged", got)
		}
	})
}

func (l *logbook) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.lines)
}

func TestHalfAnInitThenSilenceEndsAfterTheAttachTimeout(t *testing.T) {
	for _, half := range []string{"", "\x00", "\x00\x11iris-client-magic\x0bv1.0-d"} {
		t.Run(fmt.Sprintf("%d bytes", len(half)), func(t *testing.T) {
			inBubble(t, relay.Config{AttachTimeout: 10 * time.Second}, func(t *testing.T, n *node) {
				a := n.dial()
				if half != "" {
					a.write([]byte(half))
				}
				began := time.Now()
				a.expectEnd()
				if took := time.Since(began); took != 10*time.Second {
					t.Errorf("took %v", took)
				}
				synctest.Wait()
				n.log.expect(t, "app=app-1", "did not attach")
				if got := n.relay.Stats().Unattached; got != 1 {
					t.Errorf("%d connections were counted, want 1", got)
				}
			})
		})
	}
}

// A frame that is never finished costs the bytes of it that have come.
func TestHalfAFrameThenSilenceCostsWhatHasCome(t *testing.T) {
	inBubble(t, relay.Config{PayloadLimit: 1 << 40}, func(t *testing.T, n *node) {
		before := heap()
		var apps []*application
		for range 100 {
			a := n.attach("svc")
			a.write([]byte(claim("\x08\x01t", 1<<40) + strings.Repeat("x", 1000)))
			apps = append(apps, a)
		}
		synctest.Wait()
		if grown := heap() - before; grown > 100*(64<<10) {
			t.Errorf("100 claims of 2^40 bytes take %d bytes", grown)
		}
		n.attach("svc").expectAlive()
		for _, a := range apps {
			a.conn.Close()
		}
		synctest.Wait()
		n.log.expect(t) // to go is no violation
	})
}

// heap returns the bytes in use, without garbage.
func heap() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func TestGarbageHarmsNobodyElse(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		other := n.attach("svc")
		random := rand.New(rand.NewPCG(1, 2))
		for range 300 {
			garbage := make([]byte, 1+random.IntN(500))
			for i := range garbage {
				garbage[i] = byte(random.Uint32())
			}
			attached := random.IntN(2) == 0
			bad := n.dial()
			if attached {
				bad.send(hello("svc"))
				bad.expect(&wire.Accept{Version: []byte(wire.Version)})
			}
			drain(bad)
			_, _ = bad.conn.Write(garbage)
			bad.conn.Close()
		}
		other.expectAlive()
	})
}

func TestAThousandSilentConnectionsHoldUpNobody(t *testing.T) {
	n, addr := startTCP(t, relay.Config{})
	for range 1000 {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	began := time.Now()
	a := dialTCP(t, n, addr, "svc")
	a.send(request(1))
	for a.member.callCount() == 0 {
		runtime.Gosched()
	}
	a.member.app.HandleReply(1, []byte("!"))
	a.expect(&wire.Result{ID: 1, OK: true, Body: []byte("!")})
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

func (m *fakeMember) callCount() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.calls)
}
