package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"text/tabwriter"

	"github.com/project-iris/iris/relay/accounts"
	"github.com/project-iris/iris/relay/policy"
)

// writableByOthers says whether the system has a right for others that files tell of.
const writableByOthers = runtime.GOOS != "windows"

// errForbidden says that a policy forbids what was asked for.
var errForbidden = errors.New("forbidden")

func (p *program) policyCommand() *command {
	return &command{
		Name:       "policy",
		ShortUsage: "iris policy check FILE [USER [OPERATION NAME]]",
		ShortHelp:  "say which user may do what, and why",
		LongHelp: `
Works with the files that a node takes with -policy. Each line is a rule:

  allow|deny  WHO  OPERATIONS  NAMES  [rate=N] [most=N]

  allow  user:shop    register,request   shop.*,stock
  allow  group:staff  publish,subscribe  news,news.*  rate=100
  deny   *            tunnel             admin.*
  allow  *            request            public.*

WHO is user:NAME, group:NAME, or * for everybody; numbers will do for names. OPERATIONS are
register, request, broadcast, publish, subscribe and tunnel, or * for all. In NAMES * stands
for any bytes, and %XX for one in hexadecimal. The first rule that fits decides, and what none
fits is forbidden. rate=N is N a second, and most=N is N at a time, each for a user.`,
		FlagSet:     flag.NewFlagSet("policy", flag.ContinueOnError),
		Subcommands: []*command{p.policyCheckCommand()},
		Exec: func(context.Context, []string) error {
			return usagef("iris policy wants check: iris policy check FILE")
		},
	}
}

func (p *program) policyCheckCommand() *command {
	fs := flag.NewFlagSet("check", flag.ContinueOnError)
	return &command{
		Name:       "check",
		ShortUsage: "iris policy check FILE [USER [OPERATION NAME]]",
		ShortHelp:  "read a policy, and say what it lets somebody do",
		LongHelp: `
Reads a policy and says what is wrong with it. With USER, by name or number, or unknown for
somebody whom the system does not tell, it lists the rules about that user for each operation.
With OPERATION and NAME it says whether that is allowed, and by which rule; the exit code is 1
if it is not.

  iris policy check iris.policy shop request stock`,
		FlagSet: fs,
		Exec: func(_ context.Context, args []string) error {
			if len(args) != 1 && len(args) != 2 && len(args) != 4 {
				return usagef("iris policy check wants FILE, FILE USER, or FILE USER OPERATION NAME, got %d arguments", len(args))
			}
			rules, err := loadPolicy(args[0])
			if err != nil {
				return err
			}
			if len(args) == 1 {
				_, err := fmt.Fprintf(p.out, "%s: %d rules\n", args[0], len(rules.Rules()))
				return err
			}
			id, err := whoIs(args[1])
			switch {
			case err != nil:
				return err
			case len(args) == 2:
				return p.listRules(rules, id)
			}
			return p.explain(rules, id, args[1:])
		},
	}
}

// whoIs returns who a user is, with groups as the node finds them.
func whoIs(name string) (policy.Identity, error) {
	if name == "unknown" {
		return policy.Identity{}, nil
	}
	var host accounts.Host
	uid, err := host.User(name)
	if number, wrong := strconv.ParseUint(name, 10, 32); wrong == nil {
		uid, err = uint32(number), nil
	}
	if err != nil {
		return policy.Identity{}, err
	}
	groups, err := host.Groups(uid)
	return policy.Identity{Known: true, UID: uid, Groups: groups}, err
}

// listRules prints the rules about somebody.
func (p *program) listRules(rules *policy.Policy, id policy.Identity) error {
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	for op := range policy.Operation(policy.Operations) {
		about := slices.DeleteFunc(slices.Clone(rules.Rules()), func(r *policy.Rule) bool { return !r.Fits(id) || !r.Covers(op) })
		for _, r := range about {
			fmt.Fprintf(w, "%v\t%v\n", op, r)
		}
		fmt.Fprintf(w, "%v\tall else is forbidden\n", op)
	}
	return w.Flush()
}

// explain says whether somebody may do something, and why.
func (p *program) explain(rules *policy.Policy, id policy.Identity, args []string) error {
	op, ok := policy.ParseOperation(args[1])
	if !ok {
		return usagef("%q is no operation: there are register, request, broadcast, publish, subscribe and tunnel", args[1])
	}
	if !id.Known && rules.NeedsIdentity() {
		return fmt.Errorf("%w: the policy names users or groups, so whoever is not known is not let in", errForbidden)
	}
	d := rules.Decide(id, op, []byte(args[2]))
	if !d.Allowed {
		return fmt.Errorf("%w: %s may not %v %q: %s", errForbidden, args[0], op, args[2], d.Why())
	}
	_, err := fmt.Fprintf(p.out, "allowed: %s may %v %q: %s\n", args[0], op, args[2], d.Why())
	return err
}
