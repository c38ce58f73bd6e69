package iris

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A function that is called like this and is given bytes or a reader is taken for a decoder.
var decoderName = regexp.MustCompile(`(?i)^(parse|unmarshal|decode|open|receive|scan|split|consume|new\w*reader)`)

var decoderTakes = []string{"[]byte", "io.Reader", "*bufio.Reader"}

// So is one that is called like this and is given text, but for commands: their text is that of who calls them.
var textDecoderName = regexp.MustCompile(`(?i)^(parse|unmarshal|decode|split)`)

// notOutside are functions that look like decoders, and why they need not be fuzzed.
var notOutside = map[string]string{
	"overlay/member Member.openTunnel":           "asks for a tunnel to a name",
	"overlay/remote Remote.openTunnel":           "asks for a tunnel to a name",
	"overlay/tunnel Open":                        "asks for a tunnel to a name",
	"overlay/wire/wiretest Decode":               "is for tests",
	"quic splitControl":                          "reads what the kernel says of a packet",
	"relay/internal/conversation parse":          "is for tests",
	"relay/internal/conversation parseLine":      "is for tests",
	"transport/secure carrier.receive":           "counts bytes, and does not look at them",
	"overlay/wire/wiretest Parse":                "is for tests",
	"overlay/wire/wiretest parseLine":            "is for tests",
	"overlay/membership parseName":               "is transport ParsePeerID",
	"relay/policy ParseOperation":                "reads a word of the command line, and of Parse",
	"relay/policy Rule.parseOperations":          "is part of Parse",
	"relay/policy parseLine":                     "is part of Parse",
	"relay/policy parseWho":                      "is part of Parse",
	"transport SplitAddr":                        "is part of Transport.split",
	"cmd/internal/load parseHeader":              "reads what the load itself has sent",
	"cmd/iris decode":                            "has encoding/json read what the node of this host says",
	"cmd/iris parseConfig":                       "reads the file that whoever runs the node has named",
	"transport/identity parseSigner":             "is part of Parse",
	"transport/identity parseAny":                "is part of Parse",
	"transport/identity parseDER":                "is part of Parse",
	"transport/identity scanPEM":                 "is part of Parse",
	"transport PeerID.UnmarshalText":             "is ParsePeerID",
	"transport/secure/internal/mux receiveClose": "is part of Mux.receiveFrame",
}

// codeOf parses the Go files of this module that a test wants, by their package.
func codeOf(t *testing.T, wanted func(path string) bool, each func(dir string, f *ast.File)) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || path == "cmd/compare" || path == "cmd/ladder"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, ".pb.go") || !wanted(path):
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err == nil {
			each(filepath.ToSlash(filepath.Dir(path)), f)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// decodersOf returns the functions of the code that look like decoders, each as "PACKAGE NAME".
func decodersOf(t *testing.T) map[string]bool {
	found := make(map[string]bool)
	codeOf(t, func(path string) bool { return !strings.HasSuffix(path, "_test.go") }, func(dir string, f *ast.File) {
		for _, decl := range f.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && looksLikeDecoder(dir, fn) {
				found[dir+" "+receiverOf(fn)+fn.Name.Name] = true
			}
		}
	})
	return found
}

func looksLikeDecoder(dir string, fn *ast.FuncDecl) bool {
	return decoderName.MatchString(fn.Name.Name) && takes(fn, decoderTakes...) ||
		textDecoderName.MatchString(fn.Name.Name) && takes(fn, "string") && !strings.HasPrefix(dir, "cmd/")
}

func takes(fn *ast.FuncDecl, kinds ...string) bool {
	return slices.ContainsFunc(fn.Type.Params.List, func(p *ast.Field) bool { return slices.Contains(kinds, types.ExprString(p.Type)) })
}

func receiverOf(fn *ast.FuncDecl) string {
	if fn.Recv == nil {
		return ""
	}
	return strings.TrimPrefix(types.ExprString(fn.Recv.List[0].Type), "*") + "."
}

// targetsOf returns the fuzz targets of the code, in the same form.
func targetsOf(t *testing.T) map[string]bool {
	found := make(map[string]bool)
	codeOf(t, func(path string) bool { return strings.HasSuffix(path, "_test.go") }, func(dir string, f *ast.File) {
		for _, decl := range f.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Fuzz") {
				found[dir+" "+fn.Name.Name] = true
			}
		}
	})
	return found
}

var quoted = regexp.MustCompile("`([^`]+)`")

// Every decoder of bytes from outside is in the list of docs/security.md, with the target that
// fuzzes it.
func TestEveryDecoderIsFuzzed(t *testing.T) {
	page, err := os.ReadFile("docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(page), "\n## Who reads bytes from outside\n")
	list, _, _ = strings.Cut(list, "\n## ")
	decoders, targets := decodersOf(t), targetsOf(t)
	told, fuzzed := make(map[string]bool), make(map[string]bool)
	for line := range strings.Lines(list) {
		cells := strings.Split(line, "|")
		if len(cells) != 6 || !strings.Contains(cells[1], "`") {
			continue
		}
		dir := quoted.FindStringSubmatch(cells[1])[1]
		for _, name := range quoted.FindAllStringSubmatch(cells[2], -1) {
			told[dir+" "+name[1]] = true
		}
		for _, name := range quoted.FindAllStringSubmatch(cells[4], -1) {
			fuzzed[dir+" "+name[1]] = true
		}
	}
	if len(told) == 0 {
		t.Fatal("docs/security.md has no list of decoders")
	}
	for _, name := range slices.Sorted(maps.Keys(decoders)) {
		if !told[name] && notOutside[name] == "" {
			t.Errorf("%s looks like a decoder: it belongs into the list of docs/security.md, with what fuzzes it, or into notOutside", name)
		}
		if told[name] && notOutside[name] != "" {
			t.Errorf("%s is in the list of docs/security.md, and in notOutside", name)
		}
	}
	for name := range told {
		if dir, function, _ := strings.Cut(name, " "); !decoders[name] && !functionExists(t, dir, function) {
			t.Errorf("docs/security.md lists %s, which is not there", name)
		}
	}
	for name := range notOutside {
		if !decoders[name] {
			t.Errorf("notOutside has %s, which is not there", name)
		}
	}
	for name := range targets {
		if !fuzzed[name] {
			t.Errorf("%s is in no row of the list of docs/security.md", name)
		}
	}
	for name := range fuzzed {
		if !targets[name] {
			t.Errorf("docs/security.md has the fuzz target %s, which is not there", name)
		}
	}
}

// functionExists is for decoders whose names do not tell.
func functionExists(t *testing.T, in, name string) (found bool) {
	codeOf(t, func(path string) bool {
		return !strings.HasSuffix(path, "_test.go") && filepath.ToSlash(filepath.Dir(path)) == in
	}, func(_ string, f *ast.File) {
		for _, decl := range f.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && receiverOf(fn)+fn.Name.Name == name {
				found = true
			}
		}
	})
	return found
}
