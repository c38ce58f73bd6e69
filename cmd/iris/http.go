package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/project-iris/iris/cmd/internal/gateway"
)

// defaultHTTP is where iris http listens.
const defaultHTTP = "127.0.0.1:55590"

// noToken is the -token-file of those who want none.
const noToken = "none"

// httpFlags are the flags of the http command.
type httpFlags struct {
	app       appFlags
	log       logFlags
	listen    string
	tokenFile string
	hosts     string
	timeout   time.Duration
	drain     time.Duration
	maxBody   int
	streams   int
}

func (f *httpFlags) register(fs *flag.FlagSet) {
	f.app.register(fs)
	f.log.register(fs)
	fs.StringVar(&f.listen, "listen", defaultHTTP, "`HOST:PORT` to listen at, on 127.0.0.1 without HOST")
	fs.StringVar(&f.tokenFile, "token-file", "", "`file` with the token that callers have to send, made if it is not there; none lets all callers of this host in (default iris/http.token in the user's directory for configuration)")
	fs.StringVar(&f.hosts, "host", "", "`names` of this host that callers use, with commas between them; IP addresses and localhost need none")
	fs.DurationVar(&f.timeout, "timeout", 5*time.Second, "`time` to wait for an answer, if a caller says no other")
	fs.DurationVar(&f.drain, "drain", 10*time.Second, "`time` that calls have to end when the program is stopped")
	fs.IntVar(&f.maxBody, "max-body", 1<<20, "longest body in `bytes`")
	fs.IntVar(&f.streams, "streams", 256, "`number` of subscriptions at a time")
}

func (p *program) httpCommand() *command {
	var f httpFlags
	fs := flag.NewFlagSet("http", flag.ContinueOnError)
	f.register(fs)
	return &command{
		Name:       "http",
		ShortUsage: "iris http [flags]",
		ShortHelp:  "let programs that speak HTTP use the network",
		LongHelp: `
Listens for HTTP: POST /request/NAME, /broadcast/NAME and /publish/TOPIC send the body, and
GET /subscribe/TOPIC streams events. Callers send what is in the token file, and pages in
browsers may not call. For example:

  iris http &
  curl --oauth2-bearer "$(cat ~/.config/iris/http.token)" http://127.0.0.1:55590/request/echo -d hello

It attaches again when the node was away. See docs/http.md.`,
		FlagSet: fs,
		Exec: func(ctx context.Context, args []string) error {
			if len(args) > 0 {
				return usagef("iris http wants no argument, got %s", quoted(args[0]))
			}
			return p.http(ctx, &f)
		},
	}
}

// config returns the configuration and where to listen, or what is wrong with the flags.
func (f *httpFlags) config(log *slog.Logger) (config gateway.Config, address string, err error) {
	host, port, err := net.SplitHostPort(f.listen)
	switch {
	case err != nil:
		return config, "", usagef("-listen %s is no HOST:PORT", quoted(f.listen))
	case f.timeout <= 0, f.drain <= 0:
		return config, "", usagef("-timeout and -drain have to be longer than nothing")
	case f.maxBody < 1, f.streams < 1:
		return config, "", usagef("-max-body and -streams have to be at least 1")
	case host == "":
		host = "127.0.0.1"
	}
	config = gateway.Config{
		Node: f.app.config(), Timeout: f.timeout, MaxBody: f.maxBody, Streams: f.streams, Logger: log,
		Hosts: strings.FieldsFunc(f.hosts, func(r rune) bool { return r == ',' || r == ' ' }),
	}
	if !isLoopback(net.JoinHostPort(host, port)) && f.tokenFile == noToken {
		return config, "", usagef("-token-file none would let everybody in who reaches %s: listen on 127.0.0.1, or have a token", f.listen)
	}
	if net.ParseIP(host) == nil {
		config.Hosts = append(config.Hosts, host)
	}
	return config, net.JoinHostPort(host, port), nil
}

// token returns the token that callers have to send, empty for none, and its file.
func (f *httpFlags) token() (token, path string, err error) {
	switch f.tokenFile {
	case noToken:
		return "", "", nil
	case "":
		dir, err := os.UserConfigDir()
		if err != nil {
			return "", "", fmt.Errorf("there is no place for the token: %w; name one with -token-file", err)
		}
		path = filepath.Join(dir, "iris", "http.token")
	default:
		path = f.tokenFile
	}
	token, _, err = gateway.LoadToken(path)
	return token, path, err
}

// announce says that callers may come, and what is to be known about that.
func announce(log *slog.Logger, listen net.Addr, tokenFile string) {
	if !isLoopback(listen.String()) {
		log.Warn("other hosts may call: the token and all that is sent can be read on the way", "listen", listen.String())
	}
	if tokenFile == "" {
		log.Warn("there is no token: every program and user of this host may call", "listen", listen.String())
	}
	log.Info("ready", "listen", listen.String(), "token_file", tokenFile)
}

func (p *program) http(ctx context.Context, f *httpFlags) (err error) {
	log, err := p.openLog(&f.log, new(slog.LevelVar))
	if err != nil {
		return err
	}
	config, address, err := f.config(log)
	if err != nil {
		return err
	}
	token, tokenFile, err := f.token()
	if err != nil {
		return err
	}
	config.Token = token
	ctx, stop := p.interruptible(ctx)
	defer stop()
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("%w; name another address with -listen", err)
	}
	defer l.Close()
	g, err := gateway.Open(ctx, config)
	if err != nil {
		return f.app.explain(err)
	}
	announce(log, l.Addr(), tokenFile)
	err = g.Serve(ctx, l, f.drain)
	log.Info("stopped", "handled", g.Stats().Handled, "failed", g.Stats().Failed)
	return errors.Join(err, g.Close())
}
