package main

import (
	"context"
	"flag"
	"fmt"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/project-iris/iris/node/status"
)

// A view is a command that shows a part of what nodes say.
type view struct {
	name, args, short, long string
	most                    int // arguments
	show                    func(p *program, all *status.Network, args []string) error
	argument                func(i int) argument // for completion
}

// command returns the command of a view.
func (v view) command(p *program) *command {
	var ask askFlags
	var raw, local bool
	fs := flag.NewFlagSet(v.name, flag.ContinueOnError)
	ask.register(fs)
	fs.BoolVar(&raw, "json", false, "print what the nodes say as it is, in JSON")
	fs.BoolVar(&local, "local", false, "ask the node of this host alone")
	usage := strings.TrimSpace("iris " + v.name + " [flags] " + v.args)
	return &command{
		Name: v.name, ShortUsage: usage, ShortHelp: v.short, LongHelp: v.long, FlagSet: fs, Argument: v.argument,
		Exec: func(ctx context.Context, args []string) error {
			if len(args) > v.most {
				return usagef("iris %s wants %d arguments at most, got %d", v.name, v.most, len(args))
			}
			ctx, stop := p.interruptible(ctx)
			defer stop()
			all, err := askAll(ctx, &ask, local)
			if err != nil {
				return err
			}
			if raw {
				return p.sayJSON(all)
			}
			return v.show(p, all, args)
		},
	}
}

// askAll asks all nodes, or only that of this host.
func askAll(ctx context.Context, ask *askFlags, local bool) (*status.Network, error) {
	var all status.Network
	if !local {
		return &all, ask.read(ctx, "/v1/network", &all)
	}
	var one status.Node
	if err := ask.read(ctx, "/v1/status", &one); err != nil {
		return nil, err
	}
	return &status.Network{Asked: one.ID, Nodes: []status.Node{one}, Unanswered: []status.Unanswered{}}, nil
}

// table prints lines of cells that are separated by tabs.
func (p *program) table(head string, rows [][]string) error {
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, head)
	for _, row := range rows {
		for i, cell := range row {
			row[i] = plain(cell)
		}
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	return w.Flush()
}

// sayUnanswered names those who have not answered.
func (p *program) sayUnanswered(all *status.Network) {
	for _, u := range all.Unanswered {
		fmt.Fprintf(p.out, "%s has not answered: %s\n", u.ID.Short(), plain(u.Reason))
	}
}

// short cuts text to a width, in characters, which is said by an ellipsis.
func short(s string, width int) string {
	if utf8.RuneCountInString(s) <= width {
		return s
	}
	runes := []rune(s)
	return string(runes[:width-1]) + "…"
}

// duration says seconds as people do, with two or three digits.
func duration(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case seconds == 0 || math.IsNaN(seconds):
		return "-"
	case d < time.Millisecond:
		return fmt.Sprintf("%dµs", d.Microseconds())
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%.1fms", seconds*1000)
	case d < time.Second:
		return fmt.Sprintf("%.0fms", seconds*1000)
	case d < time.Minute:
		return fmt.Sprintf("%.1fs", seconds)
	case d < time.Hour:
		return fmt.Sprintf("%dm%ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%dh", int(d.Hours())/24, int(d.Hours())%24)
}

// bytesText says bytes as people do.
func bytesText[N int | uint64](n N) string {
	value := float64(n)
	for _, unit := range []string{"B", "KiB", "MiB", "GiB", "TiB"} {
		if value < 1024 || unit == "TiB" {
			if unit == "B" {
				return fmt.Sprintf("%d B", n)
			}
			return fmt.Sprintf("%.1f %s", value, unit)
		}
		value /= 1024
	}
	return ""
}

// perSecond says how much there is a second.
func perSecond(rate float64) string {
	switch {
	case rate == 0:
		return "-"
	case rate < 10:
		return fmt.Sprintf("%.1f", rate)
	}
	return fmt.Sprintf("%.0f", rate)
}

func (p *program) statusCommand() *command {
	return view{
		name: "status", short: "say whether all is well, and if not what is not", show: showStatus,
		long: `
Asks the node of this host, and by it all others, how they are. It prints what is not
well, with what to do about it, then a line for each node, and what was dropped or
refused since the nodes were started, by reason. A node that does not answer within two
seconds is named.

The exit code is 1 when something is not well.

  iris status
  iris status -local -json | jq .reasons`,
	}.command(p)
}

// errNotWell says that something is not well.
type errNotWell struct{ problems int }

