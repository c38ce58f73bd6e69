package node

import "github.com/project-iris/iris/transport/budget"

// newMemory returns the budget of a node that may take so many bytes; nil for no limit. A quarter
// is left to what no budget is asked for: garbage, small buffers, those of links, and what other
// nodes tell of their names.
//
// Three quarters are as little as has to be handed out where the longest message is a quarter of
// the memory. A message that one application sends is there twice while it waits for others: as
// it was read, and as it is written, once for all of them. That is half of the memory, of the
// 0.66 that are not reserved.
func newMemory(bytes int64) *budget.Budget {
	if bytes <= 0 {
		return nil
	}
	limit := bytes / 4 * 3
	// One alone may have seven eighths of what is not reserved, so that a message of a quarter
	// of the memory can be taken, which needs another half of that while it grows.
	return budget.New(budget.Config{Name: "bytes of memory for applications", Limit: limit, Reserve: limit / 8, Greed: 7})
}
