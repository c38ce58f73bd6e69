package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/project-iris/iris/node"
)

// checkFlags are those of iris check, beside the flags of a node.
type checkFlags struct{ json, sample bool }

// A checked is what a configuration comes to.
type checked struct {
	Good     bool     `json:"good"`
	Errors   []string `json:"errors,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
	// Network, Key and Accept are the name of the network, the fingerprint of the key that
	// the node signs with, and those of the others that it accepts. With -dev each start
	// makes its own.
	Network  string       `json:"network,omitempty"`
	Key      string       `json:"key,omitempty"`
	Accept   []string     `json:"accept,omitempty"`
	Settings []settingRow `json:"settings"`
}

// A settingRow is a setting that is not left to its default.
type settingRow struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	From  string `json:"from"` // FILE:LINE, a variable, or "command line"
}

func (p *program) checkCommand() *command {
	var f nodeFlags
	var own checkFlags
	fs := flag.NewFlagSet("check", flag.ContinueOnError)
	f.register(fs)
	fs.BoolVar(&own.json, "json", false, "print what was found in JSON")
	fs.BoolVar(&own.sample, "sample", false, "print a configuration in which all settings are explained and none is set")
	c := &command{
		Name:       "check",
		ShortUsage: "iris check -config FILE [flags of a node]\n  iris check -sample",
		ShortHelp:  "say whether a node would start with a configuration, and print a sample",
		LongHelp: `
Reads a configuration as a node does that is started with the same flags and in the same
environment, and says what is wrong, or what is set and where: without to start a node, so
that ports are not tried. Keys and plugins are looked at.

  iris check -config /etc/iris/iris.conf && systemctl reload iris

With -sample it prints a configuration to begin with:

  iris check -sample > iris.conf

The exit code is 0 if all is right, and 1 or 2 if not.`,
		FlagSet: fs,
		Config:  &f.config,
		Own:     []string{"json", "sample"},
	}
	c.Exec = func(_ context.Context, args []string) error {
		switch {
		case len(args) > 0:
			return usagef("iris check wants no arguments, got %d: the file is named by -config", len(args))
		case own.sample:
			return writeSample(p.out)
		}
		return p.check(c, &f, own.json)
	}
	c.Failed = func(err error) bool { return own.json && p.sayWrong(err) }
	return c
}

// check says what the flags come to, or returns what is wrong with them.
func (p *program) check(c *command, f *nodeFlags, raw bool) error {
	config, err := f.resolve()
	if err != nil {
		return err
	}
	if _, err := f.log.parseLevel(); err != nil {
		return err
	}
	found := checked{
		Good: true, Network: config.Network, Key: config.Key.Fingerprint(), Warnings: warnings(config), Settings: c.settings(),
	}
	for _, key := range config.Accept {
		found.Accept = append(found.Accept, key.Fingerprint())
	}
	if raw {
		return p.sayJSON(found)
	}
	return p.sayChecked(found, config)
}

// settings returns what is set, in the order of names.
func (c *command) settings() []settingRow {
	all := []settingRow{}
	c.FlagSet.Visit(func(f *flag.Flag) {
		if !slices.Contains(c.Own, f.Name) {
			all = append(all, settingRow{f.Name, f.Value.String(), c.origin(f.Name)})
		}
	})
	return all
}

// sayChecked prints what is set, and that it is right.
func (p *program) sayChecked(found checked, config node.Config) error {
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	if len(found.Settings) > 0 {
		fmt.Fprintln(w, "SETTING\tVALUE\tFROM")
	}
	for _, s := range found.Settings {
		fmt.Fprintf(w, "%s\t%s\t%s\n", s.Name, plain(s.Value), plain(s.From))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, warning := range found.Warnings {
		fmt.Fprintf(p.out, "warning: %s\n", warning)
	}
	for _, key := range config.Accept {
		fmt.Fprintf(p.out, "accepts %v\n", key)
	}
	_, err := fmt.Fprintf(p.out, "good: network %q, %v\n", found.Network, config.Key)
	return err
}

// sayWrong prints what is wrong in JSON, and reports whether it could.
func (p *program) sayWrong(err error) bool {
	return p.sayJSON(checked{Errors: strings.Split(err.Error(), "\n"), Settings: []settingRow{}}) == nil
}

// sayJSON prints a value for other programs.
func (p *program) sayJSON(v any) error {
	encoder := json.NewEncoder(p.out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}
