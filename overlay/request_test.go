package overlay

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay/names"
)

var errRefused = errors.New("refused by the test")

// answerRows say what a service does with a request that has a second, and what
// its caller sees of it. A minute passes after each.
var answerRows = []struct {
	name    string
	serve   func(service *app, id uint64) error // while it is handed over
	then    func(caller, service *app)          // afterwards
	outcome []string
}{
	{name: "it replies", then: func(_, s *app) { s.answer(0, true, "yes") }, outcome: []string{"7: reply yes"}},
	{name: "it faults", then: func(_, s *app) { s.answer(0, false, "no") }, outcome: []string{"7: fault no"}},
	{name: "its reply is empty: Rule 7", then: func(_, s *app) { s.answer(0, true, "") }, outcome: []string{"7: reply "}},
	{name: "its fault is empty: Rule 7", then: func(_, s *app) { s.answer(0, false, "") }, outcome: []string{"7: fault "}},
	{name: "it replies at once", serve: func(s *app, id uint64) error {
		s.Reply(id, true, []byte("yes"))
		return nil
	}, outcome: []string{"7: reply yes"}},
	{name: "it replies, and then refuses", serve: func(s *app, id uint64) error {
		s.Reply(id, true, []byte("yes"))
		return errRefused
	}, outcome: []string{"7: reply yes"}},
	{name: "it refuses", serve: func(*app, uint64) error { return errRefused }, outcome: []string{"7: timed out"}},
	{name: "it refuses after the deadline", serve: func(*app, uint64) error {
		time.Sleep(2 * time.Second)
		return errRefused
	}, outcome: []string{"7: timed out"}},
	{name: "it replies twice: Rule 8", then: func(_, s *app) {
		s.answer(0, true, "yes")
		s.answer(0, true, "yes, yes")
	}, outcome: []string{"7: reply yes"}},
	{name: "it faults after its reply: Rule 8", then: func(_, s *app) {
		s.answer(0, true, "yes")
		s.answer(0, false, "no")
	}, outcome: []string{"7: reply yes"}},
	{name: "it replies late: Rule 8", then: func(_, s *app) {
		time.Sleep(time.Second + 1)
		s.answer(0, true, "late")
	}, outcome: []string{"7: timed out"}},
	{name: "it never replies: Rule 8", outcome: []string{"7: timed out"}},
	{name: "it replies to an id that it was never given: Rule 8", then: func(_, s *app) {
		s.Reply(s.request(0)+1, true, []byte("what?"))
		s.Reply(math.MaxUint64, false, []byte("what?"))
	}, outcome: []string{"7: timed out"}},
	{name: "the caller replies with the service's id: Rule 9", then: func(c, s *app) {
		c.Reply(s.request(0), true, []byte("not mine"))
	}, outcome: []string{"7: timed out"}},
	{name: "it is closed", then: func(_, s *app) { s.Close() }, outcome: []string{"7: fault member lost"}},
	{name: "it is closed, and then replies", then: func(_, s *app) {
		s.Close()
		s.answer(0, true, "yes")
	}, outcome: []string{"7: fault member lost"}},
	{name: "it is closed after its reply", then: func(_, s *app) {
		s.answer(0, true, "yes")
		s.Close()
	}, outcome: []string{"7: reply yes"}},
	{name: "it is closed after the deadline", then: func(_, s *app) {
		time.Sleep(time.Second + 1)
		s.Close()
	}, outcome: []string{"7: timed out"}},
	{name: "it is closed while it refuses", serve: func(s *app, _ uint64) error {
		s.Close()
		return errRefused
	}, outcome: []string{"7: fault member lost"}},
	{name: "it leaves, and then replies: Rule 27", then: func(_, s *app) {
		s.Withdraw()
		s.answer(0, true, "yes")
	}, outcome: []string{"7: reply yes"}},
	{name: "it leaves, and never replies", then: func(_, s *app) { s.Withdraw() }, outcome: []string{"7: timed out"}},
	{name: "the caller closes: Rule 27", then: func(c, s *app) {
		c.Close()
		s.answer(0, true, "too late")
	}},
	{name: "the caller closes, and nobody replies", then: func(c, _ *app) { c.Close() }},
}

