package relay_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/relay"
	"github.com/project-iris/iris/relay/wire"
)

// The rules that existing bindings depend on, by number. Each has a test here, in
// rules_tunnel_test.go or in rules_detach_test.go, whose name begins with TestRule
// and the number. Where keeping a rule takes the network too, the test shows the
// relay's share, and its comment says what is the network's.
//
//	Attach     1  both loopback addresses, one port, no delay
//	           2  one version; DENY names both; a wrong magic gets nothing
//	           3  INIT is the first frame, once the service is registered
//	           4  who is silent holds up nobody
//	Requests   5  exactly one REPLY
//	           6  timeouts of 0 and of ages; at least 1 ms is forwarded
//	           7  empty bodies, replies and faults
//	           8  replies that nobody waits for
//	           9  four separate id spaces
//	          10  a request waits for a member
//	Delivery  11  only services get broadcasts, requests, tunnels
//	          12  an application gets its own
//	Topics    13  SUBSCRIBE and UNSUBSCRIBE that change nothing
//	          14  topics are no clusters; empty names
//	Tunnels   15  exactly one TUN_CONFIRM
//	          16  the chunk limit
//	          17  TUN_CONFIRM and TUN_ALLOW in one write
//	          18  the acceptor's confirmation, and a late one
//	          19  allowances add up, and come per chunk
//	          20  only first chunks wait for allowance
//	          21  totals, and messages given up
//	          22  no orphan and no empty chunk
//	          23  a chunk over the limit ends its tunnel
//	          24  exactly one TUN_CLOSE each, after the data
//	          25  frames for tunnels that are not there
//	          26  a stalled tunnel stalls nothing
//	Detach    27  CLOSE: leave, let answer, confirm, end
//	          28  an application that still sends
//	          29  a node that stops says nothing
//	          30  no heartbeats

func TestEveryRuleHasATest(t *testing.T) {
	var tests strings.Builder
	for _, file := range []string{"rules_test.go", "rules_tunnel_test.go", "rules_detach_test.go", "rules_unix_test.go"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		tests.Write(text)
	}
	for rule := 1; rule <= 30; rule++ {
		if !regexp.MustCompile(fmt.Sprintf(`(?m)^func TestRule%02d_\w+\(t `, rule)).MatchString(tests.String()) {
			t.Errorf("rule %d has no test", rule)
		}
	}
}

func TestRule01_ListensOnBothLoopbackAddressesAndOnePort(t *testing.T) {
	listeners, err := relay.Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	var ips []string
	ports := make(map[int]bool)
	for _, l := range listeners {
		defer l.Close()
		addr := l.Addr().(*net.TCPAddr)
		ips = append(ips, addr.IP.String())
		ports[addr.Port] = true
	}
	want := "127.0.0.1 ::1"
	if !hasIPv6() {
		want = "127.0.0.1"
	}
	if got := strings.Join(ips, " "); got != want {
		t.Errorf("listens on %s, want %s", got, want)
	}
	if len(ports) != 1 {
		t.Errorf("ports %v, want one", ports)
	}
}

func TestRule01_APortThatIsTakenIsAnError(t *testing.T) {
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if _, err := relay.Listen(taken.Addr().(*net.TCPAddr).Port); err == nil {
		t.Error("listens on a port that is taken")
	}
}

func hasIPv6() bool {
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		return false
	}
	l.Close()
	return true
}

func TestRule02_AnotherVersionIsDeniedWithBothVersions(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		a := n.dial()
		a.send(&wire.Init{Version: []byte("v9"), Cluster: []byte("svc")})
		deny, ok := a.read().(*wire.Deny)
		if !ok {
			t.Fatal("want DENY")
		}
		for _, version := range []string{"v9", wire.Version} {
			if !strings.Contains(string(deny.Reason), version) {
				t.Errorf("DENY says %q, want it to name %s", deny.Reason, version)
			}
		}
		// A pipe has no end of one direction, so the relay ends both when the
		// application has had time to close.
		a.expectEnd()
		n.log.expect(t, "denied", "app=app-1", "v9", wire.Version)
		if n.mesh.last() != nil {
			t.Error("the network heard of an application that was denied")
		}
	})
}

func TestRule02_AWrongMagicGetsNoDeny(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		a := n.dial()
		a.write([]byte("\x00\x11iris-client-wrong"))
		a.expectEnd()
	})
}

