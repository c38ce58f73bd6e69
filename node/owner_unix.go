//go:build unix

package node

import (
	"os"
	"syscall"
)

// ownedByUser reports whether a file belongs to this user, or to root, whom nobody need fear
// more than himself.
func ownedByUser(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && (int(stat.Uid) == os.Getuid() || stat.Uid == 0 || os.Getuid() == 0)
}
