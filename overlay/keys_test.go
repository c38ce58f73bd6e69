package overlay

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/logtest"
	"github.com/project-iris/iris/transport/mem"
)

// keyring has the network keys of nodes that transports in memory know nothing of, the one by
// which each proves itself first.
type keyring struct {
	mu   sync.Mutex
	keys map[transport.PeerID][]string
	late transport.PeerID          // a node whose handshakes take what others show
	mute map[transport.PeerID]bool // nodes of a version that shows no certificate when it is asked
}

func newKeyring() *keyring {
	return &keyring{keys: make(map[transport.PeerID][]string), mute: make(map[transport.PeerID]bool)}
}

// set replaces the keys of a node, and returns what they make.
func (k *keyring) set(id transport.PeerID, keys ...string) (secrets [][sha256.Size]byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys[id] = keys
	for _, key := range keys {
		secrets = append(secrets, sha256.Sum256([]byte(key)))
	}
	return secrets
}

// shows returns by which key a node proves itself.
func (k *keyring) shows(id transport.PeerID) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.keys[id][0]
}

func (k *keyring) accepts(id transport.PeerID, key string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Contains(k.keys[id], key)
}

// nodeKeys are the keys of one node.
type nodeKeys struct {
	ring *keyring
	self transport.PeerID
}

func (k *nodeKeys) Accepts(key string) bool { return k.ring.accepts(k.self, key) }

func (k *nodeKeys) Leaf() ([]byte, error) {
	if k.ring.mute[k.self] {
		return nil, nil
	}
	return []byte(k.self.String() + " " + k.ring.shows(k.self)), nil
}

func (k *nodeKeys) VerifyLeaf(id transport.PeerID, leaf []byte) (string, error) {
	key, mine := strings.CutPrefix(string(leaf), id.String()+" ")
	if !mine || !k.Accepts(key) {
		return "", errors.New("another key")
	}
	return key, nil
}

// keyedTransport is a transport that lets those in alone who show a key that is accepted.
type keyedTransport struct {
	*mem.Transport
	keys *nodeKeys
}

func (t keyedTransport) Dial(ctx context.Context, addr string, want transport.PeerID) (transport.Link, error) {
	l, err := t.Transport.Dial(ctx, addr, want)
	if err != nil {
		return nil, err
	}
	return t.keys.admit(l)
}

// admit lets in the node at the other end of a link, if each of the two accepts what the other one shows.
func (k *nodeKeys) admit(l transport.Link) (transport.Link, error) {
	key := k.ring.shows(l.Peer())
	if k.ring.late != k.self && !k.Accepts(key) || !k.ring.accepts(l.Peer(), k.ring.shows(k.self)) {
		_ = l.Close(&transport.ClosedError{Code: transport.CodeRefused})
		return nil, &transport.RefusedError{Err: errors.New("another key")}
	}
	return keyedLink{l, key}, nil
}

type keyedListener struct {
	transport.Listener
	keys *nodeKeys
}

func (l keyedListener) Accept(ctx context.Context) (transport.Link, error) {
	for {
		link, err := l.Listener.Accept(ctx)
		if err != nil {
			return nil, err
		}
		if link, err = l.keys.admit(link); err == nil {
			return link, nil
		}
	}
}

// keyedLink is a link that was made by a key.
type keyedLink struct {
	transport.Link
	key string
}

func (l keyedLink) NetworkKey() string { return l.key }

// newKeyedWorld starts nodes that have the key "old".
func newKeyedWorld(t *testing.T, n int, log *logtest.Journal) *world {
	t.Helper()
	w := &world{t: t, keys: newKeyring(), linkIdle: time.Hour, net: mem.NewNetwork(mem.Config{Versions: Versions(), Path: mem.Path{Delay: time.Millisecond}})}
	if log != nil {
		w.log = log
	}
	t.Cleanup(w.close)
	for range n {
		w.start()
	}
	w.settle()
	return w
}

// rekey replaces the keys of a node.
func (w *world) rekey(i int, keys ...string) {
	w.t.Helper()
	secrets := w.keys.set(w.ends[i].ID(), keys...)
	if err := w.nodes[i].SetSecrets(secrets, secrets); err != nil {
		w.t.Error(err)
	}
}

