//go:build unix && !linux

package plugins_test

// diesWithParent says whether the kernel kills a plugin whose node has died.
const diesWithParent = false
