package transport

// Keyed is a [Link] that knows by which network key its peer has proved itself.
type Keyed interface {
	// NetworkKey returns the fingerprint of the key that has signed the certificate which the
	// peer showed when the link was made. It does not change.
	NetworkKey() string
}

// KeyOf returns the fingerprint of the network key by which the peer of a link has proved itself,
// empty for a transport without keys.
func KeyOf(l Link) string {
	if keyed, ok := l.(Keyed); ok {
		return keyed.NetworkKey()
	}
	return ""
}
