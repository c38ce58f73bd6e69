package overlay

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay/directory"
	"github.com/project-iris/iris/transport/mem"
)

// Rule 10: a request to a cluster that nobody serves waits, and a member that joins
// before the deadline gets it.
func TestARequestWaitsForAMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := New(Config{})
		caller := attach(t, o, "")
		caller.ask(1, "late", "hello", time.Minute)
		time.Sleep(59 * time.Second)
		var left time.Duration
		service := attach(t, o, "late", func(a *app) {
			a.serve = func(_ uint64, _ []byte, timeout time.Duration) error {
				left = timeout
				return nil
			}
		})
		service.saw("request hello")
		if left != time.Second {
			t.Errorf("%v were left, want 1s", left)
		}
		service.answer(0, true, "here I am")
		caller.saw("1: reply here I am")
		checkIdle(t, o)
		o.Close()
		checkEmpty(t, o)
	})
}

// Rule 10: otherwise it times out, at the deadline.
func TestARequestWaitsInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := New(Config{})
		defer o.Close()
		caller, other := attach(t, o, ""), attach(t, o, "")
		caller.ask(1, "nobody", "hello", time.Minute)
		other.ask(2, "nobody", "hello", time.Minute)
		time.Sleep(time.Minute - 1)
		synctest.Wait()
		caller.saw()
		other.saw()
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		caller.saw("1: timed out")
		other.saw("2: timed out")
		checkIdle(t, o)
		if n := o.lookup.Stats().Clusters; n != 0 {
			t.Errorf("%d clusters are remembered", n)
		}
		attach(t, o, "nobody").saw() // the requests are gone
	})
}

// The empty name is legal in a request (Rule 14), and nobody serves it: plain
// clients never get a request (Rule 11).
func TestNobodyServesTheEmptyCluster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := New(Config{})
		defer o.Close()
		caller, plain := attach(t, o, ""), attach(t, o, "")
		caller.ask(1, "", "hello", time.Second)
		plain2 := attach(t, o, "")
		time.Sleep(time.Second)
		synctest.Wait()
		caller.saw("1: timed out")
		plain.saw()
		plain2.saw()
		checkIdle(t, o)
	})
}

func TestHeldRequestsAreHandedOverInOrder(t *testing.T) {
	o := New(Config{})
	defer o.Close()
	callers := []*app{attach(t, o, ""), attach(t, o, ""), attach(t, o, "")}
	var want []string
	for i := range 12 {
		text := fmt.Sprint("nr ", i)
		callers[i*7%3].ask(uint64(i), "late", text, time.Minute-time.Duration(i)*time.Second)
		want = append(want, "request "+text)
	}
	callers[0].ask(99, "other", "not this one", time.Minute)
	service := attach(t, o, "late")
	service.saw(want...)
	attach(t, o, "late").saw()
}

func TestHeldRequestsGoToTheNextWhenTheFirstRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := New(Config{})
		defer o.Close()
		caller := attach(t, o, "")
		caller.ask(1, "late", "hello", time.Minute)
		attach(t, o, "late", refusing)
		caller.saw()
		attach(t, o, "late", echoingLater)
		synctest.Wait()
		caller.saw("1: reply hello")
		checkIdle(t, o)
	})
}

func TestAHeldRequestIsACopy(t *testing.T) {
	o := New(Config{})
	defer o.Close()
	caller := attach(t, o, "")
	name, body := []byte("late"), []byte("hello")
	caller.Request(1, name, body, time.Minute)
	copy(name, "XXXX")
	copy(body, "XXXXX")
	attach(t, o, "late").saw("request hello")
}

// holds returns how many requests and bytes are held for an application.
func (a *app) holds() (requests, bytes int) {
	u := a.Usage()
	return u.Held, u.HeldSize
}

// What a caller may have waiting is bounded in bytes, of bodies and names, and
// each way in which a request stops waiting gives its bytes back.
func TestHeldBytesAreBoundedAndGivenBack(t *testing.T) {
	const limit = 100
	full := strings.Repeat("x", limit-len("late"))
	ways := map[string]func(t *testing.T, o *Overlay){
		"the deadline":   func(*testing.T, *Overlay) { time.Sleep(time.Minute) },
		"a member joins": func(t *testing.T, o *Overlay) { attach(t, o, "late") },
		"a member joins and refuses, and another one takes it": func(t *testing.T, o *Overlay) {
			attach(t, o, "late", refusing)
			attach(t, o, "late")
		},
		"a member joins and refuses, until the deadline": func(t *testing.T, o *Overlay) {
			attach(t, o, "late", refusing)
			time.Sleep(time.Minute)
		},
		"the node drains": func(t *testing.T, o *Overlay) {
			if err := o.Drain(t.Context()); err != nil {
				t.Error(err)
			}
		},
	}
	for name, end := range ways {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := New(Config{HeldBytes: limit})
				defer o.Close()
				caller, other := attach(t, o, ""), attach(t, o, "")
				caller.ask(1, "late", full, time.Minute)
				caller.saw()
				caller.ask(2, "late", "", time.Minute) // the name counts
				caller.saw("2: fault overloaded")
				caller.ask(3, strings.Repeat("n", limit), "", time.Minute)
				caller.saw("3: fault overloaded")
				other.ask(1, "late", full, time.Minute) // has an account of its own
				other.saw()

				end(t, o)
				synctest.Wait()
				if n, bytes := caller.holds(); n != 0 || bytes != 0 {
					t.Errorf("%d requests and %d bytes are held", n, bytes)
				}
			})
		})
	}
}

