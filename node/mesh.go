package node

import (
	"github.com/project-iris/iris/overlay"
	"github.com/project-iris/iris/relay"
)

// mesh is the overlay as the relay wants it. The two packages do not know each
// other; only the result type of Attach has to be said again.
type mesh struct{ overlay *overlay.Overlay }

// Large messages are held once for all applications that are given them.
var _ overlay.SharingHandler = relay.Application(nil)

// Attach adds an application to the overlay.
func (m mesh) Attach(cluster []byte, app relay.Application) (relay.Member, error) {
	member, err := m.overlay.Attach(cluster, app)
	if err != nil {
		return nil, err
	}
	return member, nil
}
