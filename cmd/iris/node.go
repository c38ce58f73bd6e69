package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/project-iris/iris/node"
	"github.com/project-iris/iris/transport/identity"
)

// nodeFlags are the flags of a node.
type nodeFlags struct {
	config  string
	dev     bool
	network string
	key     string
	accept  list
	links   linkFlags
	port    int
	access  accessFlags
	admin   string
	names   list // of the admin endpoint
	control string
	queue   int
	stall   time.Duration
	drain   time.Duration
	memory  byteSize
	message byteSize
	log     logFlags
	profile profileFlags
}

func (f *nodeFlags) register(fs *flag.FlagSet) {
	fs.StringVar(&f.config, flagConfig, "", "`file` with settings: a line NAME = VALUE for each flag, without its dash; iris check -sample prints one")
	fs.BoolVar(&f.dev, "dev", false, "run a node for development: a fresh key and network name, loopback only")
	fs.StringVar(&f.network, "net", "", "`name` of the network; nodes with the same name and key find each other")
	fs.StringVar(&f.key, "rsa", "", "`file` with the network's private key: RSA, ECDSA or Ed25519, in any usual format")
	fs.Var(&f.accept, "accept", "`file` with another key whose nodes are let in, while the key of a network is replaced; repeatable, or separated by commas")
	f.links.register(fs)
	fs.IntVar(&f.port, "port", node.DefaultPort, "TCP `port` for applications, on 127.0.0.1 and [::1]; 0 picks a free one")
	f.access.register(fs)
	fs.StringVar(&f.admin, "http", "", "`HOST:PORT` that answers questions (/healthz, /readyz, /metrics, /v1/status, /v1/network, /members), on 127.0.0.1 without HOST (default none)")
	fs.Var(&f.names, "http-host", "`names` by which others call the admin endpoint, separated by commas; IP addresses, localhost, the name of this host and the HOST of -http need none")
	fs.StringVar(&f.control, "control", node.DefaultControl, "`path` of the Unix socket by which commands ask this node, for its user alone, or none")
	fs.IntVar(&f.queue, "queue", 8<<20, "`bytes` that may wait for an application that does not read")
	fs.DurationVar(&f.stall, "stall", 30*time.Second, "`time` after which an application that reads nothing is disconnected")
	fs.Var(&f.memory, "memory", "`size` of the memory that the node may take, in bytes or with KiB, MiB or GiB (default a quarter of the system's or the control group's, 256MiB at least)")
	fs.Var(&f.message, "max-message", "`size` of the longest message, body, answer or event (default 64MiB, or a quarter of the memory if that is less)")
	fs.DurationVar(&f.drain, "drain", 10*time.Second, "`time` that work in hand may take to finish when the node is stopped")
	f.log.register(fs)
	f.profile.register(fs)
}

