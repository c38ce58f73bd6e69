package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/project-iris/iris/transport/identity"
)

func (p *program) keygenCommand() *command {
	return &command{
		Name:       "keygen",
		ShortUsage: "iris keygen FILE",
		ShortHelp:  "make a key for a new network",
		LongHelp: `
Makes a private key for a new network (Ed25519, PKCS #8, PEM) in a new file that only
you can read. Every node of the network needs a copy, at its -rsa flag. Whoever has
the file is a member of the network: keep it as you keep passwords.`,
		FlagSet: flag.NewFlagSet("keygen", flag.ContinueOnError),
		Exec: func(_ context.Context, args []string) error {
			if len(args) != 1 {
				return usagef("iris keygen wants the name of one file, got %d arguments", len(args))
			}
			key, err := identity.Create(args[0])
			if err != nil {
				return err
			}
			fmt.Fprintf(p.out, "%s: %s %s\n", args[0], key.Kind(), key.Fingerprint())
			return nil
		},
	}
}
