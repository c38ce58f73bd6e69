package accounts_test

import (
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/project-iris/iris/relay/accounts"
)

func TestTheUserOfThisProcessIsFound(t *testing.T) {
	me, err := user.Current()
	if err != nil || os.Getuid() < 0 {
		t.Skipf("this system has no numbers for users: %v", err)
	}
	var host accounts.Host
	uid, err := host.User(me.Username)
	if err != nil || strconv.Itoa(int(uid)) != me.Uid {
		t.Errorf("user %s: got %d, %v; want %s", me.Username, uid, err, me.Uid)
	}
	own, err := user.LookupGroupId(me.Gid)
	if err != nil {
		t.Skipf("group %s has no name: %v", me.Gid, err)
	}
	gid, err := host.Group(own.Name)
	if err != nil || strconv.Itoa(int(gid)) != me.Gid {
		t.Errorf("group %s: got %d, %v; want %s", own.Name, gid, err, me.Gid)
	}
	if groups, err := host.Groups(uid); err != nil || !slices.Contains(groups, gid) {
		t.Errorf("user %s is in %v, %v; without %d", me.Username, groups, err, gid)
	}
}

func TestWhoIsNotThereIsNamed(t *testing.T) {
	var host accounts.Host
	if _, err := host.User("no-such-user"); err == nil || !strings.Contains(err.Error(), `no user "no-such-user"`) {
		t.Errorf("user: %v", err)
	}
	if _, err := host.Group("no-such-group"); err == nil || !strings.Contains(err.Error(), `no group "no-such-group"`) {
		t.Errorf("group: %v", err)
	}
	if groups, err := host.Groups(4_000_000_001); groups != nil || err != nil {
		t.Errorf("a user that is not there is in %v, %v", groups, err)
	}
}
