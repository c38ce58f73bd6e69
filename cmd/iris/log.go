package main

import (
	"flag"
	"io"
	"log/slog"
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

// logger returns a logger that writes to w.
func (f *logFlags) logger(w io.Writer) (*slog.Logger, error) {
	return f.loggerAt(w, new(slog.LevelVar))
}

// loggerAt returns a logger that writes to w, and whose level can be changed.
func (f *logFlags) loggerAt(w io.Writer, level *slog.LevelVar) (*slog.Logger, error) {
	if err := level.UnmarshalText([]byte(f.level)); err != nil {
		return nil, usagef("-log-level %q is not debug, info, warn or error", f.level)
	}
	options := &slog.HandlerOptions{Level: level}
	switch f.format {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, usagef("-log-format %q is neither text nor json", f.format)
}
