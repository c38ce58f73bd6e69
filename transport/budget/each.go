package budget

// Each is a budget whose holders are told apart by keys, and forgotten as soon as they have
// nothing. It is safe for concurrent use, and allocates nothing while about as many have
// something. A nil Each has no limit.
type Each[K comparable] struct {
	budget *Budget
	held   map[K]int64 // guarded by Budget.mu
}

// NewEach returns one of which nothing is taken.
func NewEach[K comparable](config Config) *Each[K] {
	return &Each[K]{budget: New(config), held: make(map[K]int64)}
}

// Take takes one for a key. It fails with [ErrRefused], and with [ErrPart] as well where others
// would get one.
func (e *Each[K]) Take(key K) error {
	if e == nil {
		return nil
	}
	b := e.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	h := Holder{budget: b, held: e.held[key]}
	if err := h.check(1); err != nil {
		b.stats.Refused++
		if b.used < b.config.Limit {
			return b.part // the rest is for those who have less
		}
		return b.all
	}
	h.add(1)
	e.held[key] = h.held
	return nil
}

// Give gives one back.
func (e *Each[K]) Give(key K) {
	if e == nil {
		return
	}
	b := e.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	h := Holder{budget: b, held: e.held[key]}
	h.add(-min(1, h.held))
	if h.held == 0 {
		delete(e.held, key)
	} else {
		e.held[key] = h.held
	}
}

// Stats returns the counts.
func (e *Each[K]) Stats() Stats {
	if e == nil {
		return Stats{}
	}
	return e.budget.Stats()
}
