package discovery

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport"
)

// newSite is a site with other members.
func newSite(others int) (*network, site) {
	n := newNetwork(nil)
	for i := range others {
		n.members[transport.PeerID{byte(i), 1}] = "quic://a:1"
	}
	return n, site{&Finder{}, n}
}

// waited waits once, and says how long.
func waited(t *testing.T, p pause, s Site) time.Duration {
	t.Helper()
	begin := time.Now()
	if !p.wait(t.Context(), s) {
		t.Error("the wait says that the context has ended")
	}
	return time.Since(begin)
}

// Pauses differ by half, so that nodes do not look in step.
func TestPausesDiffer(t *testing.T) {
	p := pause{alone: time.Second, together: time.Minute}
	for others, want := range []time.Duration{p.alone, p.together} {
		synctest.Test(t, func(t *testing.T) {
			_, s := newSite(others)
			least, most := time.Hour, time.Duration(0)
			for range 100 {
				d := waited(t, p, s)
				least, most = min(least, d), max(most, d)
			}
			if least < want/2 || least > want*3/4 || most > want*3/2 || most < want*5/4 {
				t.Errorf("%d others: pauses of %v to %v, want half less or more than %v", others, least, most, want)
			}
		})
	}
}

func TestWhoIsAloneSuddenlyLooksAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, s := newSite(1)
		time.AfterFunc(10*time.Second, n.lose)
		if d := waited(t, pause{alone: time.Second, together: time.Hour}, s); d != 10*time.Second {
			t.Errorf("waited %v, want until all were lost after 10 s", d)
		}
	})
}

// Members that come and go all the time do not put the next look off.
func TestChangesDoNotPutALookOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, s := newSite(0)
		for i := range 20 {
			time.AfterFunc(time.Duration(i)*100*time.Millisecond, n.lose)
		}
		if d := waited(t, pause{alone: time.Second}, s); d > 1500*time.Millisecond {
			t.Errorf("waited %v of 1.5 s at most", d)
		}
	})
}
