// Package node puts a node together: the relay that applications attach to, the
// overlay that connects them, and their life from start to end.
//
// A node that is started has its ports open and serves. Shutdown ends it in good
// order: it takes no more applications, what runs finishes, and all goroutines of
// the node have ended when it returns.
package node
