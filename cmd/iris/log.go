package main

import (
	"flag"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// logFlags say what is logged, and how.
type logFlags struct {
	level  string
	format string
}

func (f *logFlags) register(fs *flag.FlagSet) {
	fs.StringVar(&f.level, "log-level", "info", "`level` from which on messages are logged: debug, info, warn or error")
	fs.StringVar(&f.format, "log-format", "text", "`format` of the log: text or json")
}

// parseLevel returns the level that the flag names.
func (f *logFlags) parseLevel() (level slog.Level, err error) {
	if err := level.UnmarshalText([]byte(f.level)); err != nil {
		return level, usagef("-log-level %q is not debug, info, warn or error", f.level)
	}
	return level, nil
}

// openLog returns the log of a program that goes on until it is stopped, whatever becomes of its log: it never
// waits for who reads that, and outlives it. A program may have one. What it says to standard error from then on
// is part of it.
func (p *program) openLog(f *logFlags, level *slog.LevelVar) (log *slog.Logger, err error) {
	lines := newLineQueue(p.err, func(lines uint64, why error) {
		log.Warn("lines of this log are missing", "missing", lines, "err", why)
	})
	if log, err = f.logger(lines, level); err != nil {
		lines.close()
		return nil, err
	}
	p.lines, p.err = lines, lines // what the program says of its end does not wait either
	if p.alone {
		// Without it the system ends a program that writes to standard error when nobody reads that any more.
		signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	}
	return log, nil
}

// logger returns a logger that writes to w what has a level, which is set to that of the flag.
func (f *logFlags) logger(w io.Writer, level *slog.LevelVar) (*slog.Logger, error) {
	begin, err := f.parseLevel()
	if err != nil {
		return nil, err
	}
	level.Set(begin)
	options := &slog.HandlerOptions{Level: level}
	switch f.format {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, usagef("-log-format %q is neither text nor json", f.format)
}