// Rule 5: exactly one answer for every request, by its deadline, whatever happens.
func TestEveryRequestGetsExactlyOneAnswer(t *testing.T) {
	for _, row := range answerRows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := New(Config{})
				caller := attach(t, o, "")
				service := attach(t, o, "service", func(a *app) {
					if row.serve != nil {
						a.serve = func(id uint64, _ []byte, _ time.Duration) error { return row.serve(a, id) }
					}
				})
				caller.ask(7, "service", "", time.Second)
				if row.then != nil {
					row.then(caller, service)
				}
				time.Sleep(time.Minute)
				caller.saw(row.outcome...)
				service.saw("request ")
				checkIdle(t, o)
				o.Close()
				checkEmpty(t, o)
			})
		})
	}
}

// Rule 5: by its deadline.
func TestTheAnswerComesAtTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := New(Config{})
		defer o.Close()
		caller := attach(t, o, "")
		attach(t, o, "silent")
		caller.waitsInVain("silent")
		checkIdle(t, o)
	})
}

// waitsInVain asks a cluster that does not answer, with different deadlines, and checks
// that each passes when it should.
func (a *app) waitsInVain(cluster string) {
	a.t.Helper()
	// The later deadlines first: each next one sets the timer back.
	for i := 9; i >= 0; i-- {
		a.ask(uint64(i), cluster, "", time.Duration(i+1)*time.Second)
	}
	for i := range 10 {
		time.Sleep(time.Second - 1)
		synctest.Wait()
		a.saw()
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		a.saw(strconv.Itoa(i) + ": timed out")
	}
}

// Rule 6: timeout 0 is answered at once.
func TestATimeoutOfZeroEndsAtOnce(t *testing.T) {
	o := New(Config{})
	defer o.Close()
	caller := attach(t, o, "")
	service := attach(t, o, "service", echoing)
	for _, timeout := range []time.Duration{0, -1, math.MinInt64} {
		caller.ask(3, "service", "", timeout)
		caller.ask(4, "nobody", "", timeout)
		caller.saw("3: timed out", "4: timed out")
	}
	service.saw()
	checkIdle(t, o)
}

// Rule 6: huge timeouts work, among others.
func TestHugeTimeoutsWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := New(Config{})
		caller := attach(t, o, "")
		var given time.Duration
		service := attach(t, o, "service", func(a *app) {
			a.serve = func(_ uint64, body []byte, timeout time.Duration) error {
				if string(body) == "huge" {
					given = timeout
				}
				return nil
			}
		})
		caller.ask(1, "service", "huge", math.MaxInt64)
		caller.ask(2, "service", "short", time.Second)
		caller.ask(3, "nobody", "huge", math.MaxInt64)
		if given < math.MaxInt64-time.Hour {
			t.Errorf("the service got %v of a huge timeout", given)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		caller.saw("2: timed out")
		time.Sleep(365 * 24 * time.Hour)
		service.answer(0, true, "after a year")
		caller.saw("1: reply after a year")
		late := attach(t, o, "nobody")
		late.answer(0, true, "after a year")
		caller.saw("3: reply after a year")
		checkIdle(t, o)
		o.Close()
		checkEmpty(t, o)
	})
}

// Rule 9: ids are the caller's own. They are opaque, and two open requests may
// have the same.
func TestIDsAreOpaque(t *testing.T) {
	o := New(Config{})
	defer o.Close()
	alice, bob := attach(t, o, ""), attach(t, o, "")
	service := attach(t, o, "service")
	alice.ask(0, "service", "a", time.Minute)
	alice.ask(math.MaxUint64, "service", "b", time.Minute)
	alice.ask(5, "service", "c", time.Minute)
	alice.ask(5, "service", "d", time.Minute)
	bob.ask(5, "service", "e", time.Minute)
	service.saw("request a", "request b", "request c", "request d", "request e")

	for i, text := range []string{"A", "B", "C", "D", "E"} {
		service.answer(i, true, text)
	}
	alice.saw("0: reply A", "18446744073709551615: reply B", "5: reply C", "5: reply D")
	bob.saw("5: reply E")
	checkIdle(t, o)
}

// Rule 12: an application gets its own requests.
func TestAServiceMayAskItsOwnCluster(t *testing.T) {
	o := New(Config{})
	defer o.Close()
	service := attach(t, o, "service", echoing)
	service.ask(1, "service", "me", time.Minute)
	service.saw("request me", "1: reply me")
	checkIdle(t, o)
}

func TestAServiceThatAsksItselfAndCloses(t *testing.T) {
	o := New(Config{})
	service := attach(t, o, "service")
	service.ask(1, "service", "me", time.Minute)
	service.Close()
	service.saw("request me") // its own requests are forgotten
	checkEmpty(t, o)
}

