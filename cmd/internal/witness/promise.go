package witness

// The promises, under the names that the simulator of whole nodes gives them, and three of what it
// does not have.
const (
	RunsOnce    = "a request runs on at most one member"
	OneAnswer   = "exactly one answer"
	InTime      = "no answer after the deadline"
	SaysWhat    = "the answer says what happened"
	AtMostOnce  = "a message comes at most once"
	InOrder     = "messages of a sender come in order"
	NothingLost = "nothing is lost in good order"
	AllReachAll = "all reach all when it is over"
	WholeTunnel = "messages of a tunnel come in order and exactly once"
	HonestEnd   = "a stream that is cut off does not look well ended"
	Outlives    = "an application outlives its node"
)

// Promises are all of them, in the order of a report.
var Promises = []string{RunsOnce, OneAnswer, InTime, SaysWhat, AtMostOnce, InOrder, NothingLost, AllReachAll, WholeTunnel, HonestEnd, Outlives}

// Count is how often a promise was held against what happened.
type Count struct {
	Checked int
	Broken  int
	First   []string // what broke it, the first few
}

// maxTold bounds what is kept of what broke a promise.
const maxTold = 10

func (l *Ledger) hold(promise string, kept bool, why func() string) {
	c := l.counts[promise]
	if c == nil {
		c = new(Count)
		l.counts[promise] = c
	}
	c.Checked++
	if kept {
		return
	}
	c.Broken++
	if len(c.First) < maxTold {
		c.First = append(c.First, why())
	}
}
