package overlay

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/project-iris/iris/overlay/trace"
)

// peer is an application that does as little as possible: it sends each request
// back at once, and counts the rest.
type peer struct {
	*Member
	count int
}

func newPeer(tb testing.TB, o *Overlay, cluster string) *peer {
	tb.Helper()
	p := new(peer)
	m, err := o.Attach([]byte(cluster), p)
	if err != nil {
		tb.Fatal(err)
	}
	p.Member = m
	return p
}

func (p *peer) HandleRequest(id uint64, body []byte, _ time.Duration) error {
	p.Reply(id, true, body)
	return nil
}

func (p *peer) HandleBroadcast([]byte) { p.count++ }

func (p *peer) HandleTunnel(context.Context, Stream) error { return errRefused }

func (p *peer) HandleEvent(_, _ []byte) { p.count++ }

func (p *peer) HandleReply(uint64, []byte) { p.count++ }

func (p *peer) HandleFault(uint64, []byte) { panic("a fault") }

func (p *peer) HandleLimit(error)    {}
func (p *peer) HandleTimeout(uint64) { panic("timed out") }

var (
	testName = []byte("name")
	testBody = make([]byte, 128)
)

// What a node does for each message costs no garbage: a request and its reply, a
// broadcast, an event.
func TestMessagesDoNotAllocate(t *testing.T) {
	o := New(Config{})
	defer o.Close()
	caller := newPeer(t, o, "")
	for range 4 {
		if err := newPeer(t, o, "name").Subscribe(testName); err != nil {
			t.Fatal(err)
		}
	}
	paths := map[string]func(){
		"a request":   func() { caller.Request(1, testName, testBody, time.Minute) },
		"a broadcast": func() { caller.Broadcast(testName, testBody) },
		"an event":    func() { caller.Publish(testName, testBody) },
	}
	look := func(when string) {
		for name, send := range paths {
			for range 100 {
				send()
			}
			if n := testing.AllocsPerRun(10_000, send); n != 0 {
				t.Errorf("%s costs %v allocations%s", name, n, when)
			}
		}
	}
	look("")
	sampling := trace.Sampling{Name: "other", Count: 5, Every: 1, Time: time.Minute}
	if err := errors.Join(o.Traces().Arm(sampling), o.Traces().Start(sampling.ID)); err != nil {
		t.Fatal(err)
	}
	look(" while requests of another name are traced")
}

// With many requests open at once, too.
func TestManyOpenRequestsDoNotAllocate(t *testing.T) {
	o := New(Config{})
	caller := newPeer(t, o, "")
	attach(t, o, "silent")
	defer o.Close()
	defer caller.Close() // first: it panics if it hears of the silent one's end
	for id := range uint64(900) {
		caller.Request(id, []byte("silent"), nil, time.Hour)
	}
	newPeer(t, o, "name")
	send := func() { caller.Request(1, testName, testBody, time.Minute) }
	for range 20_000 {
		send()
	}
	if n := testing.AllocsPerRun(10_000, send); n != 0 {
		t.Errorf("a request costs %v allocations", n)
	}
}

// BenchmarkRequest is a request and its reply between two members of one node.
func BenchmarkRequest(b *testing.B) {
	for _, row := range []struct {
		name    string
		members int
	}{{"1", 1}, {"8", 8}, {"64", 64}} {
		b.Run(row.name, func(b *testing.B) {
			o := New(Config{})
			defer o.Close()
			caller := newPeer(b, o, "")
			for range row.members {
				newPeer(b, o, "name")
			}
			b.ReportAllocs()
			for b.Loop() {
				caller.Request(1, testName, testBody, time.Minute)
			}
			if caller.count < b.N {
				b.Errorf("%d requests got %d replies", b.N, caller.count)
			}
		})
	}
}

// BenchmarkRequestParallel has a caller and a cluster on each processor, which share
// nothing but the overlay's lock.
func BenchmarkRequestParallel(b *testing.B) {
	o := New(Config{})
	defer o.Close()
	b.ReportAllocs()
	var clusters atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		cluster := fmt.Appendf(nil, "name %d", clusters.Add(1))
		caller := newPeer(b, o, "")
		newPeer(b, o, string(cluster))
		for pb.Next() {
			caller.Request(1, cluster, testBody, time.Minute)
		}
	})
}

// BenchmarkPublish is an event to a number of subscribers.
func BenchmarkPublish(b *testing.B) {
	for _, row := range []struct {
		name        string
		subscribers int
	}{{"1", 1}, {"8", 8}} {
		b.Run(row.name, func(b *testing.B) {
			o := New(Config{})
			defer o.Close()
			sender := newPeer(b, o, "")
			for range row.subscribers {
				if err := newPeer(b, o, "").Subscribe(testName); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				sender.Publish(testName, testBody)
			}
		})
	}
}
