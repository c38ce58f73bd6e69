//go:build !unix

package network

import "os"

// silence is the signal that stops a process; nil where there is none.
var silence os.Signal

// maxFiles returns how many files a process can have open.
func maxFiles() (most uint64, known bool) { return 0, false }
