package wire

import (
	"encoding/binary"
	"math/bits"
)

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

func appendVarint(b []byte, v uint64) []byte {
	return binary.AppendUvarint(b, v)
}

func appendBinary[T string | []byte](b []byte, v T) []byte {
	b = binary.AppendUvarint(b, uint64(len(v)))
	return append(b, v...)
}

// sizeVarint returns the bytes that v takes as a varint: seven bits in each.
func sizeVarint(v uint64) int {
	return (bits.Len64(v|1) + 6) / 7
}

func sizeBinary[T string | []byte](v T) int {
	return sizeVarint(uint64(len(v))) + len(v)
}
