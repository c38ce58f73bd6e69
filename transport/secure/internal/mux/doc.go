// Package mux carries many streams, and datagrams, over one connection that is
// reliable, ordered and private: the part of a link that TLS does not give.
//
// # Encoding
//
// A frame is a header of nine bytes, numbers big-endian, and for some types a
// payload:
//
//	type    1 byte
//	stream  4 bytes
//	value   4 bytes
//
//	type              stream  value                  payload
//	0x00 data         id      its length, ≤ 16,375   bytes of the stream
//	0x01 data, end    id      its length, ≤ 16,375   bytes of the stream, the last ones
//	0x02 reset        id      code                   –
//	0x03 stop         id      code                   –
//	0x04 credit       id      more bytes allowed     –
//	0x05 datagram     0       its length, ≤ 1,024    the datagram
//	0x06 ping         0       any                    –
//	0x07 pong         0       the ping's             –
//	0x08 streams      0       streams allowed so far –
//	0x09 close        code    its length, ≤ 256      the reason
//
// The side that dialled opens streams 1, 3, 5 …, the other one 2, 4, 6 …, each
// in that order, with their first data, end or reset. Reset ends both
// directions of a stream, stop asks the other side to send no more. Frames of
// streams that have ended are ignored: they cross on the way. Anything else
// that the table does not allow is a violation and ends the connection.
//
// # Flow control
//
// A side may send 64 KiB on a stream, and then as much as it is credited. It may
// open 1,025 streams, and then as many as the latest streams frame says: an
// ended stream makes room for another one. There is no limit over all streams
// together, since one that is not read would then stall the others. What a
// connection can make the receiver hold is bounded all the same: windows grow
// beyond 64 KiB only from a budget that all streams share.
//
// The sender's side of a connection is a buffer that writers append to and one
// goroutine empties with one write, so that many small frames travel together
// and nothing waits for a timer. Writers of different streams take turns.
package mux
