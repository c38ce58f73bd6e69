package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/project-iris/iris/node"
)

// defaultAdmin is where commands look for the admin endpoint of a node.
const defaultAdmin = "127.0.0.1:55580"

const (
	adminTimeout = 5 * time.Second
	// maxAdmin is the longest answer of an admin endpoint, in bytes: 4,096 members with
	// all addresses.
	maxAdmin = 16 << 20
)

// adminFlags are the flags of the commands that ask a node about itself.
type adminFlags struct{ addr string }

func (f *adminFlags) register(fs *flag.FlagSet) {
	fs.StringVar(&f.addr, "http", defaultAdmin, "`HOST:PORT` that the node was given with its -http")
}

// get returns what the node says at a path.
func (f *adminFlags) get(ctx context.Context, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	addr := f.addr
	if strings.HasPrefix(addr, ":") {
		addr = "127.0.0.1" + addr
	}
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return nil, usagef("-http %q is not HOST:PORT", f.addr)
	}
	where := url.URL{Scheme: "http", Host: addr, Path: path}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, where.String(), nil)
	if err != nil {
		return nil, usagef("-http %q is not HOST:PORT", f.addr)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("no node answers at %s: start one with -http %s, or name its address with -http", addr, addr)
	}
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s with %s: is it the admin endpoint of a node?", addr, path, response.Status)
	}
	return io.ReadAll(io.LimitReader(response.Body, maxAdmin))
}

func (p *program) membersCommand() *command {
	var admin adminFlags
	var raw bool
	fs := flag.NewFlagSet("members", flag.ContinueOnError)
	admin.register(fs)
	fs.BoolVar(&raw, "json", false, "print what the node says as it is, in JSON")
	return &command{
		Name:       "members",
		ShortUsage: "iris members [flags]",
		ShortHelp:  "print the nodes of the network, and how they were found",
		LongHelp: `
Prints the nodes of the network as the node of this host sees them, which has to have
been started with -http. Of each node: the beginning of its id; how it was found (join,
beacon, scan, dns:NAME, exec:COMMAND, remembered; "members" if another node told of it,
"itself" if it has dialled this node); the transport of the link to it, and where that
leads; and the addresses that the node has for others, of many the best ones, of which
-json has all. With -json there is also the version of the protocol that is spoken on the
link: while nodes are upgraded one after the other, the lowest tells which are still to
come.`,
		FlagSet: fs,
		Exec: func(ctx context.Context, args []string) error {
			if len(args) > 0 {
				return usagef("iris members wants no arguments, got %d", len(args))
			}
			ctx, stop := p.interruptible(ctx)
			defer stop()
			body, err := admin.get(ctx, "/members")
			if err != nil {
				return err
			}
			if raw {
				_, err := p.out.Write(body)
				return err
			}
			return p.printMembers(body)
		},
	}
}

// printMembers prints a table of what the node has said.
func (p *program) printMembers(body []byte) error {
	var m node.Members
	if err := json.Unmarshal(body, &m); err != nil {
		return fmt.Errorf("the answer of the node cannot be read: %w", err)
	}
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tFOUND\tTRANSPORT\tLINK\tADDRESSES")
	m.Self.Found = "this node"
	for _, member := range append([]node.Member{m.Self}, m.Members...) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", member.ID.Short(), plain(member.Found), orDash(member.Transport),
			orDash(member.Link), plain(addresses(member.Addresses)))
	}
	return w.Flush()
}

// maxPrinted is how many addresses of a node the table has.
const maxPrinted = 6

// addresses returns the first addresses of a node, and how many more there are.
func addresses(all []string) string {
	if more := len(all) - maxPrinted; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(all[:maxPrinted], " "), more)
	}
	return strings.Join(all, " ")
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return plain(s)
}

// plain makes text that others have chosen harmless for a terminal.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}
