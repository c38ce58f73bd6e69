package quic

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// system returns a source that has files of a system.
func system(t *testing.T, files map[string]string) hostSource {
	t.Helper()
	root := t.TempDir()
	for path, text := range files {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return hostSource{root: root, name: func() (string, error) { return "web", nil }}
}

func secretOf(t *testing.T, s hostSource) []byte {
	t.Helper()
	b, err := s.secret()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const (
	machineFile = "etc/machine-id"
	bootFile    = "proc/sys/kernel/random/boot_id"
)

// Hosts of one name differ by what the system says of them, and one host stays the same.
func TestHostsOfOneNameHaveDifferentSecrets(t *testing.T) {
	state := t.TempDir()
	hosts := map[string]func() hostSource{
		"a machine":       func() hostSource { return system(t, map[string]string{machineFile: "aa\n"}) },
		"another machine": func() hostSource { return system(t, map[string]string{machineFile: "bb\n"}) },
		"a machine that has started again": func() hostSource {
			return system(t, map[string]string{machineFile: "aa\n", bootFile: "1\n"})
		},
		"a container without an id": func() hostSource { return system(t, map[string]string{bootFile: "1\n"}) },
		"what looks alike":          func() hostSource { return system(t, map[string]string{machineFile: "a", bootFile: "a1"}) },
		"with a state directory": func() hostSource {
			s := system(t, map[string]string{machineFile: "aa\n", bootFile: "2\n"})
			s.state = state
			return s
		},
		"with another state directory": func() hostSource {
			s := system(t, map[string]string{machineFile: "aa\n"})
			s.state = t.TempDir()
			return s
		},
	}
	seen := make(map[string]string)
	for name, host := range hosts {
		s := host()
		first := secretOf(t, s)
		if !bytes.Equal(first, secretOf(t, s)) {
			t.Errorf("%s: another secret the second time", name)
		}
		if other, has := seen[string(first)]; has {
			t.Errorf("%s has the secret of %s", name, other)
		}
		seen[string(first)] = name
	}
}

// A state directory keeps the secret when the system starts anew.
func TestTheStateDirectoryOutlivesTheSystem(t *testing.T) {
	before, after := system(t, map[string]string{bootFile: "1"}), system(t, map[string]string{bootFile: "2"})
	if bytes.Equal(secretOf(t, before), secretOf(t, after)) {
		t.Error("without a state directory: the same")
	}
	before.state = filepath.Join(t.TempDir(), "new")
	after.state = before.state
	if !bytes.Equal(secretOf(t, before), secretOf(t, after)) {
		t.Error("with a state directory: another one")
	}
	info, err := os.Stat(filepath.Join(before.state, resetFile))
	if err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("the file: %v, %v", info, err)
	}
}

// A system that tells nothing has a secret for each process.
func TestWithoutAnythingTheSecretIsRandom(t *testing.T) {
	s := system(t, nil)
	if bytes.Equal(secretOf(t, s), secretOf(t, s)) {
		t.Error("twice the same")
	}
}

func TestStateThatIsNoSecretIsReplaced(t *testing.T) {
	s := system(t, nil)
	s.state = t.TempDir()
	path := filepath.Join(s.state, resetFile)
	for _, text := range []string{"", "ff", strings.Repeat("z", 64), strings.Repeat("ff", 33)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(secretOf(t, s), secretOf(t, s)) {
			t.Errorf("%q is not replaced", text)
		}
	}
	s.state = path // a file
	if _, err := s.secret(); err == nil {
		t.Error("a file is taken for a directory")
	}
}

// The key of a socket depends on the network, the host and the address.
func TestResetKeys(t *testing.T) {
	one := resetKey([32]byte{1}, []byte("host"), "[::]:14142")
	if one != resetKey([32]byte{1}, []byte("host"), "[::]:14142") {
		t.Error("another key for the same")
	}
	if one == resetKey([32]byte{2}, []byte("host"), "[::]:14142") || one == resetKey([32]byte{1}, []byte("other"), "[::]:14142") ||
		one == resetKey([32]byte{1}, []byte("host"), "[::]:27182") {
		t.Error("the same key for another network, host or address")
	}
}
