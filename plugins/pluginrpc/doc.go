// Package pluginrpc is what a node and a transport plugin say to each other:
// transport.proto, the code generated from it, and the constants of both sides.
//
// docs/plugins.md describes the protocol for those who write a plugin in another language
// than Go; in Go, package sdk speaks it.
package pluginrpc

import "time"

//go:generate go test -run TestGeneratedCodeIsCurrent . -update

// Version is the version of the protocol, the second field of the line with which a
// plugin begins. It changes when a plugin of before would not work any more.
const Version = 2

// Name is what go-plugin calls the service.
const Name = "transport"

// CookieKey and CookieValue are the environment variable by which a program sees that a
// node has started it as a plugin. They are no secret.
const (
	CookieKey   = "IRIS_PLUGIN"
	CookieValue = "transport"
)

// SocketDirKey is the environment variable with the directory for Unix sockets. It is of
// go-plugin.
const SocketDirKey = "PLUGIN_UNIX_SOCKET_DIR"

// Limits of both sides.
const (
	// IDSize is the size of a connection's id, in bytes.
	IDSize = 16
	// MaxAddress is the length of an address, in bytes.
	MaxAddress = 255
	// MaxMessage is the size of any message, in bytes.
	MaxMessage = 512 << 10
)

// ClaimTimeout is how long a connection waits to be carried.
const ClaimTimeout = 10 * time.Second
