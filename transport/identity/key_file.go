package identity

import (
	"cmp"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"syscall"

	"github.com/project-iris/iris/transport/failpoint"
)

// Load returns the network key in the file at path, in any of the formats that
// the package comment lists. It reads at most 64 KiB. Every error is a
// [*KeyError] and names the file. A file that others may read is loaded; the
// key's Warning tells.
func Load(path string) (*NetworkKey, error) {
	data, warning, err := readKeyFile(path)
	if errors.Is(err, errNoFile) {
		return nil, &KeyError{
			Path: path, Situation: ErrKeyUnreadable, Cause: err,
			Detail: "is no file but a pipe, a socket or a device",
			Advice: "give a file, as a node that starts must not wait for whoever writes there",
		}
	}
	if err != nil {
		return nil, keyUnreadable("can not be read", path, err)
	}
	signer, refused := parseSigner(data)
	if refused != nil {
		refused.Path = path
		return nil, refused
	}
	key := newNetworkKey(signer)
	key.warning = warning
	return key, nil
}

// Create makes a new Ed25519 key, as PEM of PKCS #8 in a new file that only
// its owner may read, and returns it. A file that exists is left alone. Every
// error is a [*KeyError] and names the file.
func Create(path string) (*NetworkKey, error) {
	private := generateEd25519()
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		panic("identity: encoding a new Ed25519 key: " + err.Error()) // all of them can be encoded
	}
	err = writeNewFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if errors.Is(err, fs.ErrExist) {
		return nil, &KeyError{
			Path: path, Situation: ErrKeyExists, Cause: fs.ErrExist,
			Detail: "is not written over another file",
			Advice: "choose another file name, or move that file away first",
		}
	}
	if err != nil {
		return nil, keyUnreadable("can not be written", path, err)
	}
	return newNetworkKey(private), nil
}

// errNoFile is what could have a reader wait without end.
var errNoFile = errors.New("no regular file")

// notAFile is the type of what a key is not read from. Directories cannot be read anyway.
const notAFile = fs.ModeNamedPipe | fs.ModeSocket | fs.ModeDevice | fs.ModeCharDevice | fs.ModeIrregular

// readKeyFile returns up to one byte more than a key file may have, and what
// to warn about.
func readKeyFile(path string) (data []byte, warning string, err error) {
	info, err := os.Stat(path) // first, as to open a device may do something to it
	if err != nil {
		return nil, "", err
	}
	if info.Mode()&notAFile != 0 {
		return nil, "", errNoFile
	}
	// What has taken its place since is not waited for either.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, "", err
	}
	defer file.Close()
	if info, err = file.Stat(); err != nil {
		return nil, "", err
	}
	if info.Mode()&notAFile != 0 {
		return nil, "", errNoFile
	}
	data, err = io.ReadAll(io.LimitReader(file, maxKeySize+1))
	return data, exposure(path, info), cmp.Or(err, failpoint.Hit("read network key"))
}

// exposure says in one line that a file lets others than its owner at the key.
// Windows has no such bits: the mode that Go makes up there says nothing.
func exposure(path string, info fs.FileInfo) string {
	if runtime.GOOS == "windows" || !info.Mode().IsRegular() || info.Mode().Perm()&0o077 == 0 {
		return ""
	}
	return fmt.Sprintf("network key %q can be reached by others than its owner (mode %04o): chmod 600 it",
		path, info.Mode().Perm())
}

// writeNewFile writes data to a file that must not exist yet, durably or not
// at all.
func writeNewFile(path string, data []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	err = errors.Join(err, file.Sync(), file.Close())
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// keyUnreadable reports what the system said about a file, without the path
// that the system repeats.
func keyUnreadable(detail, path string, err error) *KeyError {
	if system, ok := errors.AsType[*fs.PathError](err); ok {
		err = system.Err
	}
	return &KeyError{
		Path: path, Situation: ErrKeyUnreadable, Cause: err,
		Detail: detail,
		Advice: `check the path and its permissions, or ` + adviseNewKey,
	}
}
