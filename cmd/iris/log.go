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

// parseLevel returns the level that the flag names.
func (f *logFlags) parseLevel() (level slog.Level, err error) {
	if err := level.UnmarshalText([]byte(f.level)); err != nil {
		return level, usagef("-log-level %q is not debug, info, warn or error", f.level)
	}
	return level, nil
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
