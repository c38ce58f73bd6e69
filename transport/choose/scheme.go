package choose

import "github.com/project-iris/iris/transport"

// link is one whose transport is known.
type link struct {
	transport.Link
	scheme string
}

// NetworkKey is that of the link that was chosen.
func (l *link) NetworkKey() string { return transport.KeyOf(l.Link) }

// SchemeOf returns the scheme of the transport that was chosen for a link, empty for
// links that are not of this package.
func SchemeOf(l transport.Link) string {
	if chosen, ok := l.(*link); ok {
		return chosen.scheme
	}
	return ""
}
