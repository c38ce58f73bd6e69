// Package accounts knows the users and groups of this host by name.
//
// A program that was built without cgo finds those of /etc/passwd and /etc/group alone; one
// with cgo also those that the system's C library finds, in LDAP for one.
package accounts

import (
	"errors"
	"fmt"
	"os/user"
	"strconv"
)

// Host is this host. The zero value is ready.
type Host struct{}

// User returns the id of a user.
func (Host) User(name string) (uint32, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return 0, fmt.Errorf("this host has no user %q (%w): name one that it has, or give the number of its id", name, err)
	}
	return number(u.Uid)
}

// Group returns the id of a group.
func (Host) Group(name string) (uint32, error) {
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0, fmt.Errorf("this host has no group %q (%w): name one that it has, or give the number of its id", name, err)
	}
	return number(g.Gid)
}

// Groups returns the groups that a user is in, the primary one included. A user that the host
// does not know is in none. An error says that it cannot be told: whoever goes on without the
// groups would miss a rule that forbids something to one of them.
func (Host) Groups(uid uint32) ([]uint32, error) {
	u, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	if unknown := user.UnknownUserIdError(0); errors.As(err, &unknown) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot tell which groups user %d is in: %w", uid, err)
	}
	texts, err := u.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("cannot tell which groups user %s is in: %w", u.Username, err)
	}
	groups := make([]uint32, 0, len(texts))
	for _, text := range texts {
		id, err := number(text)
		if err != nil {
			return nil, err
		}
		groups = append(groups, id)
	}
	return groups, nil
}

// number reads an id. Windows has others, which no rule can name.
func number(text string) (uint32, error) {
	id, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("the id %q is no number", text)
	}
	return uint32(id), nil
}
