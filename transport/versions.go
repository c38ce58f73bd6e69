package transport

import "fmt"

// Versions are the versions of the protocol between nodes that a node speaks: from
// Oldest to Newest. Whoever makes a transport says which; package overlay has those of
// Iris. The zero value is version 0 alone, which no node speaks: it is for links
// without that protocol.
type Versions struct {
	Oldest, Newest uint16
}

// Common returns the version that two nodes speak with each other: the newest of the
// one that is behind. It reports false if that is too old for the other one.
func (v Versions) Common(other Versions) (version uint16, ok bool) {
	version = min(v.Newest, other.Newest)
	return version, version >= max(v.Oldest, other.Oldest)
}

// String is "version 2" or "versions 2 to 3".
func (v Versions) String() string {
	if v.Oldest == v.Newest {
		return fmt.Sprintf("version %d", v.Newest)
	}
	return fmt.Sprintf("versions %d to %d", v.Oldest, v.Newest)
}
