// Package tcp is the transport over TCP: links are TLS 1.3 connections with a
// multiplexer, see package secure, which does all but the connecting.
//
// A peer whose process is killed is noticed at once, as its system ends the
// connection. One whose cable is pulled is noticed within four
// [Config.KeepAlive], 8 seconds by default.
package tcp
