package status

import (
	"fmt"
	"time"
)

// maxProblems is how many problems of a kind are told one by one.
const maxProblems = 5

// lastingLink is how long a link has to be there before its losses mean something.
const lastingLink = 10 * time.Second

// Diagnose returns what is not well with a node, by what its tree says: the worst first.
func (n *Node) Diagnose() []Problem {
	problems := []Problem{}
	say := func(do, format string, args ...any) {
		problems = append(problems, Problem{fmt.Sprintf(format, args...), do})
	}
	if n.Stuck != "" {
		say("look at the log, and restart the node; this is a bug of Iris", "the node is stuck: %s", n.Stuck)
	}
	for _, deaf := range n.Deaf {
		say("free the port, or choose another with -bind; the node tries again by itself", "%s", deaf)
	}
	if n.Draining {
		say("", "the node is being stopped")
	}
	problems = append(problems, n.diagnoseNames()...)
	problems = append(problems, n.diagnoseApps()...)
	problems = append(problems, n.diagnoseLinks()...)
	return problems
}

func (n *Node) diagnoseNames() []Problem {
	return limited(n.Names, func(name Name) (Problem, bool) {
		switch {
		case name.Waiting > 0 && name.Crowded:
			return Problem{fmt.Sprintf("cluster %s: %d wait for room at its members", name.Name, name.Waiting), "start more members of the cluster"}, true
		case name.Waiting > 0 && name.Here == 0 && name.Nodes == 0:
			return Problem{fmt.Sprintf("cluster %s: %d wait, and nobody serves it", name.Name, name.Waiting), "start a member of the cluster, or look whether the name is right"}, true
		}
		return Problem{}, false
	})
}

func (n *Node) diagnoseApps() []Problem {
	return limited(n.Applications, func(a App) (Problem, bool) {
		return Problem{
			fmt.Sprintf("application %s reads too slowly: %d bytes wait, and it misses events", a.Title(), a.QueuedBytes),
			slowReader,
		}, a.Slow
	})
}

func (n *Node) diagnoseLinks() []Problem {
	return limited(n.Links, func(l Link) (Problem, bool) {
		const least, share = 1000, 0.05
		lossy := l.SinceSeconds > lastingLink.Seconds() && l.PacketsSent > least && float64(l.PacketsLost) > share*float64(l.PacketsSent)
		return Problem{
			fmt.Sprintf("link to %s loses packets: %d of %d", l.Peer.Short(), l.PacketsLost, l.PacketsSent),
			"look at the network between the two hosts",
		}, lossy
	})
}

// limited returns the problems of the first few that have one, and how many more there are.
func limited[T any](all []T, find func(T) (Problem, bool)) (problems []Problem) {
	more := 0
	for _, one := range all {
		problem, found := find(one)
		switch {
		case !found:
		case len(problems) < maxProblems:
			problems = append(problems, problem)
		default:
			more++
		}
	}
	if more > 0 {
		problems = append(problems, Problem{What: fmt.Sprintf("and %d more like the last", more)})
	}
	return problems
}

// Title is what an application is called in a line: its cluster, if it serves one, and from
// where it has connected.
func (a *App) Title() string {
	if a.Cluster == "" {
		return a.Address
	}
	return a.Cluster + " at " + a.Address
}
