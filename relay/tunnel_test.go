package relay_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/relay"
	"github.com/project-iris/iris/relay/wire"
)

// sizes of messages: around the chunk limit, as much as may be under way, and more.
var sizes = []int{1, 2, chunkLimit - 1, chunkLimit, chunkLimit + 1, window, 2 * window}

func messages() [][]byte {
	var all [][]byte
	for i, size := range sizes {
		all = append(all, messageOf(size, byte(i)))
	}
	return all
}

func TestTunnelCarriesMessagesInOrderAndExactlyBothWays(t *testing.T) {
	for _, allowed := range []uint64{chunkLimit, window, 64 << 20} {
		t.Run(fmt.Sprintf("%d bytes allowed", allowed), func(t *testing.T) {
			inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
				a, b := n.bindTunnel(n.attach(""), n.attach("svc"), allowed)
				all := messages()
				for _, from := range []*end{a, b} {
					go func() {
						for _, m := range all {
							from.send(m)
						}
					}()
				}
				both(func() { a.expect(all...) }, func() { b.expect(all...) })
				a.close()
				a.expectClose(t, true)
				b.expectClose(t, true)
			})
		})
	}
}

// What the sender was granted is what it has sent, and the window again.
func TestTunnelGrantsWhatItHasPassedOn(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		a, b := n.bindTunnel(n.attach(""), n.attach("svc"), window)
		sent := 0
		for _, m := range messages() {
			go a.send(m)
			b.expect(m)
			sent += len(m)
		}
		synctest.Wait()
		if got := a.sum(); got != int64(window+sent) {
			t.Errorf("%d bytes were granted after %d were sent, want %d", got, sent, window+sent)
		}
	})
}

func TestTunnelCloseFlushesWhatWasSentBefore(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		a, b := n.bindTunnel(n.attach(""), n.attach("svc"), 1)
		var all [][]byte
		for i := range 40 { // within the window, far over what b allows
			all = append(all, messageOf(100_000, byte(i)))
			a.send(all[i])
		}
		a.close()
		a.expectClose(t, true)
		for range 10 { // b needs longer than a stalled receiver would have
			time.Sleep(20 * time.Second)
			b.b.post(allow(1, 400_000))
			b.expect(all[:4]...)
			all = all[4:]
		}
		b.expectClose(t, true)
		n.log.expect(t)
		if got := n.relay.Stats().FlushesAbandoned; got != 0 {
			t.Errorf("%d flushes were abandoned", got)
		}
	})
}

func TestTunnelGivesUpAFlushThatNobodyTakes(t *testing.T) {
	inTunnel(t, relay.Config{StallTimeout: time.Minute}, func(t *testing.T, n *node, a, b *application) {
		full := strings.Repeat("x", chunkLimit)
		a.send(chunk(1, chunkLimit, full), chunk(1, chunkLimit, full), &wire.TunClose{ID: 1})
		a.expectClosed(1)
		time.Sleep(59 * time.Second)
		if got := n.mesh.streams.Load(); got != 2 {
			t.Errorf("%d ends of the stream are open, want 2", got)
		}
		time.Sleep(2 * time.Minute)
		if got := n.relay.Stats().FlushesAbandoned; got != 1 {
			t.Errorf("%d flushes were abandoned, want 1", got)
		}
		b.send(allow(1, window)) // takes what had come, and hears that it was not all
		b.expect(chunk(1, chunkLimit, full))
		b.expectBroken(1)
	})
}

// Nobody is left to read what either has sent, and neither waits for that.
func TestTunnelThatBothCloseWithDataUnderWayIsGoneAtOnce(t *testing.T) {
	inTunnel(t, relay.Config{}, func(t *testing.T, n *node, a, b *application) {
		for range 10 {
			a.send(chunk(1, chunkLimit, strings.Repeat("x", chunkLimit)))
			b.send(chunk(1, chunkLimit, strings.Repeat("y", chunkLimit)))
		}
		synctest.Wait()
		both(func() { a.send(&wire.TunClose{ID: 1}) }, func() { b.send(&wire.TunClose{ID: 1}) })
		a.expectClosed(1)
		b.expectClosed(1)
		synctest.Wait()
		if got := n.mesh.streams.Load(); got != 0 {
			t.Errorf("%d ends of the stream are open", got)
		}
	})
}

// The stream of a tunnel that its application has closed is closed even when it
// broke before.
func TestTunnelClosesAStreamThatHasBroken(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		a := n.attach("")
		near, far := n.mesh.pipe()
		a.member.onTunnel = func(context.Context, []byte) (relay.Stream, error) { return near, nil }
		a.send(tunInit(1))
		a.expect(&wire.TunResult{ID: 1, ChunkLimit: chunkLimit}, allow(1, window))
		if _, err := far.Write([]byte("\x05\x05hello")); err != nil { // waits for allowance
			t.Fatal(err)
		}
		a.send(chunk(1, 5, "hello")) // cannot be written
		synctest.Wait()
		far.Close()
		synctest.Wait()
		a.send(&wire.TunClose{ID: 1})
		a.expectClosed(1)
		synctest.Wait()
		if got := n.mesh.streams.Load(); got != 0 {
			t.Errorf("%d ends of the stream are open", got)
		}
	})
}

