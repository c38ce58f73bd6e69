//go:build unix

package plugins

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// checkOwner makes sure that only root and this user can write a file or directory. A
// directory that is sticky may be written by others: they cannot replace what is not
// theirs in it.
func checkOwner(path string, info fs.FileInfo) error {
	owner := int(info.Sys().(*syscall.Stat_t).Uid)
	if owner != 0 && owner != os.Geteuid() {
		return fmt.Errorf("%w: %s belongs to user %d, who is neither root nor the user of this node", ErrUnsafe, path, owner)
	}
	sticky := info.IsDir() && info.Mode()&fs.ModeSticky != 0
	if info.Mode().Perm()&0o022 != 0 && !sticky {
		return fmt.Errorf("%w: %s has mode %v (chmod go-w)", ErrUnsafe, path, info.Mode())
	}
	return nil
}
