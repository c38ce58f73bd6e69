package iris

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/project-iris/iris"

// rule says what the packages at a path may import of this module, and whether they
// may import other modules.
type rule struct {
	path    string   // of the packages, below the module; "x/..." is x and all below it
	allowed []string // in the same form
	others  bool
	reason  string
}

// rules are looked through from the top: the first that matches a package counts.
var rules = []rule{
	{
		path: "cmd/ladder", allowed: []string{"cmd/internal/...", "node", "overlay/...", "quic", "tcp", "relay/client", "relay/wire", "transport/..."}, others: true,
		reason: "it puts the layers together one by one, to measure each, and is no part of the program",
	},
	{
		path: "cmd/internal/witness", allowed: []string{"relay/client", "relay/wire"},
		reason: "its applications use the binding as any other, and it reads the relay protocol between them and their node, to see what a binding hides",
	},
	{
		path: "cmd/...", allowed: []string{"cmd/...", "node", "node/status", "quic", "tcp", "plugins", "relay/accounts", "relay/client", "relay/policy", "transport", "transport/backoff", "transport/failpoint", "transport/identity"}, others: true,
		reason: "the program puts a command line in front of a node and of the binding, and knows nothing below them",
	},
	{
		path: "node/status/statustest", allowed: nil,
		reason: "to hold text against a file needs nothing of what it says",
	},
	{
		path: "node/status", allowed: []string{"transport"},
		reason: "what a node says of itself is plain data, which whoever shows it can read alone",
	},
	{
		path: "node/page", allowed: nil,
		reason: "the page knows what /v1 says, as any other reader, and nothing of the node",
	},
	{
		path: "node/explain", allowed: []string{"node/status", "overlay", "overlay/balance", "overlay/names", "transport"},
		reason: "to explain who is asked needs the overlay alone, so that a network in memory can be explained too",
	},
	{
		path: "node/trace", allowed: []string{"node/explain", "node/status", "overlay", "overlay/names", "overlay/trace", "transport"},
		reason: "to follow a request needs the overlay alone, so that it can be followed in a network in memory too",
	},
	{
		path: "node", allowed: []string{"node/explain", "node/page", "node/status", "node/trace", "overlay", "overlay/discovery/...", "overlay/sealed", "overlay/traffic", "relay", "relay/policy", "transport/..."}, others: true,
		reason: "a node is given its transports as values, so that there is no registry and a test can give its own; it runs discovery beside the overlay, which needs nothing of it",
	},
	{
		path: "overlay/wire", allowed: []string{"transport"},
		reason: "a codec that needs nothing but the ids of nodes can be read, fuzzed and copied alone",
	},
	{
		path: "overlay/deadline", allowed: nil,
		reason: "a core without clock or lock brings nothing along",
	},
	{
		path: "overlay/ask", allowed: []string{"transport"},
		reason: "a question and its answer need a stream, and do not know what they are about",
	},
	{
		path: "overlay/trace", allowed: []string{"transport"},
		reason: "what records steps does not know who marks them, nor how they are asked for",
	},
	{
		path: "overlay/traffic", allowed: nil,
		reason: "to count needs neither a lock nor a clock, and does not know what is counted",
	},
	{
		path: "overlay/calls", allowed: []string{"overlay/deadline"},
		reason: "a table of calls does not know who calls whom",
	},
	{
		path: "overlay/directory", allowed: []string{"overlay/deadline", "overlay/wire", "transport"},
		reason: "a state machine says what to send and is told what came: it knows neither links nor users",
	},
	{
		path: "overlay/multicast", allowed: []string{"overlay/wire", "transport"},
		reason: "it needs who is linked, a lane to it and where to deliver, and declares these as interfaces",
	},
	{
		path: "overlay/names", allowed: []string{"overlay/balance", "overlay/directory", "overlay/trace", "overlay/wire", "transport", "transport/budget"},
		reason: "a state machine that can be simulated: no lock, clock, goroutine or link",
	},
	{
		path: "overlay/simulate", allowed: nil,
		reason: "it is tests alone, so nothing of it is in a program",
	},
	{
		path: "overlay/scripttest", allowed: nil,
		reason: "what plays scripts does not know what they are about, so that any state machine can have some",
	},
	{
		path: "overlay/lookup", allowed: []string{"overlay/directory", "overlay/names", "overlay/wire", "transport"},
		reason: "it gives two state machines their locks and their time, and does not know links or members",
	},
	{
		path: "overlay/member", allowed: []string{"overlay/balance", "overlay/calls", "overlay/lookup", "overlay/multicast", "overlay/names", "overlay/remote", "overlay/session", "overlay/trace", "overlay/traffic", "overlay/tunnel", "overlay/wire", "transport/budget", "transport/outbox"},
		reason: "members ask by what finds and carries, which does not know them, and know neither who keeps links nor who is in the network",
	},
	{
		path: "overlay/network", allowed: []string{"overlay/directory", "overlay/membership", "overlay/peers", "overlay/roster", "overlay/sealed", "overlay/wire", "transport/..."},
		reason: "who keeps the other nodes and the links to them does not know what is said over these",
	},
	{
		path: "overlay/remote", allowed: []string{"overlay/balance", "overlay/calls", "overlay/names", "overlay/peers", "overlay/session", "overlay/trace", "overlay/tunnel", "overlay/wire", "transport", "transport/budget"},
		reason: "requests and tunnels between two nodes know who asks and who takes them as interfaces that they declare",
	},
	{
		path: "overlay/roster", allowed: []string{"overlay/directory", "overlay/wire", "transport"},
		reason: "a list of nodes has links kept to them through an interface, and does not know who reads it",
	},
	{
		path: "overlay/tunnel", allowed: []string{"overlay/wire", "transport"},
		reason: "an end of a tunnel needs a stream, and does not know whose it is",
	},
	{
		path: "overlay/sealed", allowed: []string{"transport"}, others: true,
		reason: "a seal for packets that needs no socket, clock or link can be tested and read alone",
	},
	{
		path: "overlay/peers", allowed: []string{"transport/..."},
		reason: "who keeps links does not know what they are for",
	},
	{
		path: "overlay/session", allowed: []string{"overlay/peers", "overlay/wire", "transport", "transport/budget", "transport/outbox"},
		reason: "a session hands messages to a handler that it declares, and does not know what they mean",
	},
	{
		path: "overlay/membership", allowed: []string{"transport/..."}, others: true,
		reason: "who is a member does not depend on what members do",
	},
	{
		path: "overlay/...", allowed: []string{"overlay/...", "transport/..."}, others: true,
		reason: "the network between nodes does not know what applications speak, nor how bytes are carried",
	},
	{
		path: "relay/wire", allowed: nil,
		reason: "a codec that needs nothing can be read, fuzzed and copied alone",
	},
	{
		path: "relay/client", allowed: []string{"relay/wire", "transport/backoff", "transport/nowait", "transport/outbox"},
		reason: "what applications import brings nothing of a node, and no dependency, along",
	},
	{
		path: "relay/policy", allowed: nil,
		reason: "who may do what is decided without a socket, a clock or the accounts of a host, so that it can be read and fuzzed alone",
	},
	{
		path: "relay/accounts", allowed: nil,
		reason: "the users of a host are asked for by who needs them, and need nothing",
	},
	{
		path: "relay/peercred", allowed: nil, others: true,
		reason: "who is at the other end of a connection is the kernel's word, and nothing is decided by it here",
	},
	{
		path: "relay/...", allowed: []string{"relay/accounts", "relay/peercred", "relay/policy", "relay/wire", "relay/internal/...", "transport/backoff", "transport/budget", "transport/nowait", "transport/outbox"}, others: true,
		reason: "the relay sees the network only through the interface that it declares, so it is tested against a fake one",
	},
	{
		path: "transport/backoff", allowed: nil,
		reason: "how long to wait needs nothing but a duration",
	},
	{
		path: "transport/failpoint", allowed: nil,
		reason: "whatever asks the system for something can use it, and brings nothing along",
	},
	{
		path: "transport/nowait", allowed: nil,
		reason: "how a socket is written to needs the system and nothing else",
	},
	{
		path: "transport/budget", allowed: nil,
		reason: "who shares what a node has is arithmetic, which relay and overlay need alike",
	},
	{
		path: "transport/outbox", allowed: []string{"transport/budget"},
		reason: "a queue of frames that whatever writes frames can use, the binding of applications included",
	},
	{
		path: "transport/strangers", allowed: nil,
		reason: "who accepts connections of any kind can use it, plugins included",
	},
	{
		path: "transport", allowed: nil,
		reason: "the contract is what others implement: it brings nothing along",
	},
	{
		path: "transport/...", allowed: []string{"transport/..."}, others: true,
		reason: "what transports share knows no particular transport and nothing above",
	},
	{
		path: "quic", allowed: []string{"transport/..."}, others: true,
		reason: "transports do not know each other: any of them can be left out",
	},
	{
		path: "tcp", allowed: []string{"transport/..."}, others: true,
		reason: "transports do not know each other: any of them can be left out",
	},
	{
		path: "plugins/pluginrpc", allowed: nil, others: true,
		reason: "the protocol of plugins is what both sides share: it brings neither along",
	},
	{
		path: "plugins/sdk", allowed: []string{"plugins/pluginrpc"}, others: true,
		reason: "what authors of plugins import brings nothing of a node along",
	},
	{
		path: "plugins/websocket", allowed: []string{"plugins/sdk", "transport/strangers"}, others: true,
		reason: "a plugin is written as anybody else would write it, and knows nothing of links",
	},
	{
		path: "plugins/...", allowed: []string{"plugins/...", "transport/..."}, others: true,
		reason: "transports do not know each other: any of them can be left out",
	},
	{
		path: "", allowed: nil,
		reason: "the root holds no code",
	},
}

