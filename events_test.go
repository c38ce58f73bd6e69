package iris

import (
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// ofNodes matches the directories whose code logs as a node. Of cmd/iris these are some files: the
// others are commands beside a node.
var (
	ofNodes   = regexp.MustCompile(`^(node|overlay|relay|transport|quic|tcp|plugins)(/|$)`)
	notNodes  = regexp.MustCompile(`^(relay/client|plugins/sdk|plugins/websocket)(/|$)`)
	nodeFiles = []string{"cmd/iris/access.go", "cmd/iris/log.go", "cmd/iris/node.go", "cmd/iris/notify.go", "cmd/iris/reload.go", "cmd/iris/serve.go"}
)

// logging are the functions that log, and which of their arguments is the message. Those with a
// small letter are the relay's own.
var logging = map[string]struct {
	level   string
	message int
}{
	"Debug": {"debug", 0}, "Info": {"info", 0}, "Warn": {"warn", 0}, "Error": {"error", 0},
	"Log": {"info, debug", 2}, "NewRecord": {"info", 2},
	"warn": {"warn", 1}, "audit": {"warn", 0}, "summary": {"info", 0},
}

// passedOn are the functions whose message comes from elsewhere, and why that is in the list.
var passedOn = map[string]string{
	"relay.warn":            "its calls are looked at",
	"relay.audit":           "its calls are looked at",
	"relay.summary":         "its calls are looked at",
	"overlay/discovery.say": "what complaints are made with is looked at",
	"cmd/iris.runNode":      "says what is wrong with a key, in a sentence",
	"cmd/iris.prepareNode":  "says what is wrong with a key, in a sentence",
}

// ofEach are keys that all lines of a kind have, of plugins and of the audit.
var ofEach = map[string]bool{"plugin": true, "uid": true, "pid": true}

// An event is a line of the log.
type event struct {
	level string
	keys  map[string]bool
	open  bool // it may have other keys than the code shows where it is logged
}

// eventsOf returns what the code of nodes logs, by the message, and which functions pass a message on.
func eventsOf(t *testing.T) (map[string]*event, map[string]bool) {
	all, passes := make(map[string]*event), make(map[string]bool)
	note := func(message, level string) *event {
		if all[message] == nil {
			all[message] = &event{level: level, keys: make(map[string]bool)}
		}
		if all[message].level != level {
			t.Errorf("%q is logged with level %s, and with level %s", message, level, all[message].level)
		}
		return all[message]
	}
	wanted := func(path string) bool {
		return !strings.HasSuffix(path, "_test.go") && (slices.Contains(nodeFiles, path) || ofNodes.MatchString(path) && !notNodes.MatchString(path))
	}
	codeOf(t, wanted, func(dir string, f *ast.File) {
		for _, decl := range f.Decls {
			function := ""
			if fn, ok := decl.(*ast.FuncDecl); ok {
				function = fn.Name.Name
			}
			ast.Inspect(decl, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.CompositeLit:
					for _, message := range complaintOf(n) {
						note(message, "warn").open = true
					}
				case *ast.CallExpr:
					level, at, ok := logs(n)
					if !ok {
						return true
					}
					messages := constants(decl, n.Args[at])
					if len(messages) == 0 {
						passes[dir+"."+function] = true
					}
					for _, message := range messages {
						keysOf(note(message, level), n, at+1)
					}
				}
				return true
			})
		}
	})
	return all, passes
}

// logs returns the level of a call that logs, and which argument its message is.
func logs(call *ast.CallExpr) (level string, message int, ok bool) {
	selector, is := call.Fun.(*ast.SelectorExpr)
	if !is {
		return "", 0, false
	}
	how, known := logging[selector.Sel.Name]
	if !known || len(call.Args) <= how.message {
		return "", 0, false
	}
	on := strings.ToLower(types.ExprString(selector.X))
	own := !ast.IsExported(selector.Sel.Name)
	if !own && !strings.HasSuffix(on, "log") && !strings.HasSuffix(on, "logger") && !strings.HasSuffix(on, "audit") {
		return "", 0, false
	}
	if own && selector.Sel.Name == "warn" && !strings.HasSuffix(on, "relay") && on != "r" {
		return "", 0, false
	}
	return how.level, how.message, true
}

// constants returns what a message may be: a constant, or one that a variable of the declaration is set to.
func constants(decl ast.Node, message ast.Expr) (all []string) {
	if text, ok := constant(message); ok {
		return []string{text}
	}
	variable, ok := message.(*ast.Ident)
	if !ok {
		return nil
	}
	ast.Inspect(decl, func(n ast.Node) bool {
		if set, ok := n.(*ast.AssignStmt); ok && len(set.Lhs) == 1 && len(set.Rhs) == 1 && types.ExprString(set.Lhs[0]) == variable.Name {
			if text, ok := constant(set.Rhs[0]); ok {
				all = append(all, text)
			}
		}
		return true
	})
	return all
}

