package gateway

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// minToken is the length of a token that nobody guesses: 128 bits in hexadecimal digits.
const minToken = 32

// LoadToken returns the token in a file. Without the file it makes one, which only the user
// can read, in a directory which only the user can read if that is not there either. A file
// that others can read is refused.
func LoadToken(path string) (token string, made bool, err error) {
	token, err = readToken(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return token, false, err
	}
	switch err := makeToken(path); {
	case errors.Is(err, fs.ErrExist): // somebody else was quicker
	case err != nil:
		return "", false, fmt.Errorf("making the token file %s: %w", path, err)
	default:
		made = true
	}
	token, err = readToken(path)
	return token, made, err
}

func readToken(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		return "", fmt.Errorf("the token file %s can be read by other users: run chmod 600 %s, and make a new one if it was read", path, path)
	}
	b, err := io.ReadAll(io.LimitReader(f, 1<<10))
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(b))
	if len(token) < minToken || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("the token file %s wants one line of at least %d letters and digits; remove it, and a good one is made", path, minToken)
	}
	return token, nil
}

// makeToken makes the file with its content in one step, so that nobody finds half of it.
func makeToken(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".token-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // never fails
	_, err = fmt.Fprintln(f, base64.RawURLEncoding.EncodeToString(secret[:]))
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), path)
}
