package main

// layer is what a rung adds.
type layer string

// The layers, from the floor up.
const (
	plain       layer = "plain"
	frames      layer = "frames"
	queue       layer = "queue"
	security    layer = "TLS"
	multiplexer layer = "multiplexer"
	mesh        layer = "overlay"
	relaying    layer = "relay"
	binding     layer = "binding"
)

// What carries bytes between the nodes.
const (
	overTCP  = "tcp"
	overQUIC = "quic"
)

// rung is a chain of processes with all layers up to one.
type rung struct {
	layer     layer
	transport string
}

// ladder returns all rungs, the plain chain first. QUIC has no less than TLS.
func ladder() []rung {
	all := []rung{{plain, overTCP}, {frames, overTCP}, {queue, overTCP}}
	for _, transport := range []string{overTCP, overQUIC} {
		for _, l := range []layer{security, multiplexer, mesh, relaying, binding} {
			all = append(all, rung{l, transport})
		}
	}
	return all
}

// name is what the table calls the rung.
func (r rung) name() string {
	name := map[layer]string{
		plain: "plain chain", queue: "+ frames, queued", security: "+ TLS", mesh: "+ overlay",
	}[r.layer]
	if name == "" {
		name = "+ " + string(r.layer)
	}
	if r.transport == overQUIC {
		return "QUIC: " + name
	}
	return "TCP: " + name
}
