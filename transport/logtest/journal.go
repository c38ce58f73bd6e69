// Package logtest has a log that tests can read while it is written.
package logtest

import (
	"strings"
	"sync"
)

// Journal takes what is logged. It is safe for concurrent use.
type Journal struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write adds to it.
func (j *Journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

// String returns all that was logged.
func (j *Journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}