func TestTunnelEndsForWhatASenderGetsWrong(t *testing.T) {
	full := strings.Repeat("x", chunkLimit)
	rows := []struct {
		name   string
		frames func() []wire.Message
		reason string
	}{
		{"a total that lies", func() []wire.Message {
			return []wire.Message{chunk(1, 3, "ab"), chunk(1, 0, "cd")}
		}, "chunks exceed the size of their message"},
		{"a total that lies in the first chunk", func() []wire.Message {
			return []wire.Message{chunk(1, 3, "abcd")}
		}, "chunks exceed the size of their message"},
		{"a total over the limit", func() []wire.Message {
			return []wire.Message{chunk(1, 1<<30+1, "a")}
		}, "message over the node's limit"},
		{"a total of 2^64-1", func() []wire.Message {
			return []wire.Message{chunk(1, 1<<64-1, "a")}
		}, "message over the node's limit"},
		{"a chunk over the limit", func() []wire.Message {
			return []wire.Message{chunk(1, 1<<20, full+"x")}
		}, "chunk over the limit of 65536 bytes"},
		{"an empty message's chunk over the limit", func() []wire.Message {
			return []wire.Message{chunk(1, 0, full+"x")}
		}, "chunk over the limit of 65536 bytes"},
		{"more than was allowed", func() []wire.Message {
			frames := []wire.Message{chunk(1, 1<<30, full)} // waits at the other side
			for range window/chunkLimit + 3 {
				frames = append(frames, chunk(1, 0, full))
			}
			return frames
		}, "more chunks than were allowed"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			inTunnel(t, relay.Config{}, func(t *testing.T, n *node, a, b *application) {
				n.openTunnel(a, 2, b, 2)
				a.send(chunk(1, 5, "first"))
				a.send(row.frames()...)
				a.send(chunk(2, 5, "other"))
				b.send(allow(2, 5))
				a.expectAnyOrder(map[string]int{"TUN_ALLOW": -1, "TUN_CLOSE " + row.reason: 1})
				b.expectAnyOrder(map[string]int{"TUN_TRANSFER other": 1})
				b.send(allow(1, 64<<20))
				b.expectAnyOrder(map[string]int{
					"TUN_TRANSFER first": 1, "TUN_TRANSFER": -1, "TUN_CLOSE " + row.reason: 1,
				})
				n.log.expect(t, "tunnel is closed", "app=app-1", "tunnel=1", row.reason)
				if got := n.relay.Stats().TunnelsBroken; got != 1 {
					t.Errorf("%d tunnels were counted as broken, want 1", got)
				}
				a.expectAlive()
				b.expectAlive()
			})
		})
	}
}

func TestTunnelIdsMayBeUsedAgainOnlyWhenTheyAreFree(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		a, b := n.attach(""), n.attach("svc")
		for range 3 {
			n.openTunnel(a, 1, b, 1)
			a.send(&wire.TunClose{ID: 1})
			a.expect(&wire.TunClosed{ID: 1})
			b.expect(&wire.TunClosed{ID: 1})
		}
		n.openTunnel(a, 1, b, 1)
		a.send(tunInit(1))
		a.expectEnd()
		synctest.Wait()
		n.log.expect(t, "app=app-1", "tunnel id is in use")
		b.expectBroken(1)
		b.expectAlive()
	})
}

func TestTunnelOfASessionThatIsGoneMidTransfer(t *testing.T) {
	t.Run("the sender's", func(t *testing.T) {
		inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
			a, b := n.bindTunnel(n.attach(""), n.attach("svc"), window)
			whole := messageOf(100_000, 1)
			a.send(whole)
			a.b.post(chunk(1, 1000, "only the start"))
			synctest.Wait()
			a.b.conn.Close()
			b.expect(whole) // what it sent before arrives
			b.expectClose(t, false)
		})
	})
	t.Run("the receiver's", func(t *testing.T) {
		inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
			a, b := n.bindTunnel(n.attach(""), n.attach("svc"), window)
			b.b.conn.Close()
			for a.send(messageOf(1<<20, 1)) {
			}
			a.expectClose(t, false)
		})
	})
}

// A receiver that never grants holds what the sender was first allowed, and no more.
func TestTunnelHoldsNoMoreThanTheWindowForWhoDoesNotGrant(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		a, _ := n.bindTunnel(n.attach(""), n.attach("svc"), 0)
		go a.send(messageOf(64<<20, 1))
		synctest.Wait()
		if got := a.sum(); got > window+chunkLimit {
			t.Errorf("%d bytes were granted, want %d and the chunk that waits at the receiver", got, window)
		}
		a.b.conn.Close()
	})
}

