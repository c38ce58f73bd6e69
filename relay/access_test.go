package relay_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/relay"
	"github.com/project-iris/iris/relay/peercred"
	"github.com/project-iris/iris/relay/policy"
	"github.com/project-iris/iris/relay/wire"
)

// noAccounts knows nobody by name.
type noAccounts struct{}

func (noAccounts) User(string) (uint32, error)  { return 0, errors.New("unknown") }
func (noAccounts) Group(string) (uint32, error) { return 0, errors.New("unknown") }

func rules(t testing.TB, text string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse(strings.NewReader(text), noAccounts{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// guarded is a configuration whose applications are user 7 of group 70, and its audit.
func guarded(t testing.TB, text string) (relay.Config, *logbook) {
	audit := &logbook{}
	return relay.Config{
		Policy:   rules(t, text),
		Audit:    slog.New(slog.NewTextHandler(audit, nil)),
		Identify: func(net.Conn) (peercred.Peer, error) { return peercred.Peer{UID: 7, PID: 99}, nil },
		Groups:   func(uint32) ([]uint32, error) { return []uint32{70}, nil },
	}, audit
}

func b(s string) []byte { return []byte(s) }

func TestWhatThePolicyForbidsIsNotDone(t *testing.T) {
	config, audit := guarded(t, "allow group:70 * mine*\n")
	inBubble(t, config, func(t *testing.T, n *node) {
		a := n.dial()
		a.send(hello("other"))
		a.expect(&wire.Deny{Reason: b(`forbidden: user 7 may not register "other": no rule allows it`)})
		a.expectEnd()
		audit.expect(t, "operation=register", "name=other", "uid=7", "pid=99", "app=app-1", "no rule allows it")
		n.log.expect(t, "application was denied")

		a = n.attach("mine")
		a.send(&wire.Request{ID: 1, Cluster: b("mine2"), Body: b("x"), Timeout: 1000},
			&wire.Publish{Topic: b("mine"), Event: b("e")}, &wire.Broadcast{Cluster: b("mine"), Message: b("m")},
			&wire.Subscribe{Topic: b("mine")})
		a.member.expect(t, "request 1 to mine2: x, within 1s", "publish mine: e", "broadcast to mine: m", "subscribe mine")
		audit.expect(t)

		a.send(&wire.Request{ID: 2, Cluster: b("yours"), Body: b("x"), Timeout: 1000})
		a.expect(&wire.Result{ID: 2, Body: b(`forbidden: user 7 may not request "yours": no rule allows it`)})
		audit.expect(t, "operation=request", "name=yours")
		a.send(&wire.Publish{Topic: b("yours"), Event: b("e")})
		synctest.Wait()
		audit.expect(t, "operation=publish")
		a.send(&wire.Broadcast{Cluster: b("yours"), Message: b("m")})
		synctest.Wait()
		audit.expect(t, "operation=broadcast")
		a.send(&wire.Subscribe{Topic: b("yours")})
		synctest.Wait()
		audit.expect(t, "operation=subscribe")
		a.send(&wire.TunInit{ID: 5, Cluster: b("yours"), Timeout: 1000})
		a.expect(&wire.TunResult{ID: 5, TimedOut: true})
		audit.expect(t, "operation=tunnel")
		a.member.expect(t)

		s := n.relay.Stats()
		if s.Denied != 1 || s.RequestsForbidden != 1 || s.EventsForbidden != 1 || s.BroadcastsForbidden != 1 ||
			s.SubscriptionsForbidden != 1 || s.TunnelsForbidden != 1 {
			t.Errorf("got %+v, want one of each", s)
		}
	})
}

func TestTheOptionToFailFastIsForThoseWhoMayRequest(t *testing.T) {
	config, _ := guarded(t, "deny user:7 request *\nallow group:71 request *\nallow * publish *\n")
	option := &wire.Reply{ID: wire.OptionID, OK: true, Body: b(wire.OptionFailFast)}
	inBubble(t, config, func(t *testing.T, n *node) {
		a := n.attach("")
		a.send(option)
		a.member.expect(t)
	})
	config, _ = guarded(t, "allow user:7 request x\n")
	inBubble(t, config, func(t *testing.T, n *node) {
		a := n.attach("")
		a.send(option)
		a.member.expect(t, "fail fast")
	})
}

func TestWhoIsNotKnownIsNotAdmitted(t *testing.T) {
	for _, c := range []struct {
		name, rules string
		err         error
		admitted    bool
	}{
		{"closed", "allow user:7 * *", peercred.ErrGone, false},
		{"closed, and no user matters", "allow * * *", peercred.ErrGone, false},
		{"unknown", "deny user:7 request *\nallow * * *", peercred.ErrUnknown, false},
		{"unknown, and no user matters", "allow * * *", peercred.ErrUnknown, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			config, _ := guarded(t, c.rules)
			config.Identify = func(net.Conn) (peercred.Peer, error) { return peercred.Peer{}, c.err }
			inBubble(t, config, func(t *testing.T, n *node) {
				a := n.dial()
				a.send(hello(""))
				switch m := a.read().(type) {
				case *wire.Accept:
					if !c.admitted {
						t.Error("it was admitted")
					}
				case *wire.Deny:
					if c.admitted || !strings.Contains(string(m.Reason), "has to know who attaches") {
						t.Errorf("it was denied: %s", m.Reason)
					}
				}
			})
		})
	}
	t.Run("groups cannot be told", func(t *testing.T) {
		config, _ := guarded(t, "deny group:70 request *\nallow * * *")
		config.Groups = func(uint32) ([]uint32, error) { return nil, errors.New("no answer") }
		inBubble(t, config, func(t *testing.T, n *node) {
			a := n.dial()
			a.send(hello(""))
			if m, ok := a.read().(*wire.Deny); !ok || !strings.Contains(string(m.Reason), "no answer") {
				t.Errorf("got %v, want a denial", m)
			}
		})
	})
}

func TestANewPolicyIsAppliedToWhatApplicationsHave(t *testing.T) {
	config, audit := guarded(t, "allow user:7 * *\n")
	inBubble(t, config, func(t *testing.T, n *node) {
		stays, goes := n.attach("stays"), n.attach("goes")
		stays.member.onTunnel = n.mesh.tunnelTo(goes.member)
		stays.send(&wire.Subscribe{Topic: b("kept")}, &wire.Subscribe{Topic: b("lost")},
			&wire.TunInit{ID: 1, Cluster: b("goes"), Timeout: 1000})
		goes.expect(&wire.TunOffer{ChunkLimit: chunkLimit})
		goes.send(&wire.TunConfirm{ID: 4})
		stays.expect(&wire.TunResult{ID: 1, ChunkLimit: chunkLimit}, &wire.TunAllow{ID: 1, Bytes: window})
		stays.send(&wire.Publish{Topic: b("lost"), Event: b("before")}) // a verdict that is remembered
		stays.member.expect(t, "subscribe kept", "subscribe lost", "publish lost: before")
		goes.expect(&wire.TunAllow{ID: 4, Bytes: window})

		if err := n.relay.SetPolicy(rules(t, "allow user:7 * stays,kept\n")); err != nil {
			t.Fatal(err)
		}
		stays.expect(&wire.TunClosed{ID: 1, Reason: b("forbidden by a new policy")})
		stays.member.expect(t, "unsubscribe lost")
		audit.expect(t, "lost its connection by a new policy", "app=app-2")
		for { // its tunnel may be closed first
			if _, err := goes.reader.Read(); err != nil {
				break
			}
		}
		back := n.dial()
		back.send(hello("goes"))
		if m, ok := back.read().(*wire.Deny); !ok || !strings.Contains(string(m.Reason), "no rule allows it") {
			t.Errorf("who comes back got %v, want a denial", m)
		}
		stays.send(&wire.Publish{Topic: b("lost"), Event: b("e")}, &wire.Publish{Topic: b("kept"), Event: b("e")})
		stays.member.expect(t, "publish kept: e")
		if s := n.relay.Stats(); s.Expelled != 1 || s.TunnelsForbidden != 1 || s.SubscriptionsForbidden != 1 || s.EventsForbidden != 1 {
			t.Errorf("got %+v, want one of each", s)
		}
	})
}

func TestTheFirstPolicyEndsAllConnections(t *testing.T) {
	config, _ := guarded(t, "allow * * *\n")
	first := config.Policy
	config.Policy = nil
	inBubble(t, config, func(t *testing.T, n *node) {
		a := n.attach("x")
		if err := n.relay.SetPolicy(first); err != nil {
			t.Fatal(err)
		}
		a.expectEnd()
		n.attach("x").expectAlive()
	})
}

func TestLimitsOfARuleAreForEachUser(t *testing.T) {
	config, audit := guarded(t, "allow * register,subscribe,tunnel * most=1\nallow * request * rate=2\n")
	var mu sync.Mutex
	uid := uint32(7)
	config.Identify = func(net.Conn) (peercred.Peer, error) {
		mu.Lock()
		defer mu.Unlock()
		return peercred.Peer{UID: uid}, nil
	}
	inBubble(t, config, func(t *testing.T, n *node) {
		a := n.attach("svc")
		second := n.dial()
		second.send(hello("svc"))
		if m, ok := second.read().(*wire.Deny); !ok || !strings.Contains(string(m.Reason), "over the limit of the policy's line 1") {
			t.Errorf("a second registration got %v, want a denial", m)
		}
		audit.expect(t, "over a limit", "operation=register")
		mu.Lock()
		uid = 8
		mu.Unlock()
		n.attach("svc").expectNothing() // of another user

		// Who leaves makes room, though it stays attached.
		mu.Lock()
		uid = 7
		mu.Unlock()
		a.send(&wire.TunConfirm{BuildID: wire.BuildLeave, ID: 3})
		a.expect(&wire.TunClosed{ID: 3})
		c := n.attach("svc")
		c.member.expect(t)

		ask := func(id uint64) *wire.Request {
			return &wire.Request{ID: id, Cluster: b("x"), Body: b("y"), Timeout: 5000}
		}
		c.send(ask(1), ask(2), ask(3))
		if m, ok := c.read().(*wire.Result); !ok || m.ID != 3 || m.OK || !strings.Contains(string(m.Body), "line 2") {
			t.Errorf("the third request got %v, want a fault", m)
		}
		time.Sleep(time.Second)
		c.send(ask(4))
		c.member.expect(t, "request 1 to x: y, within 5s", "request 2 to x: y, within 5s", "request 4 to x: y, within 5s")
	})
}

func TestAuditLinesAreBounded(t *testing.T) {
	config, audit := guarded(t, "deny * * *\n")
	inBubble(t, config, func(t *testing.T, n *node) {
		a := n.attach("")
		for range 1000 {
			a.send(&wire.Publish{Topic: b("x"), Event: b("e")})
		}
		synctest.Wait()
		audit.mu.Lock()
		if len(audit.lines) != 10 {
			t.Errorf("%d lines for 1,000 events, want 10", len(audit.lines))
		}
		audit.lines = nil
		audit.mu.Unlock()
		time.Sleep(time.Second)
		a.send(&wire.Publish{Topic: b("x"), Event: b("e")})
		synctest.Wait()
		audit.expect(t, "missed=990")
		if got := n.relay.Stats().EventsForbidden; got != 1001 {
			t.Errorf("%d events were counted, want 1001", got)
		}
	})
}

// Names that an application makes up are not remembered without bound, and judged all the same.
func TestManyNamesAreJudged(t *testing.T) {
	config, _ := guarded(t, "deny * publish *7\nallow * * *\n")
	inBubble(t, config, func(t *testing.T, n *node) {
		a := n.attach("")
		published := 0
		a.member.onPublish = func(topic, _ []byte) {
			published++
			if bytes.HasSuffix(topic, b("7")) {
				t.Errorf("%s was published", topic)
			}
		}
		for i := range 3000 {
			a.send(&wire.Publish{Topic: fmt.Appendf(nil, "t%d", i)})
		}
		synctest.Wait()
		if published != 2700 {
			t.Errorf("%d were published, want 2700", published)
		}
	})
}

// A socket at which somebody listens is left alone, and one that was left behind is replaced.
func TestListenOnAUnixSocket(t *testing.T) {
	path := t.TempDir() + "/socket"
	l, err := relay.ListenUnix(relay.Socket{Path: path, Mode: 0o660})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := relay.ListenUnix(relay.Socket{Path: path}); err == nil || !strings.Contains(err.Error(), "is taken") {
		t.Errorf("a second listener: %v", err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	l, err = relay.ListenUnix(relay.Socket{Path: path})
	if err != nil {
		t.Fatalf("what was left behind is not replaced: %v", err)
	}
	r := relay.New(relay.Config{Mesh: &fakeMesh{}, Policy: rules(t, "allow * * *")})
	served := make(chan error, 1)
	go func() { served <- r.Serve(l) }()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	a := newApplication(t, conn)
	a.send(hello(""))
	a.expect(&wire.Accept{Version: b(wire.Version)})
	r.Close(context.Background())
	if err := <-served; err != nil {
		t.Error(err)
	}
}
