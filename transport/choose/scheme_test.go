package choose_test

import (
	"testing"
	"testing/synctest"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/choose"
	"github.com/project-iris/iris/transport/mem"
)

// Both ends of a link know by which transport it was made.
func TestTheSchemeOfALink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, mem.Config{})
		for _, scheme := range []string{"quic", "tcp"} {
			made, err := w.a.Dial(t.Context(), scheme+"://b", transport.PeerID{2})
			if err != nil {
				t.Fatal(err)
			}
			accepted, err := w.listener.Accept(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if a, b := choose.SchemeOf(made), choose.SchemeOf(accepted); a != scheme || b != scheme {
				t.Errorf("the ends are links over %q and %q, want %q", a, b, scheme)
			}
		}
		direct, err := w.a.quic.Transport.Dial(t.Context(), "b", transport.PeerID{2})
		if err != nil {
			t.Fatal(err)
		}
		if scheme := choose.SchemeOf(direct); scheme != "" {
			t.Errorf("a link that was not chosen is over %q", scheme)
		}
	})
}
