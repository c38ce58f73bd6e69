package main

import (
	"encoding/hex"
	"flag"
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/project-iris/iris/node"
	"github.com/project-iris/iris/plugins"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity"
)

// pluginFlags say which programs are transports, and how they are run.
type pluginFlags struct {
	dir     string
	options list
	sums    list
}

func (f *pluginFlags) register(fs *flag.FlagSet) {
	fs.StringVar(&f.dir, "plugins", "", "`DIR` with transport plugins, for -transport to name; only its owner may write it")
	fs.Var(&f.options, "plugin-opt", "`NAME.OPTION=VALUE` for a transport plugin; repeatable, or separated by commas")
	fs.Var(&f.sums, "plugin-sha256", "`NAME=HEX`, the checksum that a plugin's file has to have; repeatable, or separated by commas")
}

// transport returns the plugin that -transport names, by its name or its path.
func (f *pluginFlags) transport(named string) (node.NewTransport, error) {
	path := named
	if !strings.ContainsAny(named, `/\`) {
		if f.dir == "" {
			return nil, usagef("-transport %q: there are quic and tcp, and plugins, by their path or in -plugins DIR", named)
		}
		var err error
		if path, err = plugins.Find(f.dir, named); err != nil {
			return nil, err
		}
	}
	config := plugins.Config{Path: path, Name: plugins.NameOf(path), Options: map[string]string{}}
	for _, option := range f.options {
		if key, value, _ := strings.Cut(option, "="); strings.HasPrefix(key, config.Name+".") {
			config.Options[strings.TrimPrefix(key, config.Name+".")] = value
		}
	}
	for _, sum := range f.sums {
		if name, digits, _ := strings.Cut(sum, "="); name == config.Name {
			config.SHA256, _ = hex.DecodeString(digits) // which check has done before
		}
	}
	return func(id *identity.Identity, versions transport.Versions, log *slog.Logger) (transport.Transport, error) {
		config.Identity, config.Versions, config.Logger = id, versions, log
		return plugins.New(config)
	}, nil
}

// check finds what would be passed over in silence: options and checksums of plugins that
// are not used, a checksum above all.
func (f *pluginFlags) check(used list) error {
	isUsed := map[string]bool{}
	for _, named := range used {
		isUsed[plugins.NameOf(filepath.ToSlash(named))] = known[named] == nil
	}
	for _, option := range f.options {
		key, _, given := strings.Cut(option, "=")
		name, key, dotted := strings.Cut(key, ".")
		if !given || !dotted || key == "" {
			return usagef("-plugin-opt %q is not NAME.OPTION=VALUE", option)
		}
		if !isUsed[name] {
			return usagef("-plugin-opt %q: -transport does not name a plugin %q", option, name)
		}
	}
	for _, sum := range f.sums {
		name, digits, _ := strings.Cut(sum, "=")
		if bytes, err := hex.DecodeString(digits); err != nil || len(bytes) != 32 {
			return usagef("-plugin-sha256 %q is not NAME=HEX with 64 digits", sum)
		}
		if !isUsed[name] {
			return usagef("-plugin-sha256 %q: -transport does not name a plugin %q", sum, name)
		}
	}
	return nil
}
