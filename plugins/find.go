package plugins

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Find returns the program of a plugin in a directory. The error is ErrNotFound if there
// is none, and ErrUnsafe if others than its owner can write the directory.
func Find(dir, name string) (string, error) {
	if !nameForm.MatchString(name) {
		return "", fmt.Errorf("%w: %q is no name of a plugin", ErrNotFound, name)
	}
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	resolved, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", err
	}
	if resolved, err = filepath.Abs(resolved); err != nil {
		return "", err
	}
	if err := checkTree(resolved); err != nil {
		return "", err
	}
	path := filepath.Join(resolved, name)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%w: %s", ErrNotFound, path)
	}
	return path, nil
}

// verify returns the file to execute, without symbolic links, if it is what it has to be:
// a file that only its owner can write, with the checksum if there is one. Who could
// change it between this and its start is its owner.
func verify(path string, sum []byte) (string, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	file, err := filepath.EvalSymlinks(absolute)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%w: %s", ErrNotFound, path)
	}
	if err != nil {
		return "", err
	}
	info, err := os.Stat(file)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%w: %s is no file", ErrNotPlugin, file)
	}
	if err := checkTree(file); err != nil {
		return "", err
	}
	if len(sum) == 0 {
		return file, nil
	}
	return file, checkSum(file, sum)
}

// checkTree checks a path and all directories above it.
func checkTree(path string) error {
	for {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if err := checkOwner(path, info); err != nil {
			return err
		}
		parent := filepath.Dir(path)
		if parent == path {
			return nil
		}
		path = parent
	}
}

func checkSum(path string, want []byte) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	digest := sha256.New()
	if _, err := io.Copy(digest, file); err != nil {
		return err
	}
	if got := digest.Sum(nil); subtle.ConstantTimeCompare(got, want) != 1 {
		return fmt.Errorf("%w: %s has SHA-256 %x, and not %x", ErrChecksum, path, got, want)
	}
	return nil
}
