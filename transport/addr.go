package transport

import "strings"

// JoinAddr puts the scheme in front of an address: "quic://10.0.0.1:14142".
func JoinAddr(scheme, addr string) string { return scheme + "://" + addr }

// SplitAddr is the reverse of JoinAddr. An address without a scheme, such as a
// user's "10.0.0.1:14142", comes back whole, with an empty scheme.
func SplitAddr(full string) (scheme, addr string) {
	scheme, addr, found := strings.Cut(full, "://")
	if !found {
		return "", full
	}
	return scheme, addr
}
