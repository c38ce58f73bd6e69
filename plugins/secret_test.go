package plugins_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/project-iris/iris/plugins"
)

// All that passes through a plugin is TLS 1.3: whole records, of the types that there are,
// and nothing of what nodes say to each other.
func TestOnlyTLSPassesThroughThePlugin(t *testing.T) {
	const secret = "attack at dawn, and again "
	dir := t.TempDir()
	w := startTwo(t, func(c *plugins.Config) { c.Options = map[string]string{"tap": dir} })
	a, b := w.link()
	expectAlive(t, a, b, strings.Repeat(secret, 10_000))
	expectAlive(t, b, a, strings.Repeat(secret, 10_000))
	_, _ = w.a.Close(), w.b.Close()

	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 4 {
		t.Fatalf("%d files, %v; want one for each direction at both ends", len(files), err)
	}
	for _, file := range files {
		passed, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if len(passed) < 10_000*len(secret) || strings.Contains(string(passed), secret[:8]) {
			t.Errorf("%d bytes passed, the secret among them: %v", len(passed), strings.Contains(string(passed), secret[:8]))
		}
		if err := checkRecords(passed); err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
		}
	}
}

// checkRecords reads TLS records (RFC 8446, section 5.1): one hello in clear, and a record
// for middle-boxes, and then encrypted ones alone, which all say that they are data.
func checkRecords(b []byte) error {
	for n := 0; len(b) > 0; n++ {
		if len(b) < 5 {
			return fmt.Errorf("%d bytes after record %d", len(b), n)
		}
		kind, version, size := b[0], binary.BigEndian.Uint16(b[1:]), int(binary.BigEndian.Uint16(b[3:]))
		hello, compatible := n == 0 && kind == 22, n == 1 && kind == 20 && size == 1
		if !(hello || compatible || kind == 23) || version>>8 != 3 || size > 1<<14+256 || len(b) < 5+size {
			return fmt.Errorf("record %d is of type %d, version %#x, %d bytes", n, kind, version, size)
		}
		b = b[5+size:]
	}
	return nil
}

func TestCheckRecordsCanFail(t *testing.T) {
	hello, data := []byte{22, 3, 1, 0, 1, 0}, []byte{23, 3, 3, 0, 1, 0}
	for _, row := range []struct {
		bytes [][]byte
		good  bool
	}{
		{[][]byte{hello, data}, true},
		{[][]byte{hello, {20, 3, 3, 0, 1, 1}, data, data}, true},
		{[][]byte{hello, hello}, false},
		{[][]byte{hello, []byte("attack at dawn")}, false},
		{[][]byte{hello, data[:5]}, false},
		{[][]byte{data, {21, 3, 3, 0, 2, 1, 0}}, false},
	} {
		if err := checkRecords(slices.Concat(row.bytes...)); (err == nil) != row.good {
			t.Errorf("%x: %v", row.bytes, err)
		}
	}
}

// The environment and the command line of a plugin hold nothing but what every plugin
// gets.
func TestNoSecretInEnvironmentOrCommandLine(t *testing.T) {
	t.Setenv("IRIS_RSA", "/secret/network.pem")
	t.Setenv("DATABASE_PASSWORD", "secret")
	passed := []string{
		"TZ", "LANG", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR",
	}
	for _, name := range passed {
		t.Setenv(name, "for the plugin")
	}
	file := filepath.Join(t.TempDir(), "report")
	w := startTwo(t)
	path := install(t, plainName)
	start(t, w.network.Node(t), path, func(c *plugins.Config) { c.Options = map[string]string{"report": file} })
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	args, env, found := strings.Cut(string(text), "\n\n")
	if !found || args != path {
		t.Errorf("command line %q, want the path alone", args)
	}
	expected := []string{
		"PATH", "HOME", "TMPDIR", "TZ", "LANG", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
		"SSL_CERT_FILE", "SSL_CERT_DIR", "SystemRoot", "TEMP", "TMP",
		"IRIS_PLUGIN", "PLUGIN_MIN_PORT", "PLUGIN_MAX_PORT", "PLUGIN_PROTOCOL_VERSIONS", "PLUGIN_UNIX_SOCKET_DIR",
		"PLUGIN_CLIENT_CERT", // of go-plugin, on Windows: a certificate without its key
		"GORACE",             // of this test
	}
	for line := range strings.SplitSeq(env, "\n") {
		if name, _, _ := strings.Cut(line, "="); !slices.Contains(expected, name) && name != "" && !strings.HasPrefix(name, "-") {
			t.Errorf("the plugin has %q", line)
		}
	}
	for _, name := range passed {
		if !strings.Contains(env+"\n", "\n"+name+"=for the plugin\n") {
			t.Errorf("the plugin has no %s", name)
		}
	}
	for _, name := range []string{"PATH", "HOME", "TMPDIR"} {
		if value, ok := os.LookupEnv(name); ok && !strings.Contains("\n"+env+"\n", "\n"+name+"="+value+"\n") {
			t.Errorf("the plugin has no %s", name)
		}
	}
	if strings.Contains(string(text), "secret") {
		t.Error("the plugin has a secret")
	}
}

// What a plugin writes is in the log, with its name.
func TestStandardErrorIsLogged(t *testing.T) {
	book := &logbook{}
	w := startTwo(t, withLog(book), func(c *plugins.Config) { c.Options = map[string]string{"say": "it \x1b[31mrains"} })
	_ = errors.Join(w.a.Close(), w.b.Close())
	if got := book.lines("rains"); len(got) != 2 || !strings.Contains(got[0], "plugin=plain") || strings.Contains(got[0], "\x1b") {
		t.Errorf("the log says %q", got)
	}
}
