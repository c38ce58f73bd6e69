// Package transporttest holds every transport to the contract of package
// transport. Authors of transports run it from a test of their own:
//
//	func TestContract(t *testing.T) {
//		transporttest.Run(t, func(t *testing.T) transporttest.Pair { … })
//	}
//
// Those that carry packets beside links, too, run RunPackets. Transports that live in virtual
// time use RunVirtual and RunPacketsVirtual, which give each test a testing/synctest bubble
// of its own.
package transporttest

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport"
)

// patience is how long anything in the suite may take, on a slow machine with
// the race detector.
const patience = 60 * time.Second

// A Pair is two nodes of one network, fresh for each test. The suite closes
// both transports.
type Pair struct {
	A, B     transport.Transport
	AID, BID transport.PeerID

	// Address is what B is told to listen on, such as "127.0.0.1:0".
	Address string

	// Buffered is the most that one direction of a stream holds when nobody
	// reads, in bytes, both sides and what is between them taken together.
	Buffered int
}

// check is one of the suite's tests.
type check struct {
	name string
	run  func(t *testing.T, p *pair)
}

var checks = []check{
	{"both sides know each other", testIntroduction},
	{"streams open both ways", testOpenBothWays},
	{"bytes arrive in order", testOrder},
	{"a direction can be closed alone", testHalfClose},
	{"a reset ends both directions with its code", testReset},
	{"a reset reaches a peer that has heard nothing yet", testResetFirst},
	{"a reset takes nothing back that was closed", testResetAfterCloseWrite},
	{"cancelled reading stops the writer only", testCancelRead},
	{"read deadlines", testReadDeadline},
	{"write deadlines", testWriteDeadline},
	{"a writer waits for its reader", testFlowControl},
	{"a thousand streams at once", testManyStreams},
	{"ended streams make room", testStreamTurnover},
	{"Open waits at the limit of streams", testStreamLimit},
	{"a stalled stream stalls no other", testStalledStream},
	{"large transfers arrive whole", testLargeTransfer},
	{"datagrams arrive", testDatagrams},
	{"datagrams have a limit", testDatagramLimit},
	{"datagrams never block", testDatagramFlood},
	{"a closed link says why", testCloseReasons},
	{"close while busy", testCloseWhileBusy},
	{"contexts end what waits", testContexts},
	{"the wrong peer is refused", testWrongPeer},
	{"a node does not link to itself", testSelf},
	{"nobody listens", testNobody},
	{"many dial at once", testManyDials},
	{"a closed listener leaves its links", testListenerClose},
	{"a closed transport closes everything", testTransportClose},
	{"statistics grow", testStats},
}

// Run runs the suite. The tests are not parallel, and each checks that no
// goroutine is left when its transports are closed.
func Run(t *testing.T, setup func(t *testing.T) Pair) { run(t, checks, setup) }

func run(t *testing.T, checks []check, setup func(t *testing.T) Pair) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			before := goroutines()
			p := start(t, setup(t))
			c.run(t, p)
			p.close(t)
			waitForGoroutines(t, before)
		})
	}
}

// RunVirtual is Run with each test in a testing/synctest bubble, which itself
// fails when a goroutine is left.
func RunVirtual(t *testing.T, setup func(t *testing.T) Pair) { runVirtual(t, checks, setup) }

func runVirtual(t *testing.T, checks []check, setup func(t *testing.T) Pair) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := start(t, setup(t))
				c.run(t, p)
				p.close(t)
			})
		})
	}
}

// pair is a Pair at work: B listens.
type pair struct {
	Pair
	listener transport.Listener
}

func start(t *testing.T, made Pair) *pair {
	t.Helper()
	listener, err := made.B.Listen(t.Context(), made.Address)
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	return &pair{Pair: made, listener: listener}
}

func (p *pair) close(t *testing.T) {
	t.Helper()
	if err := p.A.Close(); err != nil {
		t.Errorf("close A: %v", err)
	}
	if err := p.B.Close(); err != nil {
		t.Errorf("close B: %v", err)
	}
}

// connect makes a link and returns A's end of it, then B's.
func (p *pair) connect(t *testing.T) (a, b transport.Link) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	dialled := make(chan struct{})
	var dialErr error
	go func() {
		defer close(dialled)
		a, dialErr = p.A.Dial(ctx, p.listener.Addr(), p.BID)
	}()
	b, err := p.listener.Accept(ctx)
	<-dialled
	if err != nil || dialErr != nil {
		t.Fatalf("no link: dial: %v, accept: %v", dialErr, err)
	}
	return a, b
}

// streams makes a link and a stream on it that has carried a byte each way.
func (p *pair) stream(t *testing.T) (a, b transport.Stream) {
	t.Helper()
	linkA, linkB := p.connect(t)
	return openStream(t, linkA, linkB)
}

// openStream opens a stream from one end to the other, and returns both ends.
func openStream(t *testing.T, from, to transport.Link) (opened, accepted transport.Stream) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	opened, err := from.Open(ctx)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	mustWrite(t, opened, []byte{1})
	accepted, err = to.Accept(ctx)
	if err != nil {
		t.Fatalf("accept: %v", err)
	}
	mustRead(t, accepted, []byte{1})
	return opened, accepted
}
