package client

import "github.com/project-iris/iris/relay/wire"

// askForFailFast tells the node, before anything else, that requests of this attachment wait
// for no member.
func (a *attachment) askForFailFast() {
	m := wire.Reply{ID: wire.OptionID, OK: true, Body: []byte(wire.OptionFailFast)}
	if b, err := a.out.Prompt.BeginOver(m.Size()); err == nil {
		a.out.Commit(m.Append(b))
	}
}