func (e errNotWell) Error() string {
	if e.problems == 1 {
		return "not well: a problem, see above"
	}
	return fmt.Sprintf("not well: %d problems, see above", e.problems)
}

func showStatus(p *program, all *status.Network, _ []string) error {
	problems := len(all.Unanswered)
	for _, n := range all.Nodes {
		for _, problem := range n.Problems {
			problems++
			fmt.Fprintf(p.out, "%s: %s\n", n.ID.Short(), plain(problem.What))
			if problem.Do != "" {
				fmt.Fprintf(p.out, "  → %s\n", plain(problem.Do))
			}
		}
	}
	p.sayUnanswered(all)
	if problems == 0 {
		fmt.Fprintln(p.out, "All is well.")
	}
	fmt.Fprintln(p.out)
	rows := [][]string{}
	for _, n := range all.Nodes {
		rows = append(rows, []string{
			n.ID.Short(), short(n.Version, 9), duration(n.UptimeSeconds), fmt.Sprint(len(n.Members) + n.MembersLeft), fmt.Sprint(len(n.Links) + n.LinksLeft),
			fmt.Sprint(len(n.Applications) + n.ApplicationsLeft), fmt.Sprint(n.Done.Requests), fmt.Sprint(n.Done.Faults + n.Done.Timeouts),
			fmt.Sprint(n.Done.EventsDelivered), fmt.Sprint(n.Waiting.Requests + n.Waiting.Tunnels),
		})
	}
	if err := p.table("NODE\tVERSION\tUP\tOTHERS\tLINKS\tAPPS\tASKED\tFAILED\tEVENTS\tWAITING", rows); err != nil {
		return err
	}
	p.sayReasons(all)
	if problems > 0 {
		return errNotWell{problems}
	}
	return nil
}

// sayReasons prints what was dropped or refused, but for what happens in a healthy network.
func (p *program) sayReasons(all *status.Network) {
	sum := make(map[status.Reason]uint64)
	for _, n := range all.Nodes {
		for why, count := range n.Reasons {
			sum[why] += count
		}
	}
	first := true
	for _, weight := range []status.Weight{status.Lost, status.Watched} {
		for _, r := range status.Reasons {
			if r.Weight != weight || sum[r.Reason] == 0 {
				continue
			}
			if first {
				fmt.Fprintf(p.out, "\nSince the nodes were started:\n")
				first = false
			}
			fmt.Fprintf(p.out, "  %d %s %s (%s)\n", sum[r.Reason], r.Unit, r.Text, r.Reason)
		}
	}
}

func (p *program) namesCommand() *command {
	return view{
		name: "names", args: "[PATTERN]", most: 1, short: "print clusters and topics: who serves them, how much, how fast", show: showNames,
		argument: firstName(status.Cluster, status.Topic),
		long: `
Prints the clusters and topics of all nodes, those first for which something waits, then
those with most traffic. With a PATTERN, in which * stands for any characters, only those
that it fits. Of each: how many members or subscribers there are, at how many nodes; how
many requests, events and broadcasts a second in the last ten seconds; of a cluster the
median and 99th percentile of answers, from when a member was given the request, and how
many requests failed: by faults, as they were late, or as the member went; and what waits.

  iris names 'billing*'`,
	}.command(p)
}

// nameRow is a name, summed over the nodes.
type nameRow struct {
	status.Name
	at int // nodes that serve it
}

func showNames(p *program, all *status.Network, args []string) error {
	pattern := "*"
	if len(args) > 0 {
		pattern = args[0]
	}
	var rows [][]string
	for _, n := range sumNames(all) {
		if !fits(pattern, n.Name.Name) {
			continue
		}
		rows = append(rows, []string{
			short(n.Name.Name, 19), n.Kind, fmt.Sprintf("%d at %d", n.Here, n.at), perSecond(n.PerSecond),
			duration(n.P50Seconds), duration(n.P99Seconds), fmt.Sprint(n.Faults + n.Late + n.Lost), fmt.Sprint(n.Refused), fmt.Sprint(n.Waiting),
		})
	}
	p.sayUnanswered(all)
	return p.table("NAME\tKIND\tSERVED\t/SEC\tP50\tP99\tFAILED\tFULL\tWAIT", rows)
}

