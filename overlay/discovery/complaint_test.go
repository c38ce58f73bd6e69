package discovery

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport/logtest"
)

// A name server that fails every other time, for another reason each time, does not fill the log.
func TestFailuresThatComeAndGoAreLoggedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logtest.Journal
		c := complaint{log: logger(&log), what: "cannot look up nodes", how: "dns:nodes"}
		for n := range 45 { // in 90 s
			c.say(errors.New("port " + strings.Repeat("1", n+1)))
			c.say(nil)
			time.Sleep(2 * time.Second)
		}
		bad, good := strings.Count(log.String(), "cannot look up nodes"), strings.Count(log.String(), "can be looked up again")
		if bad != 2 || good != 2 || !strings.Contains(log.String(), "unlogged=29") {
			t.Errorf("said %d and %d times:\n%s", bad, good, log.String())
		}
	})
}

// One that stays away after it came and went is said, when a minute has passed.
func TestAFailureThatStaysIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logtest.Journal
		c := complaint{log: logger(&log), what: "cannot look up nodes", how: "dns:nodes"}
		c.say(errors.New("first"))
		c.say(nil)
		for range 60 {
			c.say(errors.New("second"))
			time.Sleep(2 * time.Second)
		}
		if n := strings.Count(log.String(), "second"); n != 1 {
			t.Errorf("said %d times:\n%s", n, log.String())
		}
	})
}
