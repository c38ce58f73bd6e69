package plugins

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity"
)

// The defaults of Config.
const (
	DefaultMaxConns       = 4096
	DefaultStartTimeout   = 10 * time.Second
	DefaultDialTimeout    = 10 * time.Second
	DefaultHealthInterval = 2 * time.Second
	DefaultHealthTimeout  = 5 * time.Second
	DefaultMinPause       = 100 * time.Millisecond
	DefaultMaxPause       = 30 * time.Second
)

// Limits of what is passed to a plugin.
const (
	maxOptions = 64
	maxOption  = 4 << 10 // name and value, bytes
)

// nameForm is what schemes look like in addresses, and never more.
var nameForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// Config says which plugin to run, and how. Zero values mean the defaults.
type Config struct {
	// Path is the program. Required.
	Path string

	// Name is the scheme of the plugin's addresses, on all nodes: a lower-case letter,
	// and up to 31 of those, digits and dashes. Default: the file's name, without .exe.
	Name string

	// SHA256 is the checksum that the program has to have; empty means any.
	SHA256 []byte

	// Options are passed to the plugin as they are. They are not a place for secrets.
	Options map[string]string

	// Identity is who this node is. Required. The plugin gets nothing of it.
	Identity *identity.Identity

	// Versions are those of the protocol between nodes that this one speaks.
	Versions transport.Versions

	// Logger gets the plugin's standard error, when it is started again, and a line a
	// minute about peers that were refused; nil means none.
	Logger *slog.Logger

	// MaxConns is how many connections the plugin carries at most.
	MaxConns int

	// StartTimeout bounds the start of the process, until it is configured.
	StartTimeout time.Duration

	// DialTimeout bounds the making of a connection, before TLS.
	DialTimeout time.Duration

	// HealthInterval is how often the plugin is asked whether it is well. One that does
	// not answer in HealthTimeout is killed.
	HealthInterval, HealthTimeout time.Duration

	// MinPause and MaxPause bound the pause before the plugin is started again. It
	// doubles with each start, until the plugin has run for a minute.
	MinPause, MaxPause time.Duration
}

func (c Config) resolve() (Config, error) {
	if c.Path == "" {
		return c, fmt.Errorf("%w: no path", ErrConfig)
	}
	if c.Name == "" {
		c.Name = NameOf(c.Path)
	}
	if !nameForm.MatchString(c.Name) {
		return c, fmt.Errorf("%w: %q is no name for a transport", ErrConfig, c.Name)
	}
	if len(c.Options) > maxOptions {
		return c, fmt.Errorf("%w: %d options, at most %d are allowed", ErrConfig, len(c.Options), maxOptions)
	}
	for name, value := range c.Options {
		if len(name)+len(value) > maxOption {
			return c, fmt.Errorf("%w: option %.32q has more than %d bytes", ErrConfig, name, maxOption)
		}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.MaxConns == 0 {
		c.MaxConns = DefaultMaxConns
	}
	orDefault(&c.StartTimeout, DefaultStartTimeout)
	orDefault(&c.DialTimeout, DefaultDialTimeout)
	orDefault(&c.HealthInterval, DefaultHealthInterval)
	orDefault(&c.HealthTimeout, DefaultHealthTimeout)
	orDefault(&c.MinPause, DefaultMinPause)
	orDefault(&c.MaxPause, DefaultMaxPause)
	return c, nil
}

func orDefault(d *time.Duration, value time.Duration) {
	if *d == 0 {
		*d = value
	}
}

// NameOf is the name of the plugin at a path.
func NameOf(path string) string { return strings.TrimSuffix(filepath.Base(path), ".exe") }
