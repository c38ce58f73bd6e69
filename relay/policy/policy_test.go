package policy_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/project-iris/iris/relay/policy"
)

// host has a few users and groups.
type host struct{}

func (host) User(name string) (uint32, error) {
	return find(name, map[string]uint32{"ann": 1, "bob": 2})
}
func (host) Group(name string) (uint32, error) { return find(name, map[string]uint32{"staff": 10}) }

func find(name string, in map[string]uint32) (uint32, error) {
	if id, ok := in[name]; ok {
		return id, nil
	}
	return 0, errors.New("there is nobody of that name")
}

func parse(t testing.TB, text string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse(strings.NewReader(text), host{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestTheFirstRuleThatFitsDecides(t *testing.T) {
	p := parse(t, `
# the shop
deny   user:bob     request          orders.secret
allow  group:staff  request,publish  orders.*,news
allow  user:2       *                bob.*.x,a%2cb
deny   *            tunnel           admin
allow  *            tunnel,subscribe *
`)
	ann := policy.Identity{Known: true, UID: 1, Groups: []uint32{9, 10}}
	bob := policy.Identity{Known: true, UID: 2, Groups: []uint32{10}}
	eve := policy.Identity{Known: true, UID: 3}
	unknown := policy.Identity{UID: 2, Groups: []uint32{10}} // what it has besides says nothing
	for _, c := range []struct {
		id   policy.Identity
		op   policy.Operation
		name string
		want bool
		line int // 0: no rule
	}{
		{ann, policy.Request, "orders.secret", true, 4},
		{bob, policy.Request, "orders.secret", false, 3},
		{bob, policy.Request, "orders.open", true, 4},
		{bob, policy.Request, "orders", false, 0},
		{ann, policy.Publish, "news", true, 4},
		{ann, policy.Publish, "news2", false, 0},
		{ann, policy.Register, "orders.open", false, 0},
		{eve, policy.Request, "orders.open", false, 0},
		{unknown, policy.Request, "orders.open", false, 0},
		{bob, policy.Register, "bob.1.2.x", true, 5},
		{bob, policy.Register, "bob..x", true, 5},
		{bob, policy.Register, "bob.x", false, 0},
		{bob, policy.Broadcast, "a,b", true, 5},
		{ann, policy.Tunnel, "admin", false, 6},
		{unknown, policy.Tunnel, "admin2", true, 7},
		{unknown, policy.Subscribe, "", true, 7},
	} {
		d := p.Decide(c.id, c.op, []byte(c.name))
		line := 0
		if d.Rule != nil {
			line = d.Rule.Line
		}
		if d.Allowed != c.want || line != c.line {
			t.Errorf("%v may %v %q: %v by line %d, want %v by line %d", c.id, c.op, c.name, d.Allowed, line, c.want, c.line)
		}
	}
}

func TestAPolicyWithoutRulesForbidsAll(t *testing.T) {
	p := parse(t, "# nothing\n\n")
	if d := p.Decide(policy.Identity{Known: true}, policy.Request, []byte("x")); d.Allowed || d.Why() != "no rule allows it" {
		t.Errorf("got %v, %s", d, d.Why())
	}
	if p.NeedsIdentity() || p.MayAny(policy.Identity{}, policy.Request) {
		t.Error("it says that somebody may do something, or that it matters who")
	}
	if !parse(t, "deny user:ann request x").NeedsIdentity() || parse(t, "allow * request x").NeedsIdentity() {
		t.Error("it does not say whether it matters who")
	}
}

func TestWhatIsWrongWithAPolicyIsSaidWithItsLine(t *testing.T) {
	for line, want := range map[string]string{
		"permit * request x":                   "neither allow nor deny",
		"allow * request":                      "a rule is:",
		"allow ann request x":                  "names nobody",
		"allow user: request x":                "names nobody",
		"allow user:eve request x":             "there is nobody of that name",
		"allow group:ann request x":            "there is nobody of that name",
		"allow * ask x":                        `"ask" is no operation`,
		"allow * request x,":                   "a name is empty",
		"allow * request x%2":                  "two hexadecimal digits",
		"allow * request x%zz":                 "two hexadecimal digits",
		"allow * request x%+1":                 "two hexadecimal digits",
		"allow * request x y":                  "is no limit",
		"allow * request x rate=0":             "a whole number",
		"allow * request x rate=1 rate=2":      "twice",
		"allow * request x most=2":             "do not last",
		"deny * request x rate=1":              "has no limits",
		"allow * request x\x1b[2J":             "cannot be printed",
		"allow * request " + long(1025):        "longer than 1,024",
		"allow * request x" + long(5000):       "longer than 4,096",
		"allow user:99999999999999 register x": "there is nobody",
	} {
		_, err := policy.Parse(strings.NewReader("# one\n"+line+"\n"), host{})
		wrong := (*policy.SyntaxError)(nil)
		if !errors.As(err, &wrong) || wrong.Line != 2 || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: got %v, want line 2 and %q", line, err, want)
		}
	}
	if _, err := policy.Parse(strings.NewReader(strings.Repeat("deny * * *\n", 4097)), host{}); err == nil || !strings.Contains(err.Error(), "4,096 rules") {
		t.Errorf("4,097 rules: %v", err)
	}
}

func long(n int) string { return strings.Repeat("x", n) }

// slow is the meaning of a pattern without escapes, and takes exponential time.
func slow(pattern, name string) bool {
	switch {
	case pattern == "":
		return name == ""
	case pattern[0] == '*':
		return slow(pattern[1:], name) || name != "" && slow(pattern, name[1:])
	}
	return name != "" && pattern[0] == name[0] && slow(pattern[1:], name[1:])
}

func FuzzPattern(f *testing.F) {
	f.Add("a*b*c", "axbbc")
	f.Add("**", "")
	f.Add("a*a", "a")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(pattern) > 12 || len(name) > 16 || strings.ContainsAny(pattern, "%,# ") {
			return
		}
		p, err := policy.Parse(strings.NewReader("allow * request "+pattern), host{})
		if err != nil || len(p.Rules()) != 1 {
			return
		}
		got := p.Decide(policy.Identity{}, policy.Request, []byte(name)).Allowed
		text := strings.TrimPrefix(p.Rules()[0].Text, "allow * request ")
		if want := slow(text, name); got != want {
			t.Errorf("%q matches %q: %v, want %v", text, name, got, want)
		}
	})
}

// What was read is written in a way that reads as the same.
func FuzzParse(f *testing.F) {
	f.Add([]byte("allow user:ann request,tunnel a*,%20 rate=5\ndeny * * *"))
	f.Add([]byte("allow group:7 register x most=1\r\n#"))
	f.Fuzz(func(t *testing.T, file []byte) {
		p, err := policy.Parse(bytes.NewReader(file), host{})
		if err != nil {
			return
		}
		var text strings.Builder
		for _, r := range p.Rules() {
			fmt.Fprintln(&text, r.Text)
		}
		again, err := policy.Parse(strings.NewReader(text.String()), host{})
		if err != nil || len(again.Rules()) != len(p.Rules()) {
			t.Fatalf("%q: %v", text.String(), err)
		}
		id := policy.Identity{Known: true, UID: 1, Groups: []uint32{10}}
		for op := range policy.Operation(policy.Operations) {
			if p.Decide(id, op, file).Allowed != again.Decide(id, op, file).Allowed {
				t.Errorf("%v: the two differ", op)
			}
		}
	})
}
