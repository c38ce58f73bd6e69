//go:build failpoints

package identity

import (
	"errors"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/project-iris/iris/transport/failpoint"
)

// A key whose file fails while it is read is no key, and the error names the file.
func TestAKeyFileThatFailsWhileItIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "network.pem")
	if _, err := Create(path); err != nil {
		t.Fatal(err)
	}
	clear := failpoint.Set("read network key", func() error { return syscall.EIO })
	key, err := Load(path)
	clear()
	if key != nil || !errors.Is(err, ErrKeyUnreadable) || !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), path) {
		t.Errorf("key %v, error %v", key, err)
	}
	if _, err := Load(path); err != nil {
		t.Errorf("the key cannot be read afterwards: %v", err)
	}
}