// That the service is registered when Attach returns is the network's share.
func TestRule03_InitIsTheFirstFrameAndOnlyOnceTheServiceIsRegistered(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		registered := make(chan struct{})
		n.mesh.onAttach = func(m *fakeMember) error {
			if err := m.app.HandleRequest(3, []byte("body"), time.Second); err != nil {
				t.Error(err)
			}
			m.app.HandleBroadcast([]byte("all"))
			<-registered
			return nil
		}
		a := n.dial()
		a.send(hello("svc"))
		a.expectNothing()
		close(registered)
		a.expect(
			&wire.Accept{Version: []byte(wire.Version)},
			&wire.Call{ID: 3, Body: []byte("body"), Timeout: 1000},
			&wire.Delivery{Message: []byte("all")},
		)
	})
}

// The relay waits for the network, which says when others can reach a service; across
// nodes TestRulesHoldAcrossNodes shows that it does.
func TestRule03_InitIsSentOnceOthersCanReachTheService(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		confirmed := make(chan struct{})
		n.mesh.onAttach = func(m *fakeMember) error {
			m.onConfirm = func(context.Context) { <-confirmed }
			return nil
		}
		service, plain := n.dial(), n.dial()
		service.send(hello("svc"))
		service.expectNothing()
		plain.send(hello("")) // which nobody has to reach
		plain.expect(&wire.Accept{Version: []byte(wire.Version)})
		close(confirmed)
		service.expect(&wire.Accept{Version: []byte(wire.Version)})
	})
}

func TestRule03_AServiceThatTheNetworkRefusesIsDenied(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		n.mesh.onAttach = func(*fakeMember) error { return errors.New("node is stopping") }
		a := n.dial()
		a.send(hello("svc"))
		a.expect(&wire.Deny{Reason: []byte("node is stopping")})
	})
}

func TestRule04_WhoIsSilentOrSendsInitByteByByteHoldsUpNobody(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		n.dial() // and says nothing
		slow := n.dial()
		for _, c := range hello("svc").Append(nil) {
			slow.write([]byte{c})
			n.attach("").expectAlive()
		}
		slow.expect(&wire.Accept{Version: []byte(wire.Version)})
	})
}

// That every request is answered, once and in time, is the network's share. The
// relay makes exactly one REPLY of an answer, and asks exactly once.
func TestRule05_EveryAnswerBecomesExactlyOneReply(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		a := n.attach("")
		a.send(request(1), request(2), request(3))
		a.member.expect(t,
			"request 1 to svc: ?, within 1s", "request 2 to svc: ?, within 1s", "request 3 to svc: ?, within 1s")
		a.member.app.HandleFault(2, []byte("member lost"))
		a.member.app.HandleReply(1, []byte("!"))
		a.member.app.HandleTimeout(3)
		a.expect(
			&wire.Result{ID: 2, Body: []byte("member lost")},
			&wire.Result{ID: 1, OK: true, Body: []byte("!")},
			&wire.Result{ID: 3, TimedOut: true},
		)
		a.expectNothing()
	})
}

func request(id uint64) *wire.Request {
	return &wire.Request{ID: id, Cluster: []byte("svc"), Body: []byte("?"), Timeout: 1000}
}

// That a request with no time is answered at once is the network's share.
func TestRule06_TimeoutsOfNothingAndOfAgesReachTheNetwork(t *testing.T) {
	rows := map[uint64]time.Duration{
		0:             0,
		1:             time.Millisecond,
		1000:          time.Second,
		math.MaxInt64: math.MaxInt64,
		// Below: over what the protocol says, and over what a time.Duration holds.
		math.MaxUint64:                    math.MaxInt64,
		math.MaxInt64/1_000_000 + 1:       math.MaxInt64,
		math.MaxInt64 / 1_000_000:         math.MaxInt64 / 1_000_000 * time.Millisecond,
		math.MaxUint64 / 1_000_000 * 2000: math.MaxInt64,
	}
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		a := n.attach("")
		for ms, want := range rows {
			a.member.onRequest = func(_ uint64, _, _ []byte, timeout time.Duration) {
				if timeout != want {
					t.Errorf("%d ms become %v, want %v", ms, timeout, want)
				}
			}
			m := request(1)
			m.Timeout = ms
			a.send(m)
			synctest.Wait()
		}
	})
}

