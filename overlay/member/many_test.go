package member

import (
	"errors"
	"testing"

	"github.com/project-iris/iris/overlay/names"
)

// fleeting is memory that is not there the first time.
type fleeting struct{ asked int }

func (f *fleeting) Take(int64) error {
	if f.asked++; f.asked == 1 {
		return errors.New("no memory")
	}
	return nil
}

func (f *fleeting) Give(int64) {}

// The last request that a member has in hand may end as it refuses another one. Nothing ends then
// any more that says that it has room, so it takes that one.
func TestAMemberThatRefusesAsItsLastRequestEndsTakesIt(t *testing.T) {
	n := newNode(names.Config{})
	service, caller := n.attach(t, "svc"), n.attach(t, "")
	service.echoes = true
	service.served.Charge(new(fleeting), servedMemory)
	for id := range uint64(2) {
		caller.ask(id, "svc", "hello")
	}
	caller.saw("0: reply hello", "1: reply hello")
	n.checkIdle(t)
}
