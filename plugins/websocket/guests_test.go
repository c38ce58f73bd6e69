package main

import (
	"net"
	"strings"
	"testing"
	"time"
)

// Connections that are no WebSocket take no place of one that wants to be it, however many
// there are, and what was upgraded is not counted as one of them.
func TestConnectionsThatAreNoWebSocketMakeRoom(t *testing.T) {
	cert, key := certificate(t, "gate.example")
	for name, given := range map[string]map[string]string{
		"ws":  nil,
		"wss": {"cert": cert, "key": key, "verify": "false"},
	} {
		t.Run(name, func(t *testing.T) {
			o := parse(t, given)
			listener, err := listenFor(t.Context(), o, "127.0.0.1:0", 8, 4)
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			addr := listener.Addr().String()
			before, beside := join(t, o, listener, addr)
			for range 20 {
				conn, err := net.Dial("tcp", addr)
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
			}
			start := time.Now()
			a, b := join(t, o, listener, addr)
			if took := time.Since(start); took > headerTimeout/2 {
				t.Errorf("it took %v: until the others were over", took)
			}
			expectCarries(t, a, b, strings.Repeat("in spite of them ", 1000))
			expectCarries(t, before, beside, "as before")
		})
	}
}

// What was upgraded has its place no more.
func TestUpgradedConnectionsStay(t *testing.T) {
	cert, key := certificate(t, "gate.example")
	for name, given := range map[string]map[string]string{
		"ws":  nil,
		"wss": {"cert": cert, "key": key, "verify": "false"},
	} {
		t.Run(name, func(t *testing.T) {
			o := parse(t, given)
			listener, err := listenFor(t.Context(), o, "127.0.0.1:0", 20, 1)
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			var ends [][2]net.Conn
			for range 5 {
				a, b := join(t, o, listener, listener.Addr().String())
				ends = append(ends, [2]net.Conn{a, b})
			}
			for _, e := range ends {
				expectCarries(t, e[0], e[1], "as before")
			}
		})
	}
}