func TestRule06_AtLeastOneMillisecondIsForwarded(t *testing.T) {
	rows := map[time.Duration]uint64{
		-1:                                 1,
		0:                                  1,
		1:                                  1,
		time.Millisecond:                   1,
		time.Millisecond + 1:               2,
		time.Second:                        1000,
		math.MaxInt64:                      math.MaxInt64/1_000_000 + 1,
		math.MaxInt64 - 5*time.Millisecond: math.MaxInt64/1_000_000 - 4,
	}
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		a := n.attach("svc")
		for timeout, want := range rows {
			if err := a.member.app.HandleRequest(7, []byte("?"), timeout); err != nil {
				t.Fatal(err)
			}
			a.expect(&wire.Call{ID: 7, Body: []byte("?"), Timeout: want})
		}
	})
}

func TestRule07_EmptyBodiesRepliesAndFaultsStayWhatTheyAre(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		a := n.attach("svc")
		a.send(&wire.Request{ID: 1, Cluster: []byte("svc"), Timeout: 1000})
		a.send(&wire.Reply{ID: 2, OK: true}, &wire.Reply{ID: 3, OK: false})
		a.member.expect(t, "request 1 to svc: , within 1s", "reply 2 true: ", "reply 3 false: ")
		a.member.app.HandleReply(4, nil)
		a.member.app.HandleFault(5, nil)
		if err := a.member.app.HandleRequest(6, nil, time.Second); err != nil {
			t.Fatal(err)
		}
		a.expect(&wire.Result{ID: 4, OK: true}, &wire.Result{ID: 5}, &wire.Call{ID: 6, Timeout: 1000})
	})
}

// That the network ignores them is its own share.
func TestRule08_RepliesThatNobodyWaitsForDoNoHarm(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		a := n.attach("svc")
		if err := a.member.app.HandleRequest(1, []byte("?"), time.Second); err != nil {
			t.Fatal(err)
		}
		a.expect(&wire.Call{ID: 1, Body: []byte("?"), Timeout: 1000})
		reply := &wire.Reply{ID: 1, OK: true, Body: []byte("!")}
		never := &wire.Reply{ID: 99, OK: true, Body: []byte("!")}
		a.send(reply, reply, never)
		a.member.expect(t, "reply 1 true: !", "reply 1 true: !", "reply 99 true: !")
		a.expectAlive()
	})
}

// What looks like such a reply may be an option. One that the relay does not know it ignores.
func TestAnOptionIsAReplyToWhatNobodyAsks(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		a := n.attach("")
		for _, m := range []*wire.Reply{
			{ID: wire.OptionID, OK: false, Body: []byte(wire.OptionFailFast)},
			{ID: wire.OptionID, OK: true, Body: []byte("iris fail faster")},
			{ID: wire.OptionID, OK: true},
		} {
			a.send(m)
		}
		a.member.expect(t)
		a.send(&wire.Reply{ID: wire.OptionID, OK: true, Body: []byte(wire.OptionFailFast)})
		a.member.expect(t, "fail fast")
		a.expectAlive()
	})
}

func TestRule09_TheSameNumberIsFourDifferentIds(t *testing.T) {
	const id = 0 // the first build id, too
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		a := n.attach("svc")
		a.send(request(id)) // the application's request id
		a.member.expect(t, "request 0 to svc: ?, within 1s")
		if err := a.member.app.HandleRequest(id, []byte("?"), time.Second); err != nil { // the relay's
			t.Fatal(err)
		}
		a.expect(&wire.Call{ID: id, Body: []byte("?"), Timeout: 1000})

		b := n.attach("")
		n.openTunnel(b, 5, a, id) // the tunnel's id of a, and the first build id of a's relay
		a.send(&wire.Reply{ID: id, OK: true, Body: []byte("!")}, &wire.TunClose{ID: id})
		a.expect(&wire.TunClosed{ID: id})
		a.member.expect(t, "reply 0 true: !")
		a.member.app.HandleReply(id, []byte("own"))
		a.expect(&wire.Result{ID: id, OK: true, Body: []byte("own")})
	})
}

func TestRule09_IdsOfTheApplicationAreOpaque(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		a := n.attach("")
		for _, id := range []uint64{math.MaxUint64, 0, 7, 7} {
			a.send(request(id))
			a.member.expect(t, fmt.Sprintf("request %d to svc: ?, within 1s", id))
			a.member.app.HandleReply(id, []byte("!"))
			a.expect(&wire.Result{ID: id, OK: true, Body: []byte("!")})
		}
	})
}

// That a request waits for a member is the network's share. The relay keeps no time
// of its own: an answer may come after any time.
func TestRule10_ARequestMayBeAnsweredAfterAnyTime(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		a := n.attach("")
		a.send(request(1))
		synctest.Wait()
		time.AfterFunc(365*24*time.Hour, func() { a.member.app.HandleReply(1, []byte("!")) })
		a.expect(&wire.Result{ID: 1, OK: true, Body: []byte("!")})
	})
}

