package main

import (
	"errors"
	"flag"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/project-iris/iris/node"
)

// A reloadable is a part of the program that takes new settings while a node runs, or reads
// files again that they name.
type reloadable struct {
	flags []string // whose settings it takes
	// prepare looks at new settings and changes nothing. It returns how they are taken,
	// which cannot fail. It is called for each reload, whatever has changed: a file that a
	// setting names may have.
	prepare func(r *run, next *nodeFlags) (take func(), err error)
}

// reloadables returns all of them. Each prepares before the first one takes anything, so that
// a reload is done as a whole or not at all.
func reloadables() []reloadable {
	return []reloadable{
		{[]string{"rsa", "accept", "join", "queue", "stall", "link-idle", "max-links"}, (*run).prepareNode},
		{[]string{"log-level"}, (*run).prepareLog},
		{[]string{"drain"}, (*run).prepareDrain},
	}
}

// isReloaded reports whether a flag takes effect without a restart.
func isReloaded(name string) bool {
	return slices.ContainsFunc(reloadables(), func(part reloadable) bool { return slices.Contains(part.flags, name) })
}

// A run is a node that runs, and what may change about it meanwhile. One goroutine owns it.
type run struct {
	program *program
	log     *slog.Logger
	level   *slog.LevelVar
	command *command // with the flags as they are in force, or will be after a restart
	config  node.Config
	drain   time.Duration
	node    *node.Node // nil while there is none
}

// reload reads all settings again, and takes those that need no restart.
func (r *run) reload() {
	next, c, err := r.program.again()
	if err == nil {
		err = r.take(next, c)
	}
	if err != nil {
		lines := append(strings.Split(err.Error(), "\n"), c.blame(err.Error())...)
		for _, line := range lines {
			r.log.Error("settings are not reloaded, nothing has changed", "err", line)
		}
	}
}

// take takes new settings, or says what is wrong with them.
func (r *run) take(next *nodeFlags, c *command) error {
	var takes []func()
	for _, part := range reloadables() {
		take, err := part.prepare(r, next)
		if err != nil {
			return err
		}
		takes = append(takes, take)
	}
	for _, take := range takes {
		take()
	}
	now, later := changes(r.command.FlagSet, c.FlagSet)
	r.log.Info("settings are reloaded", "changed", strings.Join(now, " "))
	if len(later) > 0 {
		r.log.Warn("changed settings need a restart of the node", "settings", strings.Join(later, " "))
	}
	r.keep(c, later)
	return nil
}

// keep remembers settings as those in force, but for those that wait for a restart: they are
// named by each reload until then.
func (r *run) keep(c *command, later []string) {
	for _, name := range later {
		c.FlagSet.Lookup(name).Value = r.command.FlagSet.Lookup(name).Value
	}
	r.command = c
}

// changes returns which flags have other values: those that are taken now, and those that
// need a restart.
func changes(old, next *flag.FlagSet) (now, later []string) {
	next.VisitAll(func(f *flag.Flag) {
		switch {
		case old.Lookup(f.Name).Value.String() == f.Value.String():
		case isReloaded(f.Name):
			now = append(now, f.Name)
		default:
			later = append(later, f.Name)
		}
	})
	return now, later
}

// prepareNode looks at what the node itself takes.
func (r *run) prepareNode(next *nodeFlags) (func(), error) {
	config, err := next.resolve()
	if err != nil {
		return nil, err
	}
	if next.dev {
		config.Network, config.Key = r.config.Network, r.config.Key // each start makes its own
	}
	return func() {
		for _, warning := range warnings(config) {
			r.log.Warn(warning)
		}
		r.config = r.config.Reloaded(config)
		if r.node != nil {
			r.node.Reload(config)
		}
	}, nil
}

func (r *run) prepareLog(next *nodeFlags) (func(), error) {
	if _, err := next.log.logger(r.program.err, new(slog.LevelVar)); err != nil {
		return nil, err
	}
	level, err := next.log.parseLevel()
	return func() { r.level.Set(level) }, err
}

func (r *run) prepareDrain(next *nodeFlags) (func(), error) {
	return func() { r.drain = next.drain }, nil
}

// again reads the settings of the node anew: the command line as it was, the environment, and
// the file as it is now.
func (p *program) again() (*nodeFlags, *command, error) {
	var f nodeFlags
	root := p.commandsFor(&f)
	c, args, err := root.choose(p.args)
	if err == nil {
		_, err = c.parse(args, root.variables())
	}
	if err == nil && c != root {
		err = errors.New("the command line is not that of a node")
	}
	return &f, c, err
}

// onHangup returns where the program is told to reload. A signal that comes while the last one
// is looked at is not lost. A node for development has no settings that change: it ends, as
// its terminal does.
func (p *program) onHangup(dev bool) (reload <-chan os.Signal, stop func()) {
	switch {
	case p.hangups != nil:
		return p.hangups, func() {}
	case !p.alone || dev || signal.Ignored(syscall.SIGHUP):
		return nil, func() {}
	}
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	return c, func() { signal.Stop(c) }
}
