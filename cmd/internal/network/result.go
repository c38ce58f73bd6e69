package network

import (
	"slices"
	"time"

	"github.com/project-iris/iris/cmd/internal/process"
)

// Result is what was measured. What was not is nil.
type Result struct {
	Nodes     int    `json:"nodes"`
	Seeds     int    `json:"seeds"` // that the others join
	Transport string `json:"transport"`

	// Known is how many others a node knew when it was given up that all know all.
	Known *Spread `json:"known,omitempty"`

	Met      *Met      `json:"met,omitempty"`
	Links    *Spread   `json:"links,omitempty"` // of a node to others, after Rest
	Rest     *Rest     `json:"rest,omitempty"`  // nil as well where the system does not tell
	Requests *Requests `json:"requests,omitempty"`
	Losses   []Loss    `json:"losses,omitempty"`

	Log       Log  `json:"log"`                  // before nodes were lost on purpose
	LossesLog *Log `json:"losses_log,omitempty"` // from then on
}

// What nodes take at rest is measured as that of any process.
type (
	Rest    = process.Rest
	Traffic = process.Traffic
	Spread  = process.Spread
)

// Met is how long it took until all nodes knew all others, in seconds.
type Met struct {
	Starts     float64 `json:"starts_seconds"` // from the first start to the last
	AfterFirst float64 `json:"after_first_seconds"`
	AfterLast  float64 `json:"after_last_seconds"`
}

// Requests is what requests from one node to another took.
type Requests struct {
	Pairs int   `json:"pairs"`
	Each  int   `json:"each"`     // later requests of a pair
	First Times `json:"first_us"` // of each pair, when its nodes may not have a link
	Later Times `json:"later_us"` // of all pairs, one at a time
}

// Times are percentiles in microseconds.
type Times struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// The ways in which nodes are lost.
const (
	Killed   = "killed"   // SIGKILL: its system says at once that it is gone
	Silenced = "silenced" // SIGSTOP: nothing says so
)

// Loss is what came of the loss of a node. Times are in seconds from then on.
type Loss struct {
	How string `json:"how"`
	// Known is when all others knew a node to be dead that nobody asked anything of.
	Known float64 `json:"known_seconds"`
	// Answered is when the caller of a request that a member on another such node had in
	// hand got its answer, which Answer is: "reply", the text of the fault, or the error.
	Answered float64 `json:"answered_seconds"`
	Answer   string  `json:"answer"`
	// Next is when that caller, who asks again once it has its answer, was answered by
	// another member.
	Next float64 `json:"next_seconds"`
}

// percentiles returns those of durations: the least of which is at least the share.
func percentiles(took []time.Duration) Times {
	if len(took) == 0 {
		return Times{}
	}
	sorted := slices.Sorted(slices.Values(took))
	at := func(percent int) float64 {
		rank := (len(sorted)*percent + 99) / 100
		return float64(sorted[max(rank, 1)-1]) / float64(time.Microsecond)
	}
	return Times{P50: at(50), P99: at(99), Max: at(100)}
}
