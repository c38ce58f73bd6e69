// Package simulate runs whole nodes in one goroutine and in virtual time, so that a seed gives
// one history, always the same. It has tests alone: docs/proof.md says what they show.
package simulate