// That nothing is delivered to the wrong kind is the network's share. It learns
// from the relay which kind an application is.
func TestRule11_TheNetworkIsToldWhichApplicationsAreServices(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		for _, cluster := range []string{"", "svc", "\x00", "m\xfcnchen"} {
			if got := n.attach(cluster).member.cluster; got != cluster {
				t.Errorf("a member of %q is attached as one of %q", cluster, got)
			}
		}
	})
}

// Whom a message goes to is the network's share. The relay takes a delivery while
// it hands the very same message to the network.
func TestRule12_AnApplicationGetsItsOwn(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		a := n.attach("svc")
		app := a.member.app
		a.member.onBroadcast = func(_, message []byte) { app.HandleBroadcast(message) }
		a.member.onPublish = func(topic, event []byte) { app.HandleEvent(topic, event) }
		a.member.onRequest = func(_ uint64, _, body []byte, timeout time.Duration) {
			if err := app.HandleRequest(77, body, timeout); err != nil {
				t.Error(err)
			}
		}
		a.member.onReply = func(_ uint64, _ bool, body []byte) { app.HandleReply(1, body) }
		a.send(
			&wire.Broadcast{Cluster: []byte("svc"), Message: []byte("all")},
			&wire.Publish{Topic: []byte("news"), Event: []byte("e")},
			request(1),
		)
		a.expect( // what somebody waits for goes first
			&wire.Call{ID: 77, Body: []byte("?"), Timeout: 1000},
			&wire.Delivery{Message: []byte("all")},
			&wire.Publish{Topic: []byte("news"), Event: []byte("e")},
		)
		a.send(&wire.Reply{ID: 77, OK: true, Body: []byte("!")})
		a.expect(&wire.Result{ID: 1, OK: true, Body: []byte("!")})
	})
}

// That what changes nothing is ignored is the network's share. The relay passes
// everything on in order, answers nothing and ends nothing.
func TestRule13_SubscriptionsAreAppliedInOrderAndNotAnswered(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		a := n.attach("")
		on, off := &wire.Subscribe{Topic: []byte("news")}, &wire.Unsubscribe{Topic: []byte("news")}
		event := &wire.Publish{Topic: []byte("news"), Event: []byte("e")}
		a.send(off, on, on, event, off, off, event)
		a.member.expect(t, "unsubscribe news", "subscribe news", "subscribe news",
			"publish news: e", "unsubscribe news", "unsubscribe news", "publish news: e")
		a.expectNothing()
		a.expectAlive()
	})
}

// Whoever an application tells something after it has subscribed may send it events.
func TestRule13_WhatFollowsSubscriptionsWaitsUntilTheyAreKnown(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		confirmed, waits := make(chan struct{}), 0
		n.mesh.onAttach = func(m *fakeMember) error {
			m.onConfirm = func(context.Context) { waits++; <-confirmed }
			return nil
		}
		a := n.attach("")
		on, other := &wire.Subscribe{Topic: []byte("news")}, &wire.Subscribe{Topic: []byte("weather")}
		event := &wire.Publish{Topic: []byte("news"), Event: []byte("e")}
		a.send(event, on, other, event, event)
		a.member.expect(t, "publish news: e", "subscribe news", "subscribe weather")
		close(confirmed)
		a.member.expect(t, "publish news: e", "publish news: e")
		if waits != 1 {
			t.Errorf("it waited %d times, want once", waits)
		}
	})
}

// That the name spaces are separate is the network's share: it gets topics and
// clusters by different calls.
func TestRule14_EmptyAndEqualNamesOfTopicsAndClusters(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		a := n.attach("x")
		for _, name := range []string{"", "x", "m\xfcnchen"} {
			b := []byte(name)
			a.send(
				&wire.Subscribe{Topic: b}, &wire.Unsubscribe{Topic: b}, &wire.Publish{Topic: b, Event: []byte("e")},
				&wire.Broadcast{Cluster: b, Message: []byte("m")}, &wire.Request{ID: 1, Cluster: b, Timeout: 1},
			)
			a.member.expect(t, "subscribe "+name, "unsubscribe "+name, "publish "+name+": e",
				"broadcast to "+name+": m", "request 1 to "+name+": , within 1ms")
			a.member.app.HandleEvent(b, nil)
			a.expect(&wire.Publish{Topic: b})
		}
	})
}
