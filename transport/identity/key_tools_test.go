package identity

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Files as the usual tools write them, where those are installed.
func TestLoadFilesOfTools(t *testing.T) {
	rows := []struct {
		command string // FILE stands for the file to make
		kind    string
		refused error
	}{
		{"openssl genrsa -out FILE 2048", "RSA-2048", nil},
		{"openssl genrsa -traditional -out FILE 2048", "RSA-2048", nil},
		{"openssl genrsa -aes256 -passout pass:secret -out FILE 2048", "", ErrKeyEncrypted},
		{"openssl genrsa -traditional -aes256 -passout pass:secret -out FILE 2048", "", ErrKeyEncrypted},
		{"openssl genrsa -out FILE 1024", "", ErrKeyWeak},
		{"openssl genrsa -out FILE 512", "", ErrKeyWeak},
		{"openssl genpkey -algorithm ed25519 -out FILE", "Ed25519", nil},
		{"openssl genpkey -algorithm ed25519 -outform DER -out FILE", "Ed25519", nil},
		{"openssl genpkey -algorithm ed448 -out FILE", "", ErrKeyDamaged},
		{"openssl ecparam -name prime256v1 -genkey -out FILE", "ECDSA-P-256", nil},
		{"openssl ecparam -name secp384r1 -genkey -noout -out FILE", "ECDSA-P-384", nil},
		{"openssl ecparam -name secp256k1 -genkey -out FILE", "", ErrKeyDamaged},
		{"ssh-keygen -q -t ed25519 -N  -f FILE", "Ed25519", nil},
		{"ssh-keygen -q -t rsa -b 2048 -N  -f FILE", "RSA-2048", nil},
		{"ssh-keygen -q -t rsa -b 2048 -m PEM -N  -f FILE", "RSA-2048", nil},
		{"ssh-keygen -q -t ecdsa -b 521 -N  -f FILE", "ECDSA-P-521", nil},
		{"ssh-keygen -q -t ed25519 -N secret -f FILE", "", ErrKeyEncrypted},
	}
	for _, row := range rows {
		t.Run(row.command, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "key")
			arguments := strings.Split(strings.ReplaceAll(row.command, "FILE", path), " ")
			if _, err := exec.LookPath(arguments[0]); err != nil {
				t.Skip(err)
			}
			if output, err := exec.CommandContext(t.Context(), arguments[0], arguments[1:]...).CombinedOutput(); err != nil {
				t.Skipf("this version does not: %v: %s", err, output)
			}
			key, err := Load(path)
			if !errors.Is(err, row.refused) {
				t.Fatalf("error %v, want %v", err, row.refused)
			}
			if err == nil && key.Kind() != row.kind {
				t.Errorf("kind %s, want %s", key.Kind(), row.kind)
			}
		})
	}
}
