package relay

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/time/rate"

	"github.com/project-iris/iris/relay/peercred"
	"github.com/project-iris/iris/relay/policy"
)

// ErrNoIdentity says that a policy names users, and this system does not tell who attaches.
var ErrNoIdentity = errors.New("the policy names users or groups, but this system does not tell who attaches")

// CheckPolicy reports whether a policy can be kept on this system. The error wraps
// [ErrNoIdentity].
func CheckPolicy(p *policy.Policy) error {
	if p == nil || !p.NeedsIdentity() {
		return nil
	}
	if err := peercred.Check(); err != nil {
		return fmt.Errorf("%w (%w): write the policy for * alone, or do without one", ErrNoIdentity, err)
	}
	return nil
}

// maxQuotas is how many users are counted apart, each for each rule that has limits; those
// beyond share one count for each rule.
const maxQuotas = 16384

// guard is a policy in force, and what was counted for its limits. It is replaced as a whole.
type guard struct {
	policy *policy.Policy

	mu     sync.Mutex
	quotas map[quotaKey]*quota
}

type quotaKey struct {
	rule  *policy.Rule
	known bool
	uid   uint32
}

func newGuard(p *policy.Policy) *guard {
	if p == nil {
		return nil
	}
	return &guard{policy: p, quotas: make(map[quotaKey]*quota)}
}

// quota is what one user has of what one rule allows. It is safe for concurrent use.
type quota struct {
	rate *rate.Limiter // nil: no limit
	most int64         // 0: no limit
	held atomic.Int64
}

// spend takes one of what there is in a second.
func (q *quota) spend() bool { return q == nil || q.rate == nil || q.rate.Allow() }

// acquire takes one of what there is at a time, until release.
func (q *quota) acquire() bool {
	if q == nil || q.most == 0 {
		return true
	}
	if q.held.Add(1) > q.most {
		q.held.Add(-1)
		return false
	}
	return true
}

func (q *quota) release() {
	if q != nil && q.most != 0 {
		q.held.Add(-1)
	}
}

// quota returns what somebody has of a rule, nil without limits.
func (g *guard) quota(r *policy.Rule, id policy.Identity) *quota {
	if r == nil || r.Rate == 0 && r.Most == 0 {
		return nil
	}
	key := quotaKey{r, id.Known, id.UID}
	g.mu.Lock()
	defer g.mu.Unlock()
	q := g.quotas[key]
	if q == nil && len(g.quotas) >= maxQuotas {
		key = quotaKey{rule: r}
		q = g.quotas[key]
	}
	if q == nil {
		q = &quota{most: int64(r.Most)}
		if r.Rate > 0 {
			q.rate = rate.NewLimiter(rate.Limit(r.Rate), r.Rate)
		}
		g.quotas[key] = q
	}
	return q
}

// verdict is what a guard says about somebody, an operation and a name.
type verdict struct {
	allowed bool
	quota   *quota
	why     string // the rule
	fault   []byte // what an application is told that may not do it
	over    []byte // what it is told that is over a limit
}

func (g *guard) judge(id policy.Identity, op policy.Operation, name []byte) *verdict {
	d := g.policy.Decide(id, op, name)
	v := &verdict{allowed: d.Allowed, why: d.Why()}
	what := fmt.Sprintf("%s may not %v %q", describe(id), op, printable(name))
	if d.Allowed {
		v.quota = g.quota(d.Rule, id)
		if v.quota != nil {
			v.over = fmt.Appendf(nil, "forbidden: %s now, over the limit of the policy's %s", what, v.why)
		}
		return v
	}
	if d.Rule == nil {
		v.fault = fmt.Appendf(nil, "forbidden: %s: %s", what, v.why)
	} else {
		v.fault = fmt.Appendf(nil, "forbidden: %s, by the policy's %s", what, v.why)
	}
	return v
}

// describe names somebody for people.
func describe(id policy.Identity) string {
	if !id.Known {
		return "somebody unknown"
	}
	return fmt.Sprintf("user %d", id.UID)
}

// SetPolicy replaces the policy, nil by none. What applications send from now on is judged by the
// new one, and so is what they have: those that may not be in their cluster any more, or are not
// known to the extent that it needs, lose their connection, and get a DENY if they attach again;
// their other subscriptions and tunnels end if they are forbidden now. Where there was no policy
// before, all connections end. The error is that of [CheckPolicy]; nothing has changed then.
func (r *Relay) SetPolicy(p *policy.Policy) error {
	if err := CheckPolicy(p); err != nil {
		return err
	}
	r.reviewing.Lock()
	defer r.reviewing.Unlock()
	g := newGuard(p)
	r.guard.Store(g)
	for _, s := range r.connected() {
		s.access.review(g)
	}
	return nil
}
