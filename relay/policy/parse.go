package policy

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What a file may have.
const (
	maxLine  = 4096 // bytes
	maxRules = 4096
	maxLimit = 1_000_000_000
)

// Accounts knows the users and groups of the host by their names.
type Accounts interface {
	User(name string) (uint32, error)
	Group(name string) (uint32, error)
}

// SyntaxError says what is wrong with a line.
type SyntaxError struct {
	Line int // from 1
	Err  error
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

func (e *SyntaxError) Unwrap() error { return e.Err }

var (
	errFields   = errors.New("a rule is: allow or deny, WHO, OPERATIONS, NAMES, and limits if any")
	errWho      = errors.New("who is *, user:NAME or group:NAME")
	errTooMany  = errors.New("a policy has 4,096 rules at most")
	errControl  = errors.New("there is a character that cannot be printed: write it as %XX")
	errDeny     = errors.New("a rule that denies has no limits")
	errNotHeld  = errors.New("most= is for register, subscribe and tunnel: requests, broadcasts and events do not last")
	errTwice    = errors.New("a limit is given twice")
	errLongLine = errors.New("the line is longer than 4,096 bytes")
)

// Parse reads a policy. What is wrong with it is a [*SyntaxError].
func Parse(from io.Reader, accounts Accounts) (*Policy, error) {
	p := &Policy{}
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, maxLine+2)
	number := 0
	for lines.Scan() {
		number++
		rule, err := parseLine(lines.Text(), accounts)
		switch {
		case err != nil:
			return nil, &SyntaxError{number, err}
		case rule == nil:
			continue
		case len(p.rules) == maxRules:
			return nil, &SyntaxError{number, errTooMany}
		}
		rule.Line = number
		p.rules = append(p.rules, rule)
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return nil, &SyntaxError{number + 1, errLongLine}
	}
	return p, lines.Err()
}

// parseLine returns nil for a line without a rule.
func parseLine(line string, accounts Accounts) (*Rule, error) {
	fields := strings.Fields(line)
	if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
		return nil, nil
	}
	if len(fields) < 4 {
		return nil, errFields
	}
	r := &Rule{Text: strings.Join(fields, " ")}
	if !utf8.ValidString(r.Text) || strings.ContainsFunc(r.Text, func(c rune) bool { return !unicode.IsPrint(c) }) {
		return nil, errControl
	}
	switch fields[0] {
	case "allow":
		r.Allow = true
	case "deny":
	default:
		return nil, fmt.Errorf("%q is neither allow nor deny", fields[0])
	}
	var err error
	if r.who, err = parseWho(fields[1], accounts); err != nil {
		return nil, err
	}
	if err := r.parseOperations(fields[2]); err != nil {
		return nil, err
	}
	for name := range strings.SplitSeq(fields[3], ",") {
		p, err := parsePattern(name)
		if err != nil {
			return nil, err
		}
		r.names = append(r.names, p)
	}
	return r, r.parseLimits(fields[4:])
}

func parseWho(text string, accounts Accounts) (who, error) {
	if text == "*" {
		return who{}, nil
	}
	word, name, _ := strings.Cut(text, ":")
	look, w := accounts.User, who{kind: user}
	switch {
	case name == "" || word != "user" && word != "group":
		return who{}, fmt.Errorf("%q names nobody: %w", text, errWho)
	case word == "group":
		look, w.kind = accounts.Group, group
	}
	if id, err := strconv.ParseUint(name, 10, 32); err == nil {
		w.id = uint32(id)
		return w, nil
	}
	var err error
	if w.id, err = look(name); err != nil {
		return who{}, fmt.Errorf("%s: %w", text, err)
	}
	return w, nil
}

func (r *Rule) parseOperations(text string) error {
	if text == "*" {
		for op := range r.operations {
			r.operations[op] = true
		}
		return nil
	}
	for word := range strings.SplitSeq(text, ",") {
		op, ok := ParseOperation(word)
		if !ok {
			return fmt.Errorf("%q is no operation: there are %s, and * for all", word, strings.Join(operationNames[:], ", "))
		}
		r.operations[op] = true
	}
	return nil
}

func (r *Rule) parseLimits(fields []string) error {
	if len(fields) > 0 && !r.Allow {
		return errDeny
	}
	for _, field := range fields {
		word, number, _ := strings.Cut(field, "=")
		limit := &r.Rate
		switch word {
		case "rate":
		case "most":
			limit = &r.Most
		default:
			return fmt.Errorf("%q is no limit: there are rate=N and most=N", field)
		}
		n, err := strconv.Atoi(number)
		switch {
		case err != nil || n < 1 || n > maxLimit:
			return fmt.Errorf("%q wants a whole number from 1 to 1,000,000,000", field)
		case *limit != 0:
			return errTwice
		}
		*limit = n
	}
	if r.Most > 0 && (r.Covers(Request) || r.Covers(Broadcast) || r.Covers(Publish)) {
		return errNotHeld
	}
	return nil
}