// constant returns the text of a literal, or of a sum of some.
func constant(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == token.STRING
	case *ast.BinaryExpr:
		left, a := constant(e.X)
		right, b := constant(e.Y)
		return left + right, a && b && e.Op == token.ADD
	}
	return "", false
}

// complaintOf returns the message of a complaint of package discovery.
func complaintOf(literal *ast.CompositeLit) (all []string) {
	if name, ok := literal.Type.(*ast.Ident); !ok || name.Name != "complaint" {
		return nil
	}
	for _, element := range literal.Elts {
		if field, ok := element.(*ast.KeyValueExpr); ok && types.ExprString(field.Key) == "what" {
			if text, ok := constant(field.Value); ok {
				all = append(all, text)
			}
		}
	}
	return all
}

// keysOf notes the keys of a call, of which the first is the argument at from.
func keysOf(e *event, call *ast.CallExpr, from int) {
	function := types.ExprString(call.Fun)
	e.open = e.open || call.Ellipsis.IsValid() || strings.HasSuffix(function, "NewRecord") || strings.HasSuffix(function, ".summary")
	for i := from; i < len(call.Args); i += 2 {
		if key, ok := constant(call.Args[i]); ok {
			e.keys[key] = true
		}
	}
}

// told is what docs/log.md says of an event, and what its table of keys has.
func told(t *testing.T) (events map[string]*event, keys map[string]bool) {
	events, keys = make(map[string]*event), make(map[string]bool)
	for line := range strings.Lines(page(t, "docs/log.md", "Keys")) {
		if cells := strings.Split(line, "|"); len(cells) == 4 {
			for _, key := range spans(cells[1]) {
				keys[key] = true
			}
		}
	}
	for line := range strings.Lines(page(t, "docs/log.md", "")) {
		cells := strings.Split(line, "|")
		if len(cells) != 6 || len(spans(cells[1])) != 1 {
			continue
		}
		message := spans(cells[1])[0]
		if events[message] != nil {
			t.Errorf("docs/log.md has %q twice", message)
		}
		e := &event{level: strings.TrimSpace(cells[2]), keys: make(map[string]bool)}
		for _, key := range spans(cells[3]) {
			e.keys[key] = true
		}
		if events[message] = e; e.level != "debug" && strings.TrimSpace(cells[4]) == "" {
			t.Errorf("docs/log.md does not tell what to do when the log says %q", message)
		}
	}
	return events, keys
}

// All that a node may log is in docs/log.md, with the level and keys that it has in the code, and
// nothing else is; and a key has one meaning, which is told there.
func TestEveryEventOfTheLogIsTold(t *testing.T) {
	code, passes := eventsOf(t)
	list, keys := told(t)
	used := make(map[string]bool)
	for _, message := range slices.Sorted(maps.Keys(code)) {
		is, says := code[message], list[message]
		maps.Copy(used, is.keys)
		if says == nil {
			t.Errorf("docs/log.md lacks %q, which is logged with level %s and the keys %q", message, is.level, slices.Sorted(maps.Keys(is.keys)))
			continue
		}
		maps.Copy(used, says.keys)
		if says.level != is.level {
			t.Errorf("%q has level %s, and docs/log.md says %s", message, is.level, says.level)
		}
		for key := range is.keys {
			if !says.keys[key] {
				t.Errorf("%q has the key %q, of which docs/log.md says nothing", message, key)
			}
		}
		for key := range says.keys {
			if !is.keys[key] && !is.open {
				t.Errorf("%q has no key %q, as docs/log.md says", message, key)
			}
		}
	}
	for message := range list {
		if code[message] == nil {
			t.Errorf("docs/log.md has %q, which nothing logs", message)
		}
	}
	for key := range used {
		if !keys[key] {
			t.Errorf("the key %q is not in the table of keys of docs/log.md", key)
		}
	}
	for key := range keys {
		if !used[key] && !ofEach[key] {
			t.Errorf("the table of keys of docs/log.md has %q, which no event has", key)
		}
	}
	for name := range passes {
		if passedOn[name] == "" {
			t.Errorf("%s logs a message that is no constant: nobody can look it up in docs/log.md", name)
		}
	}
	for name := range passedOn {
		if !passes[name] {
			t.Errorf("passedOn has %s, which passes no message on", name)
		}
	}
}
