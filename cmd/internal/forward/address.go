package forward

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Address is where a program listens: a port of TCP, or a Unix socket.
type Address struct {
	Network string // "tcp" or "unix"
	Text    string // as package net has it
}

// String returns what Parse understands.
func (a Address) String() string {
	if a.Network == "unix" {
		return "unix:" + a.Text
	}
	return a.Text
}

// Parse understands HOST:PORT, PORT of 127.0.0.1, and unix:PATH. A path that has a slash
// needs no prefix.
func Parse(text string) (Address, error) {
	if path, prefixed := strings.CutPrefix(text, "unix:"); prefixed || strings.Contains(text, "/") {
		if path == "" {
			return Address{}, errors.New("unix: has no path behind it")
		}
		return Address{"unix", path}, nil
	}
	host, port := "127.0.0.1", text
	if strings.Contains(text, ":") {
		var err error
		if host, port, err = net.SplitHostPort(text); err != nil {
			return Address{}, fmt.Errorf("%q is not HOST:PORT, PORT or unix:PATH", text)
		}
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return Address{}, fmt.Errorf("%q is not HOST:PORT, PORT or unix:PATH: the port has to be a number below 65536", text)
	}
	return Address{"tcp", net.JoinHostPort(host, port)}, nil
}

// target is the address for whoever connects to it.
func (a Address) target() Address {
	if host, port, err := net.SplitHostPort(a.Text); a.Network == "tcp" && err == nil {
		a.Text = net.JoinHostPort(cmp.Or(host, "127.0.0.1"), port)
	}
	return a
}