func TestImports(t *testing.T) {
	for _, p := range listPackages(t) {
		path := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		i := slices.IndexFunc(rules, func(r rule) bool { return matches(r.path, path) })
		if i < 0 {
			t.Errorf("package %s has no import rule: add it to the layout in docs/architecture.md and a rule here", p.ImportPath)
			continue
		}
		for _, imported := range p.Imports {
			if !rules[i].allows(imported) {
				t.Errorf("%s must not import %s: %s", p.ImportPath, imported, rules[i].reason)
			}
		}
	}
}

// allows reports whether the rule lets its packages import another.
func (r rule) allows(imported string) bool {
	if below, ours := strings.CutPrefix(imported, module+"/"); ours {
		return slices.ContainsFunc(r.allowed, func(pattern string) bool { return matches(pattern, below) })
	}
	standard := !strings.Contains(strings.Split(imported, "/")[0], ".")
	return standard || r.others
}

func matches(pattern, path string) bool {
	if parent, tree := strings.CutSuffix(pattern, "/..."); tree {
		return path == parent || strings.HasPrefix(path, parent+"/")
	}
	return path == pattern
}

type listedPackage struct {
	ImportPath string
	Imports    []string // of the files that are no tests
}

func listPackages(t *testing.T) []listedPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []listedPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listedPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		packages = append(packages, p)
	}
}

