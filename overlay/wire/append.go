package wire

import (
	"encoding/binary"
	"math/bits"

	"github.com/project-iris/iris/transport"
)

// appendHead starts a frame whose fields take so many bytes.
func appendHead(b []byte, t Type, fields int) []byte {
	return append(appendVarint(b, uint64(1+fields)), byte(t))
}

// sizeFrame returns the length of a frame whose fields take so many bytes.
func sizeFrame(fields int) int {
	return sizeVarint(uint64(1+fields)) + 1 + fields
}

func appendVarint(b []byte, v uint64) []byte {
	return binary.AppendUvarint(b, v)
}

// sizeVarint returns the bytes that v takes as a varint: seven bits in each.
func sizeVarint(v uint64) int {
	return (bits.Len64(v|1) + 6) / 7
}

func appendNames(b []byte, names []Name) []byte {
	b = appendVarint(b, uint64(len(names)))
	for i := range names {
		b = append(b, names[i][:]...)
	}
	return b
}

func sizeNames(names []Name) int {
	return sizeVarint(uint64(len(names))) + sizeName*len(names)
}

func appendNodes(b []byte, ids []transport.PeerID) []byte {
	b = appendVarint(b, uint64(len(ids)))
	for i := range ids {
		b = append(b, ids[i][:]...)
	}
	return b
}

func sizeNodes(ids []transport.PeerID) int {
	return sizeVarint(uint64(len(ids))) + sizePeerID*len(ids)
}

func appendBinary(b, v []byte) []byte {
	return append(appendVarint(b, uint64(len(v))), v...)
}

func sizeBinary(v []byte) int {
	return sizeVarint(uint64(len(v))) + len(v)
}
