package main

import (
	"context"
	"flag"
	"fmt"
	"text/tabwriter"

	"github.com/project-iris/iris/node"
	"github.com/project-iris/iris/transport/identity"
)

// A rotation is the replacement of a key, as the settings of one host are.
type rotation struct {
	Network string `json:"network"`
	Old     string `json:"old"` // fingerprints
	New     string `json:"new"`
	// Step is the last one that the settings have taken, 0 for none, 3 for all.
	Step int `json:"step"`
}

func (p *program) rotateCommand() *command {
	var f nodeFlags
	var to string
	var raw bool
	fs := flag.NewFlagSet("rotate", flag.ContinueOnError)
	f.register(fs)
	fs.StringVar(&to, "to", "", "`file` with the key that replaces the other one")
	fs.BoolVar(&raw, "json", false, "print where the settings stand in JSON")
	return &command{
		Name:       "rotate",
		ShortUsage: "iris rotate -to FILE -config FILE [flags of a node]",
		ShortHelp:  "print how the key of a network is replaced, and where this host stands",
		LongHelp: `
Prints the three steps by which the nodes of a network get another key without a restart, and
which of them the settings of this host have taken. It changes nothing, and sees the settings
of this host alone: a node has taken them when its log says so after SIGHUP. A step has to be
done on all nodes before the next one.

  iris keygen new.pem
  iris rotate -to new.pem -config /etc/iris/iris.conf`,
		FlagSet: fs,
		Config:  &f.config,
		Own:     []string{"to", "json"},
		Exec: func(_ context.Context, args []string) error {
			switch {
			case len(args) > 0:
				return usagef("iris rotate wants no arguments, got %d", len(args))
			case to == "":
				return usagef("which key is the new one? name its file with -to FILE; iris keygen makes one")
			case f.dev:
				return usagef("a network of -dev has no key to be replaced")
			}
			config, err := f.resolve()
			if err != nil {
				return err
			}
			fresh, err := identity.Load(to)
			if err != nil {
				return err
			}
			r, old := rotationOf(config, fresh, &f)
			if raw {
				return p.sayJSON(r)
			}
			return p.sayRotation(r, old, to)
		},
	}
}

// rotationOf returns where settings stand, and the file with the old key.
func rotationOf(config node.Config, fresh *identity.NetworkKey, f *nodeFlags) (r rotation, old string) {
	r = rotation{Network: config.Network, New: fresh.Fingerprint()}
	signs := config.Key.Fingerprint() == r.New
	accepts := false
	for i, key := range config.Accept {
		switch {
		case key.Fingerprint() == r.New:
			accepts = true
		case r.Old == "":
			r.Old, old = key.Fingerprint(), f.accept[i]
		}
	}
	if !signs {
		r.Old, old = config.Key.Fingerprint(), f.key
	}
	switch {
	case signs && r.Old == "":
		r.Step, old = 3, "OLD"
	case signs:
		r.Step = 2
	case accepts:
		r.Step = 1
	}
	return r, old
}

// sayRotation prints the steps with the files of this host.
func (p *program) sayRotation(r rotation, old, fresh string) error {
	fmt.Fprintf(p.out, "network %q gets the key %s\n\n", plain(r.Network), r.New)
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "STEP\tSETTINGS OF EACH NODE\tTHIS HOST")
	for i, settings := range []string{
		"rsa = " + old + ", accept = " + fresh,
		"rsa = " + fresh + ", accept = " + old,
		"rsa = " + fresh + ", no accept",
	} {
		state := "to do"
		if i+1 <= r.Step {
			state = "done"
		}
		fmt.Fprintf(w, "%d\t%s\t%s\n", i+1, plain(settings), state)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	next := "The settings of this host have the new key alone: remove the old one's file when all nodes have."
	if r.Step < 3 {
		next = fmt.Sprintf("Take step %d on one node after the other: change its settings, and send it SIGHUP. "+
			"Do that when\nall nodes have taken step %d, and not before.", r.Step+1, r.Step)
		if r.Step == 0 {
			next = "Take step 1 on one node after the other: change its settings, and send it SIGHUP."
		}
	}
	_, err := fmt.Fprintf(p.out, "\n%s\n", next)
	return err
}