func TestTunnelSurvivesAFloodOfOneByteChunks(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		a, b := n.bindTunnel(n.attach(""), n.attach("svc"), window)
		const count = 100_000
		go func() {
			a.send([]byte("m"))
			var frames []byte
			for i := range count {
				total := uint64(0)
				if i == 0 {
					total = count
				}
				frames = chunk(1, total, "x").Append(frames)
			}
			a.b.write(frames)
			a.send([]byte("n"))
		}()
		b.expect([]byte("m"), []byte(strings.Repeat("x", count)), []byte("n"))
		synctest.Wait()
		if got := a.sum(); got != window+count+2 {
			t.Errorf("%d bytes were granted, want %d", got, window+count+2)
		}
		a.close()
		a.expectClose(t, true)
		b.expectClose(t, true)
	})
}

// One who sends orphans and reads no grants is held back.
func TestTunnelOrphansOfWhoReadsNoGrantsDoNotPileUp(t *testing.T) {
	inTunnel(t, relay.Config{QueueLimit: 1 << 10}, func(t *testing.T, n *node, a, _ *application) {
		var frames []byte
		for range 100_000 {
			frames = chunk(1, 0, "x").Append(frames)
		}
		a.conn.SetWriteDeadline(time.Now().Add(time.Second))
		taken, err := a.conn.Write(frames)
		if err == nil || taken > 128<<10 {
			t.Errorf("the relay took %d bytes of orphans (%v) with the grants for them unread", taken, err)
		}
		a.conn.SetWriteDeadline(time.Time{})
	})
}

// The chunks of tunnels take a small share of an application's queue, however many
// tunnels there are.
func TestTunnelsLeaveRoomInTheQueue(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		const tunnels = 200
		a, b := n.attach(""), n.attach("svc")
		for id := range uint64(tunnels) {
			n.openTunnel(a, id, b, id)
			b.send(allow(id, window))
		}
		drain(a)
		full := strings.Repeat("x", chunkLimit)
		for range 3 {
			for id := range uint64(tunnels) {
				a.send(chunk(id, chunkLimit, full))
			}
			b.read() // so that all tunnels are woken
		}
		synctest.Wait()
		waiting := 0
		b.member.app.HandleEvent([]byte("mark"), nil)
		for b.read().Op() != wire.OpPublish {
			waiting++
		}
		if waiting > 10 {
			t.Errorf("%d chunks of tunnels wait before an event", waiting)
		}
		drain(b)
	})
}

// A queue that is smaller than what tunnels may put into it makes nobody spin: time,
// which is virtual here, would not pass.
func TestTunnelWaitsForAQueueThatIsSmall(t *testing.T) {
	inTunnel(t, relay.Config{QueueLimit: 1 << 10, StallTimeout: time.Hour}, func(t *testing.T, _ *node, a, b *application) {
		b.send(allow(1, window))
		a.send(chunk(1, 6, "first"), chunk(1, chunkLimit, strings.Repeat("x", chunkLimit)), chunk(1, 5, "third"))
		drain(a)
		time.Sleep(time.Minute)
		b.expect(chunk(1, 6, "first"), chunk(1, chunkLimit, strings.Repeat("x", chunkLimit)), chunk(1, 5, "third"))
	})
}

// A stream comes from another node, which may be of another version, or lie.
func TestTunnelEndsForAStreamThatCarriesNoRecords(t *testing.T) {
	rows := []struct {
		name, bytes string
		counted     uint64 // as broken by the other side; else the stream was
	}{
		{"nothing", "", 0},
		{"half a header", "\x05", 0},
		{"half a chunk", "\x05\x05he", 0},
		{"half an end", "\x00\x00\x05br", 0},
		{"a varint over 64 bits", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 0},
		{"a chunk over the limit", "\x80\x80\x08\x81\x80\x04", 1},
		{"an orphan", "\x00\x05hello", 1},
		{"an empty chunk", "\x05\x00", 1},
		{"more than was announced", "\x04\x05hello", 1},
		{"a message over the limit", "\x81\x80\x80\x80\x04\x05hello", 1},
		{"a reason over the limit", "\x00\x00\x81\x08", 1},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
				a := n.attach("")
				near, far := n.mesh.pipe()
				a.member.onTunnel = func(context.Context, []byte) (relay.Stream, error) { return near, nil }
				a.send(tunInit(1), allow(1, window))
				a.expect(&wire.TunResult{ID: 1, ChunkLimit: chunkLimit}, allow(1, window))
				_, _ = far.Write([]byte(row.bytes)) // fails when the relay reads no further
				far.Close()
				a.expectBroken(1)
				a.expectAlive()
				if got := n.relay.Stats().TunnelsBroken; got != row.counted {
					t.Errorf("%d tunnels were counted as broken, want %d", got, row.counted)
				}
			})
		})
	}
}
