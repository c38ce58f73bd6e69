// Package wire is the protocol between nodes as bytes. This comment is
// the specification of the encoding; what nodes may say when is the subject of the
// packages that speak it.
//
// # Encoding
//
//	byte    one byte
//	varint  base 128, least significant group first, the high bit of a byte says
//	        that another follows (encoding/binary's Uvarint); up to 64 bits
//	node    32 bytes, a node's id
//	name    16 bytes, what a cluster or topic is called between nodes: a keyed hash
//	        of its kind and its full name
//	binary  a varint length, then that many raw bytes
//	T list  a varint count, then that many of T
//
// A frame is a varint length, then as many bytes: a type byte and the fields that
// the table gives for it. Frames follow each other without separator.
//
// # Versions
//
// [OldestVersion] to [Version] are spoken. When a link comes up, before the first frame,
// its two ends say what they speak, and agree on the newest that both do: the transports
// see to that (transport/hello), which are made with these two numbers. A node that is
// too old for another gets no link to it. So nodes can be upgraded one after the other,
// as long as a release still speaks the version before.
//
// Within a version the protocol may grow in two ways. A frame of a type that its
// receiver does not know is skipped; and bytes in a frame beyond the fields that its
// receiver knows are ignored, so that fields may be added at the end, where being absent
// has to mean what it meant before. Bits of a flags byte that are not listed are ignored
// as well. Anything else is a new version.
//
// An [Info] grows at its end only, in all versions: membership passes it on to nodes that
// have no link to its sender.
//
// Version 2 ends links that nobody uses, and asks a node that is waited for whether it lives.
// Version 3 says what was read of lanes.
//
// testdata has what two nodes of each version say to each other. Whoever makes a new version
// leaves these as they are, and adds another: the tests that read them show that a node still
// speaks with one of an older version.
//
// # Frames
//
//	0x00–0x0f  links
//	0x01  INFO              [Info]
//	                        epoch, address, services, hosts
//	0x02  SEEN              [Seen]
//	                        host
//	0x03  RETIRE            [Retire], since version 2
//	                        stage
//	0x04  PING              [Ping], since version 2
//	                        answer
//	0x05  READ              [Read], since version 3, back along the stream of a lane
//	                        bytes
//
//	0x10–0x1f  the directory, package directory
//	0x10  DIRECTORY_UPDATE  [Update]
//	                        epoch, previous, sequence, flags, registered, unregistered,
//	                        watched, unwatched, answers
//	0x11  DIRECTORY_DIGEST  [Digest]
//	                        epoch, sequence, flags
//	0x12  DIRECTORY_ACK     [Ack]
//	                        epoch, have, seen, unconfirmed
//
//	0x20–0x2f  requests and replies
//	0x20  REQUEST           [Request]
//	                        id, timeout, cluster, body, trace
//	0x21  REPLY             [Reply]
//	                        id, status, load, body
//	0x22  REFUSAL           [Refusal]
//	                        id, reason, load, cluster, body
//
//	0x30–0x3f  broadcasts and events
//	0x30  BROADCAST         [Broadcast]
//	                        cluster, message
//	0x31  EVENT             [Event]
//	                        topic, event
//	0x32  FORWARD           [Forward]
//	                        kind, sender, order, name, nodes, message
//	0x33  FORWARDED         [Forwarded]
//	                        kind, origin, sender, order, name, message
//	0x34  MARKER_PASSED     [MarkerPassed]
//	                        token
//
//	0x40–0x4f  tunnels
//	0x40  TUNNEL            [Tunnel], alone at the start of a stream
//	                        timeout, cluster
//
// Ranges without a frame are kept for what they name. A frame of the directory has
// at most [DirectoryLimit] bytes behind its length, whatever a reader's limits are.
//
// # Reading
//
// [Reader] turns a byte stream into messages. Memory grows with the bytes that
// arrive, never with a length or a count that a peer merely claims. What a peer got
// wrong is a [*ViolationError]; the stream cannot be read further after one.
//
// # Writing
//
// Every message has Append, which adds its frame to a byte slice, and Size, which
// is the exact length that Append will add.
package wire