func TestRulesCanFail(t *testing.T) {
	relay := rules[slices.IndexFunc(rules, func(r rule) bool { return r.path == "relay/..." })]
	for imported, want := range map[string]bool{
		"io":                               true,
		"golang.org/x/time/rate":           true,
		module + "/relay/wire":             true,
		module + "/transport/outbox":       true,
		module + "/overlay":                false,
		module + "/transport":              false,
		module + "/transport/identity/sub": false,
	} {
		if got := relay.allows(imported); got != want {
			t.Errorf("relay may import %s: %v, want %v", imported, got, want)
		}
	}
	client := rules[slices.IndexFunc(rules, func(r rule) bool { return r.path == "relay/client" })]
	if client.allows("golang.org/x/time/rate") {
		t.Error("relay/client may import another module")
	}
}

// The table of packages in docs/architecture.md has every package, and nothing else.
func TestTheTableOfPackagesIsComplete(t *testing.T) {
	page, err := os.ReadFile("docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	table := make(map[string]bool)
	for line := range strings.Lines(string(page)) {
		names, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " |")
		for name := range strings.SplitSeq(names, ", ") {
			if path := strings.Trim(name, "`"); strings.HasPrefix(line, "| `") && !strings.ContainsAny(path, " -") {
				table[path] = true
			}
		}
	}
	for _, p := range listPackages(t) {
		path := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		if path == "" {
			continue
		}
		if !table[path] {
			t.Errorf("package %s is not in the table of packages", path)
		}
		delete(table, path)
	}
	delete(table, "cmd/compare") // a module of its own
	for path := range table {
		t.Errorf("the table of packages has %s, which is none", path)
	}
}
