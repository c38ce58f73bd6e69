//go:build !race

package network

const (
	defaultNodes = 100
	defaultHours = 1
)
