package transport

import "time"

// Stats is what a link has seen since it came up: how far away the peer is, how much
// passes, and what is lost or dropped. A transport that cannot know a value leaves it
// zero.
type Stats struct {
	RTT time.Duration // round-trip time, smoothed; 0 until measured

	BytesSent     uint64 // to the network, with what the transport adds
	BytesReceived uint64 // from the network, with what the transport adds

	PacketsSent uint64 // where the transport itself makes packets
	PacketsLost uint64 // those of them that it took for lost, and sent again if need be

	DatagramsSent     uint64 // taken by SendDatagram and not dropped there
	DatagramsReceived uint64 // returned by ReceiveDatagram
	DatagramsDropped  uint64 // dropped at this side, as a queue was full

	StreamsOpened   uint64 // by Open
	StreamsAccepted uint64 // by Accept
}
