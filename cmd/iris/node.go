package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"time"

	"github.com/project-iris/iris/node"
	"github.com/project-iris/iris/transport/identity"
)

// nodeFlags are the flags of a node.
type nodeFlags struct {
	dev     bool
	network string
	key     string
	links   linkFlags
	port    int
	admin   string
	names   list // of the admin endpoint
	queue   int
	stall   time.Duration
	drain   time.Duration
	memory  byteSize
	message byteSize
	log     logFlags
	profile profileFlags
}

func (f *nodeFlags) register(fs *flag.FlagSet) {
	fs.BoolVar(&f.dev, "dev", false, "run a node for development: a fresh key and network name, loopback only")
	fs.StringVar(&f.network, "net", "", "`name` of the network; nodes with the same name and key find each other")
	fs.StringVar(&f.key, "rsa", "", "`file` with the network's private key: RSA, ECDSA or Ed25519, in any usual format")
	f.links.register(fs)
	fs.IntVar(&f.port, "port", node.DefaultPort, "TCP `port` for applications, on 127.0.0.1 and [::1]; 0 picks a free one")
	fs.StringVar(&f.admin, "http", "", "`HOST:PORT` of the admin endpoint (/healthz, /readyz, /members, /members/count, /members/ID), on 127.0.0.1 without HOST; commands look at "+defaultAdmin+" (default none)")
	fs.Var(&f.names, "http-host", "`names` by which others call the admin endpoint, separated by commas; IP addresses, localhost, the name of this host and the HOST of -http need none")
	fs.IntVar(&f.queue, "queue", 8<<20, "`bytes` that may wait for an application that does not read")
	fs.DurationVar(&f.stall, "stall", 30*time.Second, "`time` after which an application that reads nothing is disconnected")
	fs.Var(&f.memory, "memory", "`size` of the memory that the node may take, in bytes or with KiB, MiB or GiB (default a quarter of the system's or the control group's, 256MiB at least)")
	fs.Var(&f.message, "max-message", "`size` of the longest message, body, answer or event (default 64MiB, or a quarter of the memory if that is less)")
	fs.DurationVar(&f.drain, "drain", 10*time.Second, "`time` that work in hand may take to finish when the node is stopped")
	f.log.register(fs)
	f.profile.register(fs)
}

func (p *program) nodeCommand() *command {
	var f nodeFlags
	fs := flag.NewFlagSet("iris", flag.ContinueOnError)
	f.register(fs)
	return &command{
		Name:       "iris",
		ShortUsage: "iris -dev\n  iris -net NAME -rsa FILE [flags]\n  iris COMMAND [flags] [arguments]",
		LongHelp: `
Iris connects the services of a back end by name. Without a command, iris runs the
node of this host, which applications attach to; it stays in the foreground, and
says "ready" on standard error when it serves. With a command it uses the node as
an application does. To try it, run this in one terminal:

  iris -dev

and these in two others:

  iris reply echo cat
  iris request echo hello

SIGINT or SIGTERM stop a node in good order: it takes no more work and finishes
what it has. A second signal stops it at once.

Flags may be written with one dash or two, and stand before, between or after the
arguments of a command; behind -- nothing is a flag. A boolean is true, yes, on or 1, or
false, no, off or 0. Each flag has an environment variable, which counts if it is not
empty and the command line does not have the flag.

The exit code is 0 when all went well, 1 when something failed, and 2 when the command
line or the environment is wrong.`,
		FlagSet: fs,
		Exec: func(ctx context.Context, args []string) error {
			if len(args) > 0 {
				return usagef("there is no command %q", args[0])
			}
			return p.runNode(ctx, &f)
		},
	}
}

