package iris

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// source is what pages name of the Go files below some directories.
type source struct {
	files map[string]map[string]bool // functions and methods of a file: "f", "T.m"
	names map[string]bool            // these, and types with their packages: "p.T"
	locks map[string]bool            // mutexes of structs: "p.T.field"
}

func readSource(t *testing.T, roots ...string) *source {
	t.Helper()
	s := &source{files: make(map[string]map[string]bool), names: make(map[string]bool), locks: make(map[string]bool)}
	for _, root := range roots {
		err := filepath.WalkDir(root, func(name string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				return err
			}
			f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
			if err == nil {
				s.add(filepath.ToSlash(name), f)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *source) add(name string, f *ast.File) {
	s.files[name] = make(map[string]bool)
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			full := receiver(n) + n.Name.Name
			s.files[name][full], s.names[full] = true, true
		case *ast.TypeSpec:
			full := f.Name.Name + "." + n.Name.Name
			s.names[full] = true
			if fields, ok := n.Type.(*ast.StructType); ok {
				s.addLocks(full, fields)
			}
		}
		return true
	})
}

// receiver returns the type of which a function is a method, with a dot; empty if it is none.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	of := f.Recv.List[0].Type
	if p, ok := of.(*ast.StarExpr); ok {
		of = p.X
	}
	if generic, ok := of.(*ast.IndexExpr); ok {
		of = generic.X
	}
	if name, ok := of.(*ast.Ident); ok {
		return name.Name + "."
	}
	return ""
}

func (s *source) addLocks(of string, fields *ast.StructType) {
	for _, field := range fields.Fields.List {
		if kind, ok := field.Type.(*ast.SelectorExpr); ok && (kind.Sel.Name == "Mutex" || kind.Sel.Name == "RWMutex") {
			for _, name := range field.Names {
				lock := of + "." + name.Name
				_, short, _ := strings.Cut(lock, ".")
				s.locks[lock], s.names[short] = true, true
			}
		}
	}
}

// page returns the text of a page, from a heading to the next one; all of it without a heading.
func page(t *testing.T, name, heading string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if heading == "" {
		return string(b)
	}
	_, text, found := strings.Cut(string(b), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("%s has no heading %q", name, heading)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}

var span = regexp.MustCompile("`[^`]+`")

// spans returns what a text has in the type of code.
func spans(text string) []string {
	all := span.FindAllString(text, -1)
	for i, s := range all {
		all[i] = strings.Trim(s, "`")
	}
	return all
}

// The path of a request in docs/architecture.md names files that there are, and functions that
// are in them.
func TestThePathOfARequestIsThere(t *testing.T) {
	s := readSource(t, "overlay", "relay", "transport")
	var functions int
	for line := range strings.Lines(page(t, "docs/architecture.md", "The path of a request")) {
		var file string
		for _, name := range spans(line) {
			switch {
			case strings.HasSuffix(name, ".go"):
				if !strings.Contains(name, "/") {
					name = path.Join(path.Dir(file), name)
				} else if s.files[name] == nil {
					name = path.Join("overlay", name)
				}
				if file = name; s.files[file] == nil {
					t.Errorf("there is no %s: %s", file, line)
				}
			case !strings.Contains(name, ".") || strings.Contains(name, "/"):
			case !s.names[name]:
				t.Errorf("there is no %s: %s", name, line)
			case strings.HasPrefix(line, "| ") && file != "":
				if functions++; !s.files[file][name] {
					t.Errorf("%s is not in %s: %s", name, file, line)
				}
			}
		}
	}
	if functions < 9 {
		t.Errorf("the path has %d functions", functions)
	}
}

// mutex is how a page names one.
var mutex = regexp.MustCompile(`^([a-z]+\.)?[A-Za-z]+\.(mu|[a-z]+Lock|writing|ending|reviewing)$`)

// The page of locks has every lock of the overlay and of the relay, and none that is not there.
func TestThePageOfLocksIsComplete(t *testing.T) {
	named := make(map[string]bool)
	for _, name := range spans(page(t, "docs/locks.md", "")) {
		named[name] = true
	}
	for lock := range readSource(t, "overlay", "relay").locks {
		short := strings.TrimPrefix(lock, "relay.")
		if !strings.HasPrefix(lock, "client.") && !named[lock] && !named[short] {
			t.Errorf("docs/locks.md does not have %s", lock)
		}
	}
	all := readSource(t, "overlay", "relay", "node", "transport").locks
	for name := range named {
		if mutex.MatchString(name) && !all[name] && !all["relay."+name] {
			t.Errorf("docs/locks.md has %s, which is none", name)
		}
	}
}
