//go:build linux

package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// clock is the wall clock that the programs of a host have, see command clock. Methods of nil are
// those of a host whose programs have the clock of the system.
type clock struct {
	file *os.File
	off  time.Duration // from the system's, when nothing is wrong
}

// skew is how far the clock of a host is off when nothing is wrong: the first is 50 minutes behind the
// last of five, and an hour is borne.
func skew(number int) time.Duration { return time.Duration(number-3) * 750 * time.Second }

func newClock(dir string, off time.Duration) (*clock, error) {
	file, err := os.Create(filepath.Join(dir, "clock"))
	if err != nil {
		return nil, err
	}
	c := &clock{file, off}
	return c, c.set(0)
}

// set sets the clock wrong by a time, or right with zero, for programs that run and for those that are
// started later.
func (c *clock) set(wrong time.Duration) error {
	_, err := c.file.WriteAt(binary.NativeEndian.AppendUint64(nil, uint64(c.off+wrong)), 0)
	return err
}

// environment is what a program has to be started with.
func (c *clock) environment() []string {
	if c == nil {
		return os.Environ()
	}
	return append(os.Environ(), "IRIS_CLOCK="+c.file.Name())
}

// check says whether a program that has just told the time has this clock.
func (c *clock) check(told string) error {
	if c == nil {
		return nil
	}
	at, err := time.Parse(time.RFC3339, told)
	if off := time.Until(at) - c.off; err != nil || off.Abs() > 5*time.Second {
		return fmt.Errorf("the program does not have the clock that it was given: it says %q, which is off by %v, error %v; build it as make chaos does", told, off, err)
	}
	return nil
}

func (c *clock) close() {
	if c != nil {
		_ = c.file.Close()
	}
}