// Nodes whose key is replaced in three steps keep the links that they use, though all of them were made by the
// old key, and what goes over them: a request that takes longer than a link without a key may
// last, and others. To accept another key beside the own one ends nothing either.
func TestARotationEndsNoLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newKeyedWorld(t, 4, nil)
		attach(t, w.nodes[1], "echo", echoing)
		attach(t, w.nodes[3], "slow", func(a *app) {
			a.serve = func(id uint64, body []byte, _ time.Duration) error {
				time.AfterFunc(2*time.Minute, func() { a.Reply(id, true, []byte("done")) })
				return nil
			}
		})
		caller := attach(t, w.nodes[0], "")
		caller.ask(1, "slow", "?", 5*time.Minute)
		time.Sleep(time.Second)
		before := []transport.Link{w.link(0, 1), w.link(1, 0), w.link(0, 3), w.link(3, 0)}
		sent := 0
		for _, keys := range [][]string{{"old", "new"}, {"new", "old"}, {"new"}} {
			for i := range w.nodes {
				w.rekey(i, keys...)
				for range 20 {
					caller.ask(2, "echo", "?", time.Second)
					sent++
					time.Sleep(50 * time.Millisecond)
				}
			}
			time.Sleep(15 * time.Second)
		}
		time.Sleep(2 * time.Minute)
		caller.saw(append(slices.Repeat([]string{"2: reply ?"}, sent), "1: reply done")...)
		for _, p := range before {
			if cause := context.Cause(p.Context()); cause != nil {
				t.Errorf("a link to %s has ended: %v", p.Peer().Short(), cause)
			}
		}
		for i, o := range w.nodes {
			if s := o.Stats(); s.LinksDisowned != 0 || s.LinkLost != 0 || s.AsksRefused != 0 {
				t.Errorf("node %d: %+v", i, s)
			}
			if left := o.net.Outdated(); len(left) != 0 {
				t.Errorf("node %d takes the links of %v for those of the old key", i, left)
			}
		}
	})
}

// A node that keeps the old key, and lets in the new one, is a member until others drop the old
// one: then its links to them end within ten seconds, also one that is in use or whose node says
// nothing at all, and it makes none again. What is under way is answered first if that takes a few
// seconds, and nothing new is sent there.
func TestWhoKeepsTheOldKeyIsCutOff(t *testing.T) {
	for _, row := range []struct {
		name string
		mute bool          // it does not answer questions
		hold time.Duration // how long requests are under way, both ways
		want string
	}{
		{"it answers", false, 7 * time.Second, "reply done"},
		{"it is slow", false, time.Minute, "fault " + FaultMemberLost},
		{"it shows nothing", true, 7 * time.Second, "reply done"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log logtest.Journal
				w := newKeyedWorld(t, 3, &log)
				out := 2
				w.keys.mute[w.ends[out].ID()] = row.mute
				slow := func(a *app) {
					a.serve = func(id uint64, _ []byte, _ time.Duration) error {
						time.AfterFunc(row.hold, func() { a.Reply(id, true, []byte("done")) })
						return nil
					}
				}
				attach(t, w.nodes[out], "work", slow)
				attach(t, w.nodes[1], "other work", slow)
				attach(t, w.nodes[1], "echo", echoing)
				caller, inside := attach(t, w.nodes[0], ""), attach(t, w.nodes[out], "")
				for _, keys := range [][]string{{"old", "new"}, {"new", "old"}} {
					for i := range w.nodes {
						if i != out {
							w.rekey(i, keys...)
						}
					}
					w.rekey(out, "old", "new")
				}
				time.Sleep(time.Minute)
				inside.ask(1, "echo", "still here", time.Second)
				caller.ask(1, "work", "?", 5*time.Minute)
				time.Sleep(time.Second)
				inside.saw("1: reply still here")
				inside.ask(3, "other work", "?", 5*time.Minute)
				for i := range out {
					w.rekey(i, "new")
				}
				for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
					caller.ask(2, "echo", "?", time.Second) // the others go on
				}
				for i := range out {
					if w.nodes[i].links.Get(w.ends[out].ID()) != nil || w.nodes[i].Stats().LinksDisowned == 0 {
						t.Errorf("node %d has the link: %+v", i, w.nodes[i].Stats())
					}
				}
				time.Sleep(time.Second)
				inside.saw("3: " + row.want)
				caller.mu.Lock()
				answers := slices.Compact(slices.Sorted(slices.Values(caller.seen)))
				count := len(caller.seen)
				caller.mu.Unlock()
				if !slices.Equal(answers, []string{"1: " + row.want, "2: reply ?"}) || count != 101 {
					t.Errorf("%d answers: %q", count, answers)
				}
				for range 60 {
					time.Sleep(5 * time.Second)
					inside.ask(2, "echo", "let me in", time.Second)
					if len(w.nodes[out].links.All()) != 0 {
						t.Fatal("it has made a link again")
					}
				}
				time.Sleep(2 * time.Second)
				inside.saw(slices.Repeat([]string{"2: timed out"}, 60)...)
				if !strings.Contains(log.String(), "node is cut off") || !strings.Contains(log.String(), "key=old links=1") {
					t.Error("the log does not say who was cut off")
				}
			})
		})
	}
}

