package relay

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/time/rate"

	"github.com/project-iris/iris/relay/peercred"
	"github.com/project-iris/iris/relay/policy"
)

// errExpelled is why a session ends that a new policy forbids.
var errExpelled = errors.New("forbidden by a new policy")

// reasonForbidden is why a tunnel ends that a new policy forbids.
const reasonForbidden = "forbidden by a new policy"

// What is remembered of each application, so that a policy is looked through once for a name.
const (
	maxVerdicts    = 1024 // of all operations
	maxVerdictName = 1024 // bytes; longer names are judged each time
)

// access is what a policy lets one application do. Without a policy nothing is kept of it.
type access struct {
	session *session

	// Owned by the goroutine that reads.
	guard      *guard // that the verdicts are of
	verdicts   [policy.Operations]map[string]*verdict
	remembered int

	mu       sync.Mutex
	attached bool
	tracked  bool          // all that it has is in held
	peer     peercred.Peer // if known
	known    bool
	whom     *guard // that id is for
	id       policy.Identity
	unsure   error // why id does not say who it is
	held     map[holdKey]*quota
	missed   int           // lines of the audit
	lines    *rate.Limiter // of the audit; nil before the first
	pid      int
	searched bool // for the pid
}

// holdKey is something that lasts: a registration, a subscription, or a tunnel by its id.
type holdKey struct {
	op     policy.Operation
	name   string
	tunnel uint64
}

func (a *access) init(s *session) {
	a.session = s
}

// admit finds out who attaches, and whether it may join its cluster. The error is a denial.
func (a *access) admit(cluster []byte) error {
	for {
		g := a.session.relay.guard.Load()
		if g != nil {
			if err := a.identify(g); err != nil {
				return err
			}
		}
		if len(cluster) > 0 {
			if text := a.take(policy.Register, cluster, 0, nil); text != nil {
				return &denial{string(text)}
			}
		}
		a.mu.Lock()
		if a.session.relay.guard.Load() == g {
			a.attached, a.tracked = true, g != nil
			a.mu.Unlock()
			return nil
		}
		a.mu.Unlock()
		a.releaseAll() // what was taken was of a policy that is gone
	}
}

// identify asks the kernel who attaches.
func (a *access) identify(g *guard) error {
	peer, err := a.session.relay.config.Identify(a.session.conn)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.peer, a.known, a.whom = peer, err == nil, nil
	if err == nil {
		err = a.identifyFor(g)
	}
	if err != nil && (g.policy.NeedsIdentity() || errors.Is(err, peercred.ErrGone)) {
		return &denial{"forbidden: this node has to know who attaches, and does not: " + err.Error()}
	}
	return nil
}

// identifyFor has id say who the application is, with the groups as they were when the guard came
// into force or later. The lock is held.
func (a *access) identifyFor(g *guard) error {
	if a.whom == g {
		return a.unsure
	}
	a.id, a.whom, a.unsure = policy.Identity{}, g, nil
	if !a.known {
		a.unsure = peercred.ErrUnknown
		return a.unsure
	}
	var groups []uint32
	if g.policy.NeedsIdentity() {
		if groups, a.unsure = a.session.relay.config.Groups(a.peer.UID); a.unsure != nil {
			return a.unsure
		}
	}
	if a.peer.HasGID && !slices.Contains(groups, a.peer.GID) {
		groups = append(slices.Clip(groups), a.peer.GID)
	}
	a.id = policy.Identity{Known: true, UID: a.peer.UID, Groups: groups}
	return nil
}

// look returns the verdict on an operation and a name. It is called by the goroutine that reads.
func (a *access) look(g *guard, op policy.Operation, name []byte) *verdict {
	if a.guard != g || a.remembered >= maxVerdicts {
		a.guard, a.remembered = g, 0
		clear(a.verdicts[:])
	}
	if v := a.verdicts[op][string(name)]; v != nil {
		return v
	}
	a.mu.Lock()
	err := a.identifyFor(g)
	id := a.id
	a.mu.Unlock()
	v := g.judge(id, op, name)
	if err != nil && g.policy.NeedsIdentity() { // it is about to be expelled
		v = &verdict{why: err.Error(), fault: []byte("forbidden: this node has to know who this is: " + err.Error())}
	}
	if len(name) <= maxVerdictName {
		if a.verdicts[op] == nil {
			a.verdicts[op] = make(map[string]*verdict)
		}
		a.verdicts[op][string(name)] = v
		a.remembered++
	}
	return v
}

// refuse returns what to tell an application that may not do something now, and audits it; nil if
// it may.
func (a *access) refuse(op policy.Operation, name []byte) []byte {
	g := a.session.relay.guard.Load()
	if g == nil {
		return nil
	}
	v := a.look(g, op, name)
	switch {
	case !v.allowed:
		return a.refused(op, name, v, v.fault)
	case !v.quota.spend():
		return a.refused(op, name, v, v.over)
	}
	return nil
}

// drops is refuse for what is not answered; it counts what is dropped.
func (a *access) drops(op policy.Operation, name []byte, count *atomic.Uint64) bool {
	if a.refuse(op, name) == nil {
		return false
	}
	count.Add(1)
	return true
}

