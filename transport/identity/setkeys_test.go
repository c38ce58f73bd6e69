package identity_test

import (
	"errors"
	"testing"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity"
)

// Keys of running nodes are replaced in three steps: nodes of one step and of those beside it
// let each other in, others do not, and a node keeps its id.
func TestSetKeys(t *testing.T) {
	old, fresh := identity.Generate(), identity.Generate()
	steps := []struct {
		key    *identity.NetworkKey
		accept []*identity.NetworkKey
	}{{old, nil}, {old, []*identity.NetworkKey{fresh}}, {fresh, []*identity.NetworkKey{old}}, {fresh, nil}}
	start := func() *identity.Identity {
		id, err := identity.New(identity.Config{Key: old, Network: "net"})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	one, two := start(), start()
	id, client, server := one.ID(), one.ClientTLS(two.ID()), two.ServerTLS() // made once
	for i, mine := range steps {
		if err := one.SetKeys(mine.key, mine.accept); err != nil {
			t.Fatal(err)
		}
		if one.ID() != id || len(one.Secrets("x")) != 1+len(mine.accept) {
			t.Errorf("step %d: another id, or %d secrets", i, len(one.Secrets("x")))
		}
		for j, theirs := range steps {
			if err := two.SetKeys(theirs.key, theirs.accept); err != nil {
				t.Fatal(err)
			}
			ours, other := handshake(t, client, server)
			if good, want := ours == nil && other == nil, i-j <= 1 && j-i <= 1; good != want {
				t.Errorf("steps %d and %d: %v, %v", i, j, ours, other)
			}
			if i == j && one.Secrets("x")[0] != two.Secrets("x")[0] {
				t.Errorf("step %d: secrets differ", i)
			}
		}
	}
	if err := one.SetKeys(nil, nil); !errors.Is(err, identity.ErrNoKey) {
		t.Errorf("without a key: %v", err)
	}
	if _, err := handshake(t, client, server); err != nil {
		t.Errorf("after that: %v", err)
	}
}

// A node proves itself by the certificate that another key has signed meanwhile, for itself alone,
// and by none that is not accepted.
func TestVerifyLeaf(t *testing.T) {
	old, fresh := identity.Generate(), identity.Generate()
	start := func(key *identity.NetworkKey, network string, accept ...*identity.NetworkKey) *identity.Identity {
		id, err := identity.New(identity.Config{Key: key, Accept: accept, Network: network})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	one, two, other, foreign := start(fresh, "net"), start(old, "net", fresh), start(fresh, "net"), start(fresh, "other")
	check := func(what string, from *identity.Identity, id transport.PeerID, want error) {
		t.Helper()
		leaf, err := from.Leaf()
		if err != nil {
			t.Fatal(err)
		}
		key, err := one.VerifyLeaf(id, leaf)
		if !errors.Is(err, want) || err == nil && key != fresh.Fingerprint() {
			t.Errorf("%s: %q, %v", what, key, err)
		}
	}
	check("the old key", two, two.ID(), identity.ErrOtherKey)
	if err := two.SetKeys(fresh, []*identity.NetworkKey{old}); err != nil {
		t.Fatal(err)
	}
	check("the new key", two, two.ID(), nil)
	check("the leaf of another node", other, two.ID(), transport.ErrWrongPeer)
	check("another network", foreign, foreign.ID(), identity.ErrOtherNetwork)
	if _, err := one.VerifyLeaf(two.ID(), []byte("leaf")); !errors.Is(err, transport.ErrRefused) {
		t.Errorf("no certificate: %v", err)
	}
	if !one.Accepts(fresh.Fingerprint()) || one.Accepts(old.Fingerprint()) || one.Accepts("") {
		t.Error("keys are accepted that are not, or the other way round")
	}
}
