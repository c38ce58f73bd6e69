// Package wire is the relay protocol, v1.0-draft2, as bytes: what an
// application and its local node say to each other over TCP. This comment is
// the specification of the encoding; what the two sides may say when is the
// subject of package relay.
//
// # Encoding
//
//	byte    one byte
//	bool    one byte, 0 or 1; anything else is a violation
//	varint  base 128, least significant group first, the high bit of a byte says
//	        that another follows (encoding/binary's Uvarint); up to 64 bits
//	binary  a varint length, then that many raw bytes
//	string  a binary that holds text. Its bytes are opaque: some bindings send
//	        UTF-8 and some Latin-1, so nobody validates or normalises them
//
// A frame is an opcode byte followed by the fields that the table gives for its
// direction. Frames have no length of their own and follow each other without
// separator; TCP may split and join them anywhere.
//
// # Frames
//
//	op    name          application → relay               relay → application
//	0x00  INIT          [Init]                            [Accept]
//	                    magic, version, cluster           magic, version
//	0x01  DENY          –                                 [Deny]
//	                                                      magic, reason
//	0x02  CLOSE         [Close]                           [Closed]
//	                    (nothing)                         reason
//	0x03  BROADCAST     [Broadcast]                       [Delivery]
//	                    cluster, message                  message
//	0x04  REQUEST       [Request]                         [Call]
//	                    id, cluster, body, timeout        id, body, timeout
//	0x05  REPLY         [Reply]                           [Result]
//	                    id, ok, reply or fault            id, timed out, (ok, reply or fault)
//	0x06  SUBSCRIBE     [Subscribe]                       –
//	                    topic
//	0x07  UNSUBSCRIBE   [Unsubscribe]                     –
//	                    topic
//	0x08  PUBLISH       [Publish]                         [Publish]
//	                    topic, event                      topic, event
//	0x09  TUN_INIT      [TunInit]                         [TunOffer]
//	                    id, cluster, timeout              build id, chunk limit
//	0x0a  TUN_CONFIRM   [TunConfirm]                      [TunResult]
//	                    build id, id                      id, timed out, (chunk limit)
//	0x0b  TUN_ALLOW     [TunAllow]                        [TunAllow]
//	                    id, bytes                         id, bytes
//	0x0c  TUN_TRANSFER  [TunTransfer]                     [TunTransfer]
//	                    id, total, chunk                  id, total, chunk
//	0x0d  TUN_CLOSE     [TunClose]                        [TunClosed]
//	                    id                                id, reason
//
// Fields in parentheses are there only when "timed out" is 0. Magics, versions,
// names, reasons and faults are strings; messages, bodies, replies, events and
// chunks are binaries; ok and timed out are bools; everything else is a varint.
// Timeouts are in milliseconds, limits, allowances and sizes in bytes. There are
// no other opcodes, and none may be added: existing bindings crash or lose their
// place in the stream on one that they do not know.
//
// # Options
//
// An application may set options of its connection, once it is attached and before what they
// are about. There is no frame for that: bindings and nodes of other releases would lose
// their place in the stream on it. An option is a REPLY with the id 2^64-1 ([OptionID]), ok,
// and the option's name as its reply. No relay gives a request that id, and replies to what was
// not asked are ignored, so a node that does not know the option goes on as if it was
// not there. It is not answered: what an option changes has to show that it is in force.
//
//	iris fail fast    a REQUEST to a cluster that nobody serves is answered with "timed out"
//	                  as soon as the node knows that, and not at its deadline. An answer
//	                  "timed out" before the deadline says nothing else, and no service can
//	                  forge it, as a fault could be.
//
// # Reading
//
// [Reader] turns a byte stream into messages. Memory grows with the bytes that
// arrive, never with a length that a peer merely claims. What a peer got wrong is
// a [*ViolationError]; the stream cannot be read further after one.
//
// # Writing
//
// Every message has Append, which adds its frame to a byte slice, and Size, which
// is the exact length that Append will add.
package wire
