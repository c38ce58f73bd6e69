package quic

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	quicgo "github.com/quic-go/quic-go"
)

// resetFile is the name of the file in the state directory that has what tells this host from
// others: 32 random bytes as hexadecimal digits.
const resetFile = "reset"

// resetKey is the same for a process that comes back at the same address of the
// same host, so that it can end the links of the one before. It differs between
// addresses and hosts: a node that made tokens for another one's links would
// hand them to whoever asks (RFC 9000, section 10.3.2). The host's part is what a name of a
// host is not: different for each, and unknown to others.
func resetKey(network [32]byte, host []byte, addr string) quicgo.StatelessResetKey {
	mac := hmac.New(sha256.New, network[:])
	mac.Write(host)
	mac.Write([]byte(addr))
	return quicgo.StatelessResetKey(mac.Sum(nil))
}

// A hostSource is where what tells this host from others comes from.
type hostSource struct {
	state string // a directory, empty for none
	root  string // of the file system
	name  func() (string, error)
}

// secret returns 32 bytes that no other host has. They last as long as the state directory.
// Without one they last until the system starts anew, where the system tells that: two
// containers of one host differ by their network namespace. Where it tells nothing, they last
// as long as the process: then the peers of one that comes back wait until its links are idle
// for too long.
func (s hostSource) secret() ([]byte, error) {
	sum := sha256.New()
	add := func(b []byte) { sum.Write(withLength(b)) }
	name, _ := s.name()
	add([]byte(name))
	machine := s.read("etc/machine-id")
	add(machine)
	if s.state != "" {
		kept, err := keptSecret(filepath.Join(s.state, resetFile))
		if err != nil {
			return nil, fmt.Errorf("quic: state directory: %w", err)
		}
		add(kept)
		return sum.Sum(nil), nil
	}
	boot := s.read("proc/sys/kernel/random/boot_id")
	space, _ := os.Readlink(filepath.Join(s.root, "proc/self/ns/net"))
	add(boot)
	add([]byte(space))
	if len(machine) == 0 && len(boot) == 0 {
		random := make([]byte, sha256.Size)
		_, _ = rand.Read(random) // never fails
		add(random)
	}
	return sum.Sum(nil), nil
}

// withLength puts the length before bytes, so that what follows is not taken for their end.
func withLength(b []byte) []byte { return append([]byte{byte(len(b))}, b...) }

// read returns what a short file of the system has, nothing if it cannot be read.
func (s hostSource) read(path string) []byte {
	file, err := os.Open(filepath.Join(s.root, path))
	if err != nil {
		return nil
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, 64))
	if err != nil {
		return nil
	}
	return bytes.TrimSpace(b)
}

// keptSecret returns what a file has, which it makes if it is not there or has something else.
func keptSecret(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if kept, err := hex.DecodeString(string(bytes.TrimSpace(text))); err == nil && len(kept) == sha256.Size {
		return kept, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	fresh := make([]byte, sha256.Size)
	_, _ = rand.Read(fresh)                                        // never fails
	made, err := os.CreateTemp(filepath.Dir(path), resetFile+".*") // with mode 0600
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(made, "%x\n", fresh)
	if err = errors.Join(err, made.Close()); err == nil {
		err = os.Rename(made.Name(), path)
	}
	if err != nil {
		return nil, errors.Join(err, os.Remove(made.Name()))
	}
	return fresh, nil
}