// sumNames returns the names of all nodes. Of several nodes the highest percentile counts.
func sumNames(all *status.Network) []*nameRow {
	type key struct{ kind, name string }
	found := make(map[key]*nameRow)
	var rows []*nameRow
	for _, node := range all.Nodes {
		for _, n := range node.Names {
			row := found[key{n.Kind, n.Name}]
			if row == nil {
				row = &nameRow{Name: status.Name{Name: n.Name, Kind: n.Kind}}
				found[key{n.Kind, n.Name}] = row
				rows = append(rows, row)
			}
			if n.Here > 0 {
				row.at++
			}
			row.Here += n.Here
			row.Waiting += n.Waiting
			row.Requests += n.Requests
			row.Delivered += n.Delivered
			row.Faults += n.Faults
			row.Late += n.Late
			row.Lost += n.Lost
			row.Refused += n.Refused
			row.PerSecond += n.PerSecond
			row.P50Seconds = max(row.P50Seconds, n.P50Seconds)
			row.P99Seconds = max(row.P99Seconds, n.P99Seconds)
		}
	}
	slices.SortStableFunc(rows, func(a, b *nameRow) int {
		if a.Waiting != b.Waiting {
			return b.Waiting - a.Waiting
		}
		x, y := a.Requests+a.Delivered, b.Requests+b.Delivered
		switch {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return strings.Compare(a.Name.Name, b.Name.Name)
	})
	return rows
}

// fits reports whether a name fits a pattern, in which * is any text.
func fits(pattern, name string) bool {
	head, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == name
	}
	if !strings.HasPrefix(name, head) {
		return false
	}
	name = name[len(head):]
	for rest != "" {
		part, more, star := strings.Cut(rest, "*")
		if !star {
			return strings.HasSuffix(name, part)
		}
		i := strings.Index(name, part)
		if i < 0 {
			return false
		}
		name, rest = name[i+len(part):], more
	}
	return true
}

func (p *program) appsCommand() *command {
	return view{
		name: "apps", short: "print the applications that are attached, and what each has in hand", show: showApps,
		long: `
Prints the applications that are attached to all nodes. Of each: its node, from where it
has connected, since when, the cluster that it serves, what it has in hand, how many of
its own requests are open, the topics that it is subscribed to, what waits for it to be
read, and how many messages it has missed. An application that reads too slowly now is
marked by an exclamation mark.

  iris apps -local`,
	}.command(p)
}

func showApps(p *program, all *status.Network, _ []string) error {
	var rows [][]string
	for _, n := range all.Nodes {
		for _, a := range n.Applications {
			missed := uint64(0)
			for _, count := range a.Reasons {
				missed += count
			}
			mark := ""
			if a.Slow {
				mark = "!"
			}
			rows = append(rows, []string{
				n.ID.Short(), short(a.Address, 21), short(orDash(a.Cluster), 11), duration(a.SinceSeconds), fmt.Sprint(a.InHand), fmt.Sprint(a.Open),
				fmt.Sprint(a.Topics), bytesText(a.QueuedBytes), fmt.Sprint(missed) + mark,
			})
		}
	}
	p.sayUnanswered(all)
	return p.table("NODE\tADDRESS\tCLUSTER\tSINCE\tHAND\tOPEN\tSUBS\tQUEUED\tMISSED", rows)
}

func (p *program) linksCommand() *command {
	return view{
		name: "links", short: "print the links between nodes: round trips, losses, what waits", show: showLinks,
		long: `
Prints the links of all nodes; each is seen from both its ends. Of each: the node, the
other one, the transport, since when, the round trip, what was sent and received, how many
of the packets were lost where the transport makes packets, what waits to be written, and
how many requests the other node has in hand.

  iris links`,
	}.command(p)
}

func showLinks(p *program, all *status.Network, _ []string) error {
	var rows [][]string
	for _, n := range all.Nodes {
		for _, l := range n.Links {
			lost := "-"
			if l.PacketsSent > 0 {
				lost = fmt.Sprintf("%.1f%%", 100*float64(l.PacketsLost)/float64(l.PacketsSent))
			}
			rows = append(rows, []string{
				n.ID.Short(), l.Peer.Short(), short(orDash(l.Transport), 7), duration(l.SinceSeconds), duration(l.RTTSeconds), bytesText(l.SentBytes),
				bytesText(l.ReceivedBytes), lost, bytesText(l.WaitingBytes), fmt.Sprint(l.InHand),
			})
		}
	}
	p.sayUnanswered(all)
	return p.table("NODE\tPEER\tOVER\tSINCE\tRTT\tSENT\tRECEIVED\tLOST\tWAITS\tHAND", rows)
}
