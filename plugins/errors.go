package plugins

import (
	"errors"
	"fmt"

	"github.com/project-iris/iris/plugins/pluginrpc"
)

// What can be wrong with a plugin.
var (
	// ErrConfig is a configuration that cannot be.
	ErrConfig = errors.New("plugins: bad configuration")

	// ErrNotFound is a name without a program in the directory of plugins.
	ErrNotFound = errors.New("plugins: no such plugin")

	// ErrUnsafe is a program that others could have written.
	ErrUnsafe = errors.New("plugins: others can write it")

	// ErrChecksum is a program that is not the one expected.
	ErrChecksum = errors.New("plugins: checksum differs")

	// ErrNotPlugin is a program that does not behave like a plugin.
	ErrNotPlugin = errors.New("plugins: not a transport plugin")

	// ErrVersion is a plugin with another protocol version; the error is a *VersionError.
	ErrVersion = errors.New("plugins: another protocol version")

	// ErrProtocol is a plugin that said what it must not.
	ErrProtocol = errors.New("plugins: plugin broke the protocol")

	// ErrDown is a plugin that does not run at the moment.
	ErrDown = errors.New("plugins: plugin is not running")

	// ErrHangs is a plugin that does not answer.
	ErrHangs = errors.New("plugins: plugin does not answer")

	// ErrExited is a plugin whose process has ended.
	ErrExited = errors.New("plugins: plugin has exited")

	// ErrLimit is a connection above Config.MaxConns.
	ErrLimit = errors.New("plugins: too many connections")
)

// A VersionError is a plugin that speaks another version of the protocol.
type VersionError struct {
	Plugin string // its version, as it says
}

// Error has both versions.
func (e *VersionError) Error() string {
	return fmt.Sprintf("plugins: plugin speaks protocol version %q, this node %d: build it anew", e.Plugin, pluginrpc.Version)
}

// Is makes the error match ErrVersion.
func (e *VersionError) Is(target error) bool { return target == ErrVersion }