func TestACallerThatClosesTakesItsHeldRequestsAlong(t *testing.T) {
	o := New(Config{})
	defer o.Close()
	caller, other := attach(t, o, ""), attach(t, o, "")
	caller.ask(1, "late", "mine", time.Minute)
	other.ask(1, "late", "other", time.Minute)
	caller.ask(2, "later", "mine", time.Minute)
	caller.Close()
	if n, bytes := caller.holds(); n != 0 || bytes != 0 {
		t.Errorf("%d requests and %d bytes are held", n, bytes)
	}
	attach(t, o, "late").saw("request other")
	attach(t, o, "later").saw()
	caller.saw()
}

// A request that is sent while its caller is closed is not held for ever.
func TestNothingIsHeldForACallerThatIsClosedMeanwhile(t *testing.T) {
	o := New(Config{})
	for range 200 {
		caller := attach(t, o, "")
		for i := range 50 {
			caller.Subscribe([]byte{byte(i)}) // Close takes a while
		}
		var senders sync.WaitGroup
		for range 3 {
			senders.Go(func() {
				for id := range uint64(100) {
					caller.ask(id, "nobody", "hello", time.Hour)
				}
			})
		}
		runtime.Gosched()
		caller.Close()
		senders.Wait()
	}
	checkEmpty(t, o)
}

// Deadlines, joins and new requests at the same moment lose no request, and
// answer none twice.
func TestHeldRequestsAtTheirDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 100 {
			o := New(Config{})
			callers := []*app{attach(t, o, ""), attach(t, o, "")}
			var group sync.WaitGroup
			for _, c := range callers {
				group.Go(func() {
					for id := range uint64(10) {
						c.ask(id, "late", "hello", time.Second)
						time.Sleep(100 * time.Millisecond)
					}
				})
			}
			for range 5 {
				time.Sleep(time.Second)
				s := attach(t, o, "late")
				time.Sleep(50 * time.Millisecond)
				s.Close()
			}
			group.Wait()
			time.Sleep(time.Second)
			synctest.Wait()
			for _, c := range callers {
				if len(c.seen) != 10 {
					t.Fatalf("10 requests got %d answers: %q", len(c.seen), c.seen)
				}
			}
			checkIdle(t, o)
			o.Close()
			checkEmpty(t, o)
		}
	})
}

// A node may say for ever that it serves a cluster, and refuse each request: they are
// sent there less and less, and a real member gets them at once.
func TestAFalseClaimIsTriedLessAndLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, mem.Path{Delay: time.Millisecond})
		liar := w.nodes[1]
		liar.lookup.Step(directory.Register{Name: directory.NewHasher([32]byte{}).Cluster([]byte("service"))})
		time.Sleep(100 * time.Millisecond)
		caller := attach(t, w.nodes[0], "")
		body := strings.Repeat("x", 1<<20)
		caller.ask(1, "service", body, time.Minute)
		time.Sleep(10 * time.Second)
		if sent := w.queued(0, 1); sent > 9<<20 {
			t.Errorf("%d bytes were sent in ten seconds for a request of %d", sent, len(body))
		}
		attach(t, w.nodes[2], "service", echoingLater)
		time.Sleep(200 * time.Millisecond)
		caller.saw("1: reply " + body)
	})
}

// Nodes that say they serve a cluster and do not are no reason to give a request up, however
// many they are: it waits for a member.
func TestARequestThatThreeNodesRefuseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5, mem.Path{Delay: time.Millisecond})
		for _, liar := range w.nodes[1:4] {
			liar.lookup.Step(directory.Register{Name: directory.NewHasher([32]byte{}).Cluster([]byte("service"))})
		}
		time.Sleep(100 * time.Millisecond)
		caller := attach(t, w.nodes[0], "")
		caller.ask(1, "service", "hello", time.Minute)
		time.Sleep(10 * time.Second)
		caller.saw()
		attach(t, w.nodes[4], "service", echoingLater)
		time.Sleep(30 * time.Second) // each try may meet the three before the fourth
		caller.saw("1: reply hello")
	})
}

// A request that three other nodes refuse goes to a member of its own node that has room,
// however slow that is.
func TestARequestThatThreeNodesRefuseStaysHere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4, mem.Path{Delay: time.Millisecond})
		caller := attach(t, w.nodes[0], "")
		attach(t, w.nodes[0], "service", func(a *app) {
			a.serve = func(id uint64, body []byte, _ time.Duration) error {
				reply := slices.Clone(body)
				time.AfterFunc(50*time.Millisecond, func() { a.Reply(id, true, reply) })
				return nil
			}
		})
		caller.ask(1, "service", "first", time.Minute) // so that it is known to be slow
		time.Sleep(time.Second)
		for _, o := range w.nodes[1:] {
			attach(t, o, "service", refusing)
		}
		time.Sleep(100 * time.Millisecond)
		caller.ask(2, "service", "second", time.Minute)
		time.Sleep(time.Second)
		caller.saw("1: reply first", "2: reply second")
	})
}

// queued returns how many bytes a node has sent to another in its lanes.
func (w *world) queued(from, to int) (bytes uint64) {
	r := w.nodes[from].links.Get(w.ends[to].ID())
	bytes, _ = r.Queued()
	return bytes
}