func (p *program) nodeCommand(f *nodeFlags) *command {
	fs := flag.NewFlagSet("iris", flag.ContinueOnError)
	f.register(fs)
	c := &command{
		Config:     &f.config,
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
what it has. A second signal stops it at once. SIGHUP has it read its settings again;
its log says which it takes, and which need a restart.

Flags may be written with one dash or two, and stand before, between or after the
arguments of a command; behind -- nothing is a flag. A boolean is true, yes, on or 1, or
false, no, off or 0. Each flag has an environment variable, which counts if it is not
empty and the command line does not have the flag. A node takes what neither has from the
file that -config names: iris check -sample prints one that explains itself.

The exit code is 0 when all went well, 1 when something failed, and 2 when the command
line or the environment is wrong.`,
		FlagSet: fs,
	}
	c.Exec = func(ctx context.Context, args []string) error {
		if len(args) > 0 {
			return usagef("there is no command %q", args[0])
		}
		return p.runNode(ctx, c, f)
	}
	return c
}

// runNode runs a node until a signal comes.
func (p *program) runNode(ctx context.Context, c *command, f *nodeFlags) error {
	level := new(slog.LevelVar)
	log, err := p.nodeLog(f, level)
	if err != nil {
		return err
	}
	config, err := unlessStopped(p.signals, f.resolve, func(node.Config) {})
	if errors.Is(err, errStopped) {
		log.Info("stopped before the node was ready")
		return nil
	}
	if err != nil {
		return err
	}
	for _, warning := range warnings(config) {
		log.Warn(warning)
	}
	config.Logger, config.LogDropped = log, p.lines.Dropped
	limitRuntime(config.Memory)
	profiles, err := f.profile.start()
	if err != nil {
		return err
	}
	audit, err := f.access.openAudit(log)
	if err != nil {
		return err
	}
	defer audit.close()
	if audit != nil {
		if config.Audit, err = f.log.logger(audit, level); err != nil {
			return err
		}
	}
	hangups, stop := p.onHangup(f.dev && f.access.policy == "")
	defer stop()
	config.LogLevel = level
	r := &run{program: p, log: log, level: level, command: c, config: config, drain: f.drain, audit: audit}
	err = p.serve(ctx, service{
		log: log, limit: func() time.Duration { return r.drain }, start: r.start,
		hangups: hangups, reload: r.reload, notify: newNotifier(log),
	})
	return errors.Join(err, profiles.stop())
}

// start starts a node with the settings as they are.
func (r *run) start() (server, error) {
	n, err := node.Start(r.config)
	if err != nil {
		return nil, blameFlag(err)
	}
	r.config.Port = n.Port() // another one keeps it
	r.node = n
	sayReady(r.log, n, r.config.Key)
	return n, nil
}

// resolve returns the configuration that the flags mean, without a log.
func (f *nodeFlags) resolve() (node.Config, error) {
	network, key, accept, err := f.identity()
	if err != nil {
		return node.Config{}, err
	}
	if err := f.check(); err != nil {
		return node.Config{}, err
	}
	transports, err := f.links.transports()
	if err != nil {
		return node.Config{}, err
	}
	discover, err := f.links.discover.resolve(f.dev, f.bind())
	if err != nil {
		return node.Config{}, err
	}
	memory, message, err := f.limits()
	if err != nil {
		return node.Config{}, err
	}
	config := node.Config{
		Network:      network,
		Key:          key,
		Accept:       accept,
		KeyFiles:     f.keyFiles(),
		Transports:   transports,
		Bind:         f.bind(),
		Join:         f.links.join,
		Discover:     discover,
		State:        f.links.state,
		LinkIdle:     f.links.idle,
		MaxLinks:     f.links.most,
		Admin:        f.admin,
		AdminHosts:   f.names,
		Control:      f.controlPath(),
		Port:         nodePort(f.port),
		QueueLimit:   f.queue,
		StallTimeout: f.stall,
		Memory:       memory,
		MaxMessage:   message,
	}
	if err := f.access.apply(&config); err != nil {
		return node.Config{}, err
	}
	return config, blameFlag(config.Check())
}

// blameFlag names the flag in an error of a node about its configuration.
func blameFlag(err error) error {
	switch {
	case errors.Is(err, node.ErrDiscover):
		return usagef("-discover: %v", err)
	case errors.Is(err, node.ErrJoin):
		return usagef("-join: %v", err)
	case errors.Is(err, identity.ErrTooManyKeys):
		return usagef("-accept: %v", err)
	}
	return err
}

// warnings says what is not as it should be about keys.
func warnings(config node.Config) []string {
	var all []string
	for _, key := range append([]*identity.NetworkKey{config.Key}, config.Accept...) {
		if warning := key.Warning(); warning != "" {
			all = append(all, warning)
		}
	}
	return all
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

// nodeLog returns the log of a node, whose level can change, and which is that of the process too, so that what
// libraries write to the standard logger has the format of the rest.
func (p *program) nodeLog(f *nodeFlags, level *slog.LevelVar) (*slog.Logger, error) {
	log, err := p.openLog(&f.log, level)
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

// controlPath returns where the socket for commands is to be, empty for none.
func (f *nodeFlags) controlPath() string {
	if f.control == "none" {
		return ""
	}
	return f.control
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

// identity returns the name and the keys that the flags give.
func (f *nodeFlags) identity() (network string, key *identity.NetworkKey, accept []*identity.NetworkKey, err error) {
	if network, key, err = f.own(); err != nil {
		return "", nil, nil, err
	}
	for _, file := range f.accept {
		other, err := identity.Load(file)
		if err != nil {
			return "", nil, nil, err
		}
		accept = append(accept, other)
	}
	return network, key, accept, nil
}

// keyFiles returns the files of the keys.
func (f *nodeFlags) keyFiles() []string {
	if f.dev {
		return nil
	}
	return append([]string{f.key}, f.accept...)
}

// own returns the name of the network and the key that this node signs with.
func (f *nodeFlags) own() (string, *identity.NetworkKey, error) {
	switch {
	case f.dev && len(f.accept) > 0:
		return "", nil, usagef("-dev makes a network of its own, which has no other keys to -accept")
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
	key, err := identity.Load(f.key)
	return f.network, key, err
}

// sayReady says in one line that the node serves, whatever the log level: scripts
// wait for it.
func sayReady(log *slog.Logger, n *node.Node, key *identity.NetworkKey) {
	r := slog.NewRecord(time.Now(), slog.LevelInfo, "ready", 0)
	r.Add("port", n.Port(), "peer", n.PeerAddr(), "id", n.ID().Short(), "network", n.Network(), "key", key.Fingerprint())
	if path := n.Socket(); path != "" {
		r.Add("socket", path)
	}
	if addr := n.AdminAddr(); addr != "" {
		r.Add("http", addr)
	}
	if path := n.ControlPath(); path != "" {
		r.Add("control", path)
	}
	_ = log.Handler().Handle(context.Background(), r)
}
