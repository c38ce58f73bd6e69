package plugins

import (
	"context"
	"os"
	"strings"
	"sync"
)

// maxGreeting is how much is kept of the first line of standard output, in bytes.
const maxGreeting = 512

// A stdout is the standard output of a plugin, on which it has one line to say:
//
//	1|VERSION|NETWORK|ADDRESS|grpc
//
// go-plugin reads it; what is kept here tells what is wrong when it cannot be used.
type stdout struct {
	slow     *slowReader
	file     *os.File
	finished chan struct{} // closed when reading has failed
	once     sync.Once

	mu   sync.Mutex
	kept []byte
}

func newStdout(ctx context.Context, file *os.File) *stdout {
	return &stdout{slow: slowly(ctx, file), file: file, finished: make(chan struct{})}
}

// Read reads for go-plugin.
func (s *stdout) Read(b []byte) (int, error) {
	n, err := s.slow.Read(b)
	s.mu.Lock()
	s.kept = append(s.kept, b[:min(n, maxGreeting-len(s.kept))]...)
	s.mu.Unlock()
	if err != nil {
		s.finish()
	}
	return n, err
}

// Close does nothing: the file belongs to the process.
func (s *stdout) Close() error { return nil }

func (s *stdout) finish() { s.once.Do(func() { close(s.finished) }) }

// greeting returns the fields of the first line.
func (s *stdout) greeting() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	line, _, _ := strings.Cut(string(s.kept), "\n")
	return strings.Split(strings.TrimSpace(line), "|")
}
