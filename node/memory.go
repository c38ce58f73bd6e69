package node

import "github.com/project-iris/iris/transport/budget"

// newMemory returns the budget of a node that may take so many bytes; nil for no limit. A quarter
// is left to what no budget is asked for: garbage, small buffers, and those of links.
func newMemory(bytes int64) *budget.Budget {
	if bytes <= 0 {
		return nil
	}
	limit := bytes / 4 * 3
	// One alone may have seven eighths of what is not reserved, so that a message of a quarter
	// of the memory can be taken, which needs another half of that while it grows.
	return budget.New(budget.Config{Name: "bytes of memory for applications", Limit: limit, Reserve: limit / 8, Greed: 7})
}