func TestACallerMayNotHaveTooManyOpen(t *testing.T) {
	o := New(Config{OpenRequests: 2})
	defer o.Close()
	caller, other := attach(t, o, ""), attach(t, o, "")
	first, second := attach(t, o, "service"), attach(t, o, "service")
	for id := range uint64(3) {
		caller.ask(id, "service", "", time.Minute)
	}
	caller.saw("2: fault overloaded")
	other.ask(0, "service", "", time.Minute)
	other.saw()

	first.answer(0, true, "") // makes room for one
	caller.saw("0: reply ")
	caller.ask(3, "service", "", time.Minute)
	caller.ask(4, "service", "", time.Minute)
	caller.saw("4: fault overloaded")
	second.Close()
	first.Close()
}

// A service that never answers does not collect requests without end, though each
// of its callers stays within its own limit.
func TestAMemberMayNotHaveTooManyInHand(t *testing.T) {
	o := New(Config{OpenRequests: 2})
	defer o.Close()
	service := attach(t, o, "service")
	for range 2 {
		caller := attach(t, o, "")
		caller.ask(1, "service", "", math.MaxInt64)
		caller.Close()
	}
	caller := attach(t, o, "")
	caller.ask(1, "service", "", math.MaxInt64)
	service.saw("request ", "request ")
	service.answer(0, true, "") // makes room for it
	service.saw("request ")
	caller.saw()
	service.answer(1, true, "")
	service.answer(2, true, "")
	caller.saw("1: reply ")
	checkIdle(t, o)
}

// A member that has refused is not asked again before it has room, by this request nor by
// others.
func TestMembersThatRefuseAreAskedOnce(t *testing.T) {
	for members := 1; members <= 5; members++ {
		synctest.Test(t, func(t *testing.T) {
			o := New(Config{})
			caller := attach(t, o, "")
			services := make([]*app, members)
			for i := range services {
				services[i] = attach(t, o, "busy", refusing)
			}
			for id := range uint64(3) {
				caller.ask(id, "busy", "", time.Minute)
			}
			caller.saw()
			for _, s := range services {
				if len(s.requests) != 1 {
					t.Errorf("one of %d members was asked %d times", members, len(s.requests))
				}
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			slices.Sort(caller.seen)
			caller.saw("0: timed out", "1: timed out", "2: timed out")
			checkIdle(t, o)
			o.Close()
			checkEmpty(t, o)
		})
	}
}

func TestARefusedRequestGoesToTheNext(t *testing.T) {
	o := New(Config{})
	defer o.Close()
	caller := attach(t, o, "")
	attach(t, o, "service", refusing)
	attach(t, o, "service", refusing)
	good := attach(t, o, "service")
	caller.ask(1, "service", "please", time.Minute)
	good.saw("request please")
	good.answer(0, true, "done")
	caller.saw("1: reply done")
	checkIdle(t, o)
}

// A member may leave after it was picked and before it is asked. That is no
// refusal: the request goes on to the next, however many have left.
func TestMembersThatLeaveBetweenPickAndAsk(t *testing.T) {
	o := New(Config{})
	caller := attach(t, o, "")
	for range names.MaxRefusals + 1 {
		leaving := attach(t, o, "service")
		leaving.left.Store(true)
	}
	last := attach(t, o, "service", echoing)
	caller.ask(1, "service", "hello", time.Minute)
	caller.saw("1: reply hello")
	last.saw("request hello")
	checkIdle(t, o)
	o.Close()
	checkEmpty(t, o)
}

func TestAMemberThatIsGoneWhenItIsAsked(t *testing.T) {
	for name, end := range map[string]func(*Member){"it left": (*Member).Withdraw, "it was closed": (*Member).Close} {
		t.Run(name, func(t *testing.T) {
			o := New(Config{})
			defer o.Close()
			caller, service := attach(t, o, ""), attach(t, o, "service")
			deadline := time.Now().Add(time.Minute)
			picked, _ := o.lookup.PickHere([]byte("service"), &names.Refusals{})
			to := picked.Member.(local)
			if to.Member != service.Member || to.load.Load() != 1 {
				t.Fatalf("picked %v", to)
			}
			end(service.Member)
			if err := to.serve(time.Now(), local{caller.Member}, 0, nil, deadline, nil); !errors.Is(err, errLeft) {
				t.Errorf("serve = %v", err)
			}
			service.saw()
			checkIdle(t, o)
		})
	}
}
