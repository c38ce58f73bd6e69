package quic

import (
	"math/rand/v2"
	"sync"
	"time"
)

// A trial finds out whether packets of a size vanish on a path that carries
// smaller ones. In rounds trialGap apart it asks with packets of both sizes, the
// larger ones first. Any answer to a large one is an answer to the question. When
// in trialProofs rounds only the small one was answered, the large ones vanish.
//
// Loss does not look like that: where one packet in twenty is lost each way, a
// sounding and its answer get through nine times out of ten, and that all sixteen
// large ones are lost happens once in 10^16 trials; where one in five is, once in
// 10^7.
type trial struct {
	size int

	mu      sync.Mutex
	passed  bool
	rounds  [trialRounds]bool // the small packet was answered
	decided chan struct{}     // closed with an answer to the question
}

const (
	trialGap    = 200 * time.Millisecond
	trialProofs = 6
	trialRounds = 15 // at the most; beyond, nothing is known

	// trialLarge is how many large packets a round has, but the first: that one
	// asks with one, as it mostly is answered.
	trialLarge = 3
)

func newTrial(size int) *trial { return &trial{size: size, decided: make(chan struct{})} }

// sizes are what a round asks with.
func (t *trial) sizes(round int) []int {
	if round == 0 {
		return []int{t.size, basePacket}
	}
	sizes := make([]int, 0, trialLarge+1)
	for range trialLarge {
		sizes = append(sizes, t.size)
	}
	return append(sizes, basePacket)
}

// answered takes in an answer.
func (t *trial) answered(size, round int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-t.decided:
		return
	default:
	}
	switch {
	case size == t.size:
		t.passed = true
	case size == basePacket && round < trialRounds:
		t.rounds[round] = true
	}
	if t.passed || t.proofs() >= trialProofs {
		close(t.decided)
	}
}

// proofs counts the rounds in which only the small packet was answered.
func (t *trial) proofs() (n int) {
	for _, answered := range t.rounds {
		if answered {
			n++
		}
	}
	return n
}

// vanish says whether it is proved that the large packets vanish.
func (t *trial) vanish() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.passed && t.proofs() >= trialProofs
}

// trials are those under way. The zero value is ready.
type trials struct {
	mu   sync.Mutex
	byID map[uint64]*trial
}

// begin adds a trial under a number that nobody can guess.
func (ts *trials) begin(t *trial) (id uint64) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.byID == nil {
		ts.byID = make(map[uint64]*trial)
	}
	id = rand.Uint64()
	ts.byID[id] = t
	return id
}

func (ts *trials) end(id uint64) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	delete(ts.byID, id)
}

// answered hands an answer to its trial, if that is still under way.
func (ts *trials) answered(answer sounding) {
	ts.mu.Lock()
	t := ts.byID[answer.trial]
	ts.mu.Unlock()
	if t != nil {
		t.answered(answer.size, answer.round)
	}
}