// take is refuse for what lasts until release. What it allows it does before the policy can
// change, so that the new one is applied to it.
func (a *access) take(op policy.Operation, name []byte, tunnel uint64, do func()) []byte {
	if do == nil {
		do = func() {}
	}
	for {
		g := a.session.relay.guard.Load()
		if g == nil {
			do()
			return nil
		}
		v := a.look(g, op, name)
		key := holdKey{op, string(name), tunnel}
		a.mu.Lock()
		if a.session.relay.guard.Load() != g {
			a.mu.Unlock()
			continue
		}
		_, again := a.held[key]
		told := v.over
		switch {
		case !v.allowed:
			told = v.fault
		case v.quota.spend() && (again || v.quota.acquire()):
			if a.held == nil {
				a.held = make(map[holdKey]*quota)
			}
			a.held[key] = v.quota
			do()
			told = nil
		}
		a.mu.Unlock()
		if told != nil {
			return a.refused(op, name, v, told)
		}
		return nil
	}
}

// release gives back what was taken, if it was.
func (a *access) release(op policy.Operation, name []byte, tunnel uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := holdKey{op, string(name), tunnel}
	if q, ok := a.held[key]; ok {
		delete(a.held, key)
		q.release()
	}
}

// leave gives back the registration: the application has left its cluster. To leave is never
// forbidden.
func (a *access) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for key, q := range a.held {
		if key.op == policy.Register {
			delete(a.held, key)
			q.release()
		}
	}
}

// mayAny reports whether the application may do something with any name at all.
func (a *access) mayAny(op policy.Operation) bool {
	g := a.session.relay.guard.Load()
	if g == nil {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	err := a.identifyFor(g)
	return (err == nil || !g.policy.NeedsIdentity()) && g.policy.MayAny(a.id, op)
}

// holds reports whether something is taken, and no new policy has ended it.
func (a *access) holds(op policy.Operation, name string, tunnel uint64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, ok := a.held[holdKey{op, name, tunnel}]
	return ok
}

func (a *access) releaseAll() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, q := range a.held {
		q.release()
	}
	a.held = nil
}

// end gives back all that the application has, at the end of its session.
func (a *access) end() {
	a.releaseAll()
	a.mu.Lock()
	missed := a.missed
	a.missed, a.attached = 0, false
	a.mu.Unlock()
	if missed > 0 {
		a.session.relay.config.Audit.Warn("more was forbidden to an application than was logged",
			"app", a.session.name, "missed", missed)
	}
}

// review applies a new policy to what the application has.
func (a *access) review(g *guard) {
	a.mu.Lock()
	if !a.attached {
		a.mu.Unlock()
		return // it will be asked for
	}
	if g == nil {
		a.tracked, a.held = false, nil
		a.mu.Unlock()
		return
	}
	expelled := ""
	err := a.identifyFor(g)
	switch {
	case !a.tracked:
		expelled = "it attached before there was a policy"
	case err != nil && g.policy.NeedsIdentity():
		expelled = err.Error()
	}
	var ended []uint64
	for key, old := range a.held {
		old.release()
		v := g.judge(a.id, key.op, []byte(key.name))
		if v.allowed && v.quota.acquire() {
			a.held[key] = v.quota
			continue
		}
		delete(a.held, key)
		switch key.op {
		case policy.Register:
			expelled = v.why
		case policy.Subscribe:
			a.session.member.Unsubscribe([]byte(key.name))
			a.session.relay.counters.subscriptionsForbidden.Add(1)
		default:
			ended = append(ended, key.tunnel)
		}
	}
	a.mu.Unlock()
	for _, id := range ended {
		a.session.relay.counters.tunnelsForbidden.Add(1)
		if t := a.session.tunnels.get(id); t != nil {
			t.close(reasonForbidden)
		}
	}
	if expelled != "" {
		a.session.relay.counters.expelled.Add(1)
		if a.mayAudit() {
			a.audit("application lost its connection by a new policy", "rule", expelled)
		}
		a.session.cancel(errExpelled)
		a.session.conn.Close()
	}
}

// refused audits that something was not done, and returns what the application is told.
func (a *access) refused(op policy.Operation, name []byte, v *verdict, told []byte) []byte {
	if !a.mayAudit() {
		return told
	}
	text := "forbidden"
	if v.allowed {
		text = "forbidden: over a limit"
	}
	a.audit(text, "operation", op.String(), "name", printable(name), "rule", v.why)
	return told
}

// mayAudit reports whether there is a line left: of this application, and of all.
func (a *access) mayAudit() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lines == nil {
		a.lines = rate.NewLimiter(1, 10)
	}
	if a.lines.Allow() && a.session.relay.audits.Allow() {
		return true
	}
	a.missed++
	return false
}

// audit writes a line.
func (a *access) audit(text string, args ...any) {
	a.mu.Lock()
	missed := a.missed
	a.missed = 0
	if !a.searched && a.known {
		a.pid, a.searched = a.peer.Process(), true
	}
	args = append(args, "app", a.session.name)
	if a.known {
		args = append(args, "uid", a.peer.UID)
	}
	if a.pid != 0 {
		args = append(args, "pid", a.pid)
	}
	a.mu.Unlock()
	if missed > 0 {
		args = append(args, "missed", missed)
	}
	a.session.relay.config.Audit.Warn(text, args...)
}

// nameOf is what logs call an application: where it comes from, or that it came by a Unix socket,
// whose other end has no name.
func nameOf(conn net.Conn) string {
	if u, ok := conn.(*net.UnixConn); ok {
		return fmt.Sprintf("unix:%v", u.LocalAddr())
	}
	return conn.RemoteAddr().String()
}
