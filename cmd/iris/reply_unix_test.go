//go:build unix

package main

import "testing"

// A command that has ended well has answered, though what it leaves behind keeps its output.
func TestReplyOfACommandThatLeavesSomethingBehind(t *testing.T) {
	gate, open := fifo(t)
	answer := outputOf([]string{"sh", "-c", "(read x < " + gate + ") & echo answer"})
	reply, err := answer(t.Context(), nil)
	if err != nil || string(reply) != "answer" {
		t.Errorf("got %q, %v", reply, err)
	}
	open()("") // ends what is left
}
