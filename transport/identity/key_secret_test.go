package identity

import (
	"crypto/rsa"
	"fmt"
	"math/big"
	"testing"
)

func TestSecretsDoNotDependOnTheFile(t *testing.T) {
	key := rsa2048()
	swapped := &rsa.PrivateKey{PublicKey: key.PublicKey, D: key.D, Primes: []*big.Int{key.Primes[1], key.Primes[0]}}
	// A private exponent may be reduced by Carmichael's function or by
	// Euler's: both are in use.
	one := big.NewInt(1)
	p, q := new(big.Int).Sub(key.Primes[0], one), new(big.Int).Sub(key.Primes[1], one)
	carmichael := new(big.Int).Div(new(big.Int).Mul(p, q), new(big.Int).GCD(nil, nil, p, q))
	swapped.D = new(big.Int).Add(new(big.Int).Mod(key.D, carmichael), carmichael)
	swapped.Precompute()
	if err := swapped.Validate(); err != nil {
		t.Fatal(err)
	}
	if newNetworkKey(key).expand("test", "net") != newNetworkKey(swapped).expand("test", "net") {
		t.Error("the order of primes and the choice of private exponent change the derived secret")
	}
}

func TestSecretsDiffer(t *testing.T) {
	one, two := Generate(), Generate()
	seen := map[[32]byte]string{}
	for _, row := range []struct {
		key            *NetworkKey
		label, network string
	}{
		{one, "tag", "a"}, {one, "tag", "b"}, {one, "tag", ""}, {one, "taga", ""}, {one, "beacon", "a"}, {two, "tag", "a"},
	} {
		name := fmt.Sprintf("%v %s %s", row.key, row.label, row.network)
		secret := row.key.expand(row.label, row.network)
		if other, ok := seen[secret]; ok {
			t.Errorf("%s and %s derive the same secret", name, other)
		}
		seen[secret] = name
	}
}
