package main

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"sync"
	"time"

	"github.com/project-iris/iris/cmd/internal/forward"
)

// carryFlags are the flags of the commands that carry connections.
type carryFlags struct {
	app         resilientFlags
	log         logFlags
	connections int
	timeout     time.Duration
	drain       time.Duration
}

func (f *carryFlags) register(fs *flag.FlagSet, timeout string) {
	f.app.register(fs)
	f.log.register(fs)
	fs.IntVar(&f.connections, "max-connections", forward.DefaultConnections, "`number` of connections at a time, for each name; those beyond are refused")
	fs.DurationVar(&f.timeout, "timeout", 5*time.Second, timeout)
	fs.DurationVar(&f.drain, "drain", 30*time.Second, "`time` that connections have to end when the program is stopped")
}

// config returns the configuration, or what is wrong with the flags.
func (f *carryFlags) config(p *program) (forward.Config, error) {
	log, err := p.openLog(&f.log, new(slog.LevelVar))
	switch {
	case err != nil:
		return forward.Config{}, err
	case f.connections < 1:
		return forward.Config{}, usagef("-max-connections has to be at least 1")
	case f.timeout <= 0:
		return forward.Config{}, usagef("-timeout has to be longer than nothing")
	}
	node := f.app.config(p)
	node.Logger = log
	node.Lost = func(reason error) {
		log.Warn("the node is gone; attaching again when it is back", "reason", reason)
	}
	node.Restored = func() { log.Info("attached again") }
	return forward.Config{Node: node, Connections: f.connections, DialTimeout: f.timeout, Logger: log}, nil
}

// A carrier carries connections until the context of run ends. Then drain waits for them.
type carrier struct {
	run   func(ctx context.Context) error
	drain func(ctx context.Context) error
	stats func() forward.Stats
}

// carry runs carriers until a signal comes, or one fails, and ends them: in good order
// within a limit, or at once after another signal.
func (p *program) carry(ctx context.Context, limit time.Duration, log *slog.Logger, carriers []carrier) error {
	serving, stop := p.interruptible(ctx)
	defer stop()
	err := each(carriers, func(c carrier) error {
		defer stop() // one that fails is the end of all
		return c.run(serving)
	})
	log.Info("draining: stop again to end at once", "limit", limit)
	draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	draining, abort := p.interruptible(draining)
	defer abort()
	err = errors.Join(err, each(carriers, func(c carrier) error { return c.drain(draining) }))
	logStats(log, carriers)
	return err
}

// each calls f for all carriers at once, and returns the errors.
func each(carriers []carrier, f func(carrier) error) error {
	errs := make([]error, len(carriers))
	var running sync.WaitGroup
	for i, c := range carriers {
		running.Go(func() { errs[i] = f(c) })
	}
	running.Wait()
	return errors.Join(errs...)
}

func logStats(log *slog.Logger, carriers []carrier) {
	var s forward.Stats
	for _, c := range carriers {
		s = s.Add(c.stats())
	}
	log.Info("stopped", "connections", s.Opened, "refused", s.Refused, "failed", s.Failed, "broken", s.Broken,
		"absences", s.Absences, "bytes_read", s.Read, "bytes_written", s.Written)
}

// pairs parts arguments into pairs.
func pairs(command, first, second string, args []string) ([][2]string, error) {
	if len(args) == 0 || len(args)%2 != 0 {
		return nil, usagef("%s wants %s and %s, and more of such pairs, got %d arguments", command, first, second, len(args))
	}
	var all [][2]string
	for i := 0; i < len(args); i += 2 {
		all = append(all, [2]string{args[i], args[i+1]})
	}
	return all, nil
}

// address parses an address of the command line.
func address(text string) (forward.Address, error) {
	a, err := forward.Parse(text)
	if err != nil {
		return a, &usageError{err.Error()}
	}
	return a, nil
}

// explain adds what to do to the error of a carrier.
func (f *carryFlags) explain(err error) error {
	if errors.Is(err, forward.ErrNodeGone) {
		return err
	}
	return f.app.explain(err)
}
