package node

import "github.com/project-iris/iris/transport/budget"

// smallThings is what all names and requests together take of the memory of a node at most, of
// which applications may have so many that it matters: about 50 MiB for 65,536 names that are
// served or subscribed to, 60 for as many that are asked, and 40 for as many requests. Their
// number is bounded, and not their memory.
const smallThings = 160 << 20

// newMemory returns the budget of a node that may take so many bytes; nil for no limit. A quarter
// is left to what no budget is asked for: garbage, small buffers, and those of transports. So are
// names and requests, for which half of the memory has to do where there is little.
func newMemory(bytes int64) *budget.Budget {
	if bytes <= 0 {
		return nil
	}
	limit := max(bytes/4*3-smallThings, bytes/2)
	// One alone may have seven eighths of what is not reserved, so that a message of a quarter
	// of the memory can be taken, which needs another half of that while it grows.
	return budget.New(budget.Config{Name: "bytes of memory for applications", Limit: limit, Reserve: limit / 8, Greed: 7})
}
