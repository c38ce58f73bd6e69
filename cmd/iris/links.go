package main

import (
	"flag"
	"log/slog"
	"strings"
	"time"

	"github.com/project-iris/iris/node"
	"github.com/project-iris/iris/quic"
	"github.com/project-iris/iris/tcp"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity"
)

// linkFlags say how a node reaches others.
type linkFlags struct {
	transport string
	bind      string
	join      list
	discover  ways
	state     string
	idle      time.Duration
	most      int
	plugins   pluginFlags
}

func (f *linkFlags) register(fs *flag.FlagSet) {
	fs.StringVar(&f.transport, "transport", "quic,tcp", "`list` of transports between nodes, the preferred one first: quic, tcp, a plugin's name or path")
	f.plugins.register(fs)
	fs.StringVar(&f.bind, "bind", "", "`HOST:PORT` for other nodes (default all interfaces, port 14142, 27182, 31415, or any)")
	fs.Var(&f.join, "join", "`HOST:PORT` of a node to begin with, tried until it answers; repeatable, or separated by commas")
	fs.Var(&f.discover, discoverFlag, "`list` of ways to find nodes: beacon, scan, dns:NAME, exec:COMMAND (which takes all that follows), or none "+
		"(default beacon; none with -dev and where -bind is on loopback, from where beacons never leave the host)")
	fs.DurationVar(&f.idle, "link-idle", node.DefaultLinkIdle, "`time` after which a link to another node ends that nobody uses; it is made again when it is needed")
	fs.IntVar(&f.most, "max-links", node.DefaultMaxLinks, "`number` of links to other nodes; of more, the one that was not used for the longest time ends")
	fs.StringVar(&f.state, "state", "", "`directory`, for this node alone, in which it remembers other nodes, so that a restart finds them at once, and what tells this host from others")
}

// list is a flag that can be given more than once, and takes several values each time.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

// Set adds the values that are separated by commas.
func (l *list) Set(s string) error {
	for v := range strings.SplitSeq(s, ",") {
		if v = strings.TrimSpace(v); v != "" {
			*l = append(*l, v)
		}
	}
	return nil
}

// A link on which nothing is waited for may find out late that it is dead: who waits asks for
// himself, and the list of members says who is gone. So a node sends little on idle links.
const (
	keepAlive   = 15 * time.Second
	idleTimeout = 3 * keepAlive
)

// known are the transports by the names that -transport has for them.
var known = map[string]func(f *linkFlags) node.NewTransport{quic.Scheme: (*linkFlags).quic, tcp.Scheme: (*linkFlags).tcp}

func (f *linkFlags) quic() node.NewTransport {
	return func(id *identity.Identity, versions transport.Versions, log *slog.Logger) (transport.Transport, error) {
		return quic.New(quic.Config{
			Identity: id, Versions: versions, Logger: log, IdleTimeout: idleTimeout, KeepAlive: keepAlive, State: f.state,
		})
	}
}

func (f *linkFlags) tcp() node.NewTransport {
	return func(id *identity.Identity, versions transport.Versions, log *slog.Logger) (transport.Transport, error) {
		return tcp.New(tcp.Config{Identity: id, Versions: versions, Logger: log, KeepAlive: keepAlive}), nil
	}
}

// transports returns what -transport names.
func (f *linkFlags) transports() ([]node.NewTransport, error) {
	var names list
	if err := names.Set(f.transport); err != nil {
		return nil, err
	}
	if err := f.plugins.check(names); err != nil {
		return nil, err
	}
	var all []node.NewTransport
	for _, name := range names {
		if builtIn := known[name]; builtIn != nil {
			all = append(all, builtIn(f))
			continue
		}
		create, err := f.plugins.transport(name)
		if err != nil {
			return nil, err
		}
		all = append(all, create)
	}
	if len(all) == 0 {
		return nil, usagef("-transport is empty: there are quic and tcp")
	}
	return all, nil
}
