package policy

import (
	"fmt"
	"slices"
)

// Operation is what an application does with a name.
type Operation uint8

// The operations.
const (
	Register Operation = iota
	Request
	Broadcast
	Publish
	Subscribe
	Tunnel

	// Operations is how many there are.
	Operations = iota
)

var operationNames = [Operations]string{"register", "request", "broadcast", "publish", "subscribe", "tunnel"}

func (o Operation) String() string {
	if o < Operations {
		return operationNames[o]
	}
	return fmt.Sprintf("operation %d", uint8(o))
}

// ParseOperation returns the operation that a word names.
func ParseOperation(word string) (Operation, bool) {
	i := slices.Index(operationNames[:], word)
	return Operation(max(i, 0)), i >= 0
}

// Identity is who an application is.
type Identity struct {
	Known  bool     // whether the other fields say anything
	UID    uint32   // the user
	Groups []uint32 // the groups that the user is in
}

// Rule is a line of the file.
type Rule struct {
	Line  int    // in the file, from 1
	Text  string // as it is written there, with single spaces
	Allow bool
	Rate  int // operations a second for each user; 0: no limit
	Most  int // at a time for each user; 0: no limit

	who        who
	operations [Operations]bool
	names      []pattern
}

func (r *Rule) String() string { return fmt.Sprintf("line %d: %s", r.Line, r.Text) }

// who is whom a rule is about.
type who struct {
	kind kind
	id   uint32
}

type kind uint8

const (
	everybody kind = iota
	user
	group
)

func (w who) fits(id Identity) bool {
	switch {
	case w.kind == everybody:
		return true
	case !id.Known:
		return false
	case w.kind == user:
		return w.id == id.UID
	}
	return slices.Contains(id.Groups, w.id)
}

// Fits reports whether a rule is about somebody.
func (r *Rule) Fits(id Identity) bool { return r.who.fits(id) }

// Covers reports whether a rule is about an operation.
func (r *Rule) Covers(op Operation) bool { return op < Operations && r.operations[op] }

// Policy is the rules of a file. It is never changed.
type Policy struct{ rules []*Rule }

// Rules returns the rules in their order. They must not be changed.
func (p *Policy) Rules() []*Rule { return p.rules }

// NeedsIdentity reports whether a rule names a user or a group.
func (p *Policy) NeedsIdentity() bool {
	return slices.ContainsFunc(p.rules, func(r *Rule) bool { return r.who.kind != everybody })
}

// Decision is what a policy says about one thing.
type Decision struct {
	Allowed bool
	Rule    *Rule // that decides; nil: none fits
}

// Why says which rule decides.
func (d Decision) Why() string {
	if d.Rule == nil {
		return "no rule allows it"
	}
	return d.Rule.String()
}

// Decide says whether somebody may do something with a name. It looks at no limits.
func (p *Policy) Decide(id Identity, op Operation, name []byte) Decision {
	for _, r := range p.rules {
		if r.Covers(op) && r.who.fits(id) && r.matches(name) {
			return Decision{Allowed: r.Allow, Rule: r}
		}
	}
	return Decision{}
}

// MayAny reports whether there is a rule that allows somebody an operation with some name.
// One that denies it before, for the same names or more, is not looked at.
func (p *Policy) MayAny(id Identity, op Operation) bool {
	return slices.ContainsFunc(p.rules, func(r *Rule) bool { return r.Allow && r.Covers(op) && r.who.fits(id) })
}

func (r *Rule) matches(name []byte) bool {
	for _, p := range r.names {
		if p.matches(name) {
			return true
		}
	}
	return false
}