// runNode runs a node until a signal comes.
func (p *program) runNode(ctx context.Context, f *nodeFlags) error {
	log, err := p.nodeLog(f)
	if err != nil {
		return err
	}
	network, key, err := f.identity(p.signals)
	if errors.Is(err, errStopped) {
		log.Info("stopped before the node was ready")
		return nil
	}
	if err != nil {
		return err
	}
	if warning := key.Warning(); warning != "" {
		log.Warn(warning)
	}
	if err := f.check(); err != nil {
		return err
	}
	transports, err := f.links.transports()
	if err != nil {
		return err
	}
	discover, err := f.links.discover.resolve(f.dev, f.bind())
	if err != nil {
		return err
	}
	memory, message, err := f.limits()
	if err != nil {
		return err
	}
	limitRuntime(memory)
	profiles, err := f.profile.start()
	if err != nil {
		return err
	}
	config := node.Config{
		Network:      network,
		Key:          key,
		Transports:   transports,
		Bind:         f.bind(),
		Join:         f.links.join,
		Discover:     discover,
		State:        f.links.state,
		LinkIdle:     f.links.idle,
		MaxLinks:     f.links.most,
		Admin:        f.admin,
		AdminHosts:   f.names,
		Port:         nodePort(f.port),
		QueueLimit:   f.queue,
		StallTimeout: f.stall,
		Memory:       memory,
		MaxMessage:   message,
		Logger:       log,
	}
	err = p.serve(ctx, log, f.drain, func() (server, error) {
		n, err := node.Start(config)
		switch {
		case errors.Is(err, node.ErrDiscover):
			err = usagef("-discover: %v", err)
		case errors.Is(err, node.ErrJoin):
			err = usagef("-join: %v", err)
		}
		if err != nil {
			return nil, err
		}
		config.Port = n.Port() // another one keeps it
		sayReady(log, n, key)
		return n, nil
	})
	return errors.Join(err, profiles.stop())
}

// check says which number is out of its bounds.
func (f *nodeFlags) check() error {
	switch {
	case f.port < 0 || f.port > 65535:
		return usagef("-port %d is not between 0 and 65535", f.port)
	case f.links.idle < time.Second || f.links.most < 1:
		return usagef("-link-idle has to be a second at least, and -max-links 1")
	case f.queue <= 0 || f.stall <= 0 || f.drain < 0:
		return usagef("-queue, -stall and -drain have to be positive")
	}
	return nil
}

// nodeLog returns the log of a node, which is that of the process too, so that what
// libraries write to the standard logger has the format of the rest.
func (p *program) nodeLog(f *nodeFlags) (*slog.Logger, error) {
	log, err := f.log.logger(p.err)
	if err != nil {
		return nil, err
	}
	if p.alone {
		slog.SetDefault(log)
	}
	for _, n := range p.notes {
		log.Warn("environment variable is not used", n.attrs()...)
	}
	return log, nil
}

// bind returns where other nodes reach this one.
func (f *nodeFlags) bind() string {
	if f.dev && f.links.bind == "" {
		return "127.0.0.1:0"
	}
	return f.links.bind
}

// nodePort translates the flag, where 0 asks for any port.
func nodePort(port int) int {
	if port == 0 {
		return node.AnyPort
	}
	return port
}

// identity returns the name and key that the flags give, unless a signal comes before the key
// is read.
func (f *nodeFlags) identity(signals <-chan os.Signal) (string, *identity.NetworkKey, error) {
	switch {
	case f.dev && (f.network != "" || f.key != ""):
		return "", nil, usagef("-dev makes a network of its own: give either -dev, or -net and -rsa")
	case f.dev:
		return fmt.Sprintf("dev-%08x", rand.Uint32()), identity.Generate(), nil
	case f.network == "" && f.key == "":
		return "", nil, usagef("which network? give its name and key with -net NAME -rsa FILE, or try iris -dev")
	case f.network == "":
		return "", nil, usagef("which network? give its name with -net NAME")
	case f.key == "":
		return "", nil, usagef("network %q needs its key: give it with -rsa FILE, or make one with iris keygen FILE", f.network)
	}
	load := func() (*identity.NetworkKey, error) { return identity.Load(f.key) }
	key, err := unlessStopped(signals, load, func(*identity.NetworkKey) {})
	return f.network, key, err
}

// sayReady says in one line that the node serves, whatever the log level: scripts
// wait for it.
func sayReady(log *slog.Logger, n *node.Node, key *identity.NetworkKey) {
	r := slog.NewRecord(time.Now(), slog.LevelInfo, "ready", 0)
	r.Add("port", n.Port(), "peer", n.PeerAddr(), "id", n.ID().Short(), "network", n.Network(), "key", key.Fingerprint())
	if addr := n.AdminAddr(); addr != "" {
		r.Add("http", addr)
	}
	_ = log.Handler().Handle(context.Background(), r)
}