// Nodes that show no certificate when they are asked, as those of an older version, make their links
// anew by the new key when the old one is dropped: in good order, so that nothing is lost.
func TestARotationOfOlderNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newKeyedWorld(t, 3, nil)
		for _, end := range w.ends {
			w.keys.mute[end.ID()] = true
		}
		var there []*app
		for i, o := range w.nodes {
			if i > 0 {
				there = append(there, attach(t, o, "echo", echoing))
				there[len(there)-1].subscribe("news")
			}
		}
		caller := attach(t, w.nodes[0], "")
		caller.ask(2, "echo", "?", time.Second)
		time.Sleep(time.Second)
		sent, old := 1, []transport.Link{w.link(0, 1), w.link(0, 2)}
		for _, keys := range [][]string{{"old", "new"}, {"new", "old"}, {"new"}} {
			for i := range w.nodes {
				w.rekey(i, keys...)
				for range 300 {
					caller.ask(2, "echo", "?", 5*time.Second)
					caller.publish("news", "event")
					sent++
					time.Sleep(50 * time.Millisecond)
				}
			}
		}
		time.Sleep(15 * time.Second)
		caller.saw(slices.Repeat([]string{"2: reply ?"}, sent)...)
		for _, a := range there {
			a.mu.Lock()
			events := 0
			for _, seen := range a.seen {
				if seen == "event news: event" {
					events++
				}
			}
			if events != sent-1 {
				t.Errorf("%d events came, of %d", events, sent-1)
			}
			a.mu.Unlock()
		}
		for _, l := range old {
			if l.Context().Err() == nil {
				t.Errorf("the link to %s has not ended", l.Peer().Short())
			}
		}
	})
}

// A link that was made just before the key was dropped, and is taken into use afterwards, is not.
func TestALinkThatIsLateForItsKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newKeyedWorld(t, 2, nil)
		w.rekey(0, "new", "old")
		w.rekey(1, "old", "new")
		late := w.net.Node(transport.PeerID{1})
		w.keys.set(late.ID(), "old", "new")
		w.keys.late = w.ends[0].ID() // its handshakes know the old key still
		w.rekey(0, "new")
		time.Sleep(15 * time.Second)
		before := w.nodes[0].Stats().LinksDisowned
		link, err := late.Dial(t.Context(), "mem://0", w.ends[0].ID())
		if err == nil {
			<-link.Context().Done()
			err = context.Cause(link.Context())
		}
		if closed, ok := errors.AsType[*transport.ClosedError](err); !ok || closed.Reason != peers.ErrKeyDropped.Reason {
			t.Errorf("the link has ended: %v", err)
		}
		if got := w.nodes[0].Stats().LinksDisowned; got <= before {
			t.Errorf("%d links were counted", got)
		}
		_ = late.Close()
	})
}

// A node that has been asked too much still shows its certificate: all others may ask at once.
func TestTheCertificateIsShownInAnyCase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newKeyedWorld(t, 2, nil)
		w.nodes[1].net.answers = func(string) []byte { return []byte("well") }
		answered := func(question string) (count int) {
			for range 100 {
				if _, err := w.nodes[0].Ask(t.Context(), w.ends[1].ID(), question, 100); err == nil {
					count++
				}
			}
			return count
		}
		if got := answered("how are you?"); got < asksPerSecond || got > 2*asksPerSecond {
			t.Errorf("%d questions were answered, of 100", got)
		}
		if got := answered(askLeaf); got != 100 {
			t.Errorf("the certificate was shown %d times, of 100", got)
		}
	})
}
