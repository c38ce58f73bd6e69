//go:build !unix

package main

import (
	"context"
	"io"
)

// screen is a terminal that is drawn on, which there is on Unix alone.
type screen struct{}

// screenOf returns nil: there is none.
func screenOf(io.Reader, io.Writer) *screen { return nil }

func (*screen) top(context.Context, *topFlags) error { return nil }
