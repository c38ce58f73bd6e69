package identity

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"slices"
)

// A NetworkKey is the private key that makes a node a member of a network. It
// does not change once made, so any number of goroutines may use it; copies
// share it.
//
// Printed, logged or marshalled it shows its kind and the fingerprint of its
// public half. The fields can not be set from outside: the zero NetworkKey
// holds no key, prints as such, and panics where a key is needed.
type NetworkKey struct {
	// material is a closure, because printers by reflection follow pointers
	// and do not follow closures.
	material func() *keyMaterial

	kind        string
	fingerprint string
	warning     string
}

// keyMaterial is what must not leave the package.
type keyMaterial struct {
	signer crypto.Signer

	// root is the key that all derived secrets come from, the output of
	// HKDF-Extract (RFC 5869).
	root []byte
}

// newNetworkKey wraps a key that acceptKey let through.
func newNetworkKey(signer crypto.Signer) *NetworkKey {
	kind, secret := encodeSecret(signer)
	root, err := hkdf.Extract(sha256.New, secret, []byte("iris network key v1"))
	if err != nil {
		panic("identity: HKDF-Extract with SHA-256: " + err.Error()) // only without SHA-256
	}
	material := &keyMaterial{signer: signer, root: root}
	return &NetworkKey{
		material:    func() *keyMaterial { return material },
		kind:        kind,
		fingerprint: fingerprint(signer.Public()),
	}
}

// Generate returns a new Ed25519 key that is in no file.
func Generate() *NetworkKey {
	return newNetworkKey(generateEd25519())
}

func generateEd25519() ed25519.PrivateKey {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic("identity: random source: " + err.Error()) // crypto/rand never fails since Go 1.24
	}
	return private
}

// Kind returns the algorithm and size, such as "RSA-3072" or "Ed25519".
func (k NetworkKey) Kind() string { return k.kind }

// Fingerprint returns the SHA-256 of the public half in PKIX form, as
// "SHA256:" and unpadded base64. It tells keys apart and reveals nothing.
func (k NetworkKey) Fingerprint() string { return k.fingerprint }

// Warning returns what the operator should know about the file that the key
// came from, in one line, or an empty string.
func (k NetworkKey) Warning() string { return k.warning }

// String returns the kind and fingerprint.
func (k NetworkKey) String() string {
	if k.material == nil {
		return "no network key"
	}
	return "network key " + k.kind + " " + k.fingerprint
}

// GoString returns the same as String, for %#v.
func (k NetworkKey) GoString() string { return k.String() }

// Format writes the same as String for every verb and flag.
func (k NetworkKey) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, k.String()) }

// LogValue returns the same as String, for log/slog.
func (k NetworkKey) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText returns the same as String, for encoding/json and its like.
func (k NetworkKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// expand returns 32 bytes that are derived from the key for the purpose that
// label names and for the network of that name. Labels end where the names
// begin: they must not contain a zero byte.
func (k NetworkKey) expand(label, network string) [32]byte {
	secret, err := hkdf.Expand(sha256.New, k.material().root, label+"\x00"+network, 32)
	if err != nil {
		panic("identity: HKDF-Expand of 32 bytes: " + err.Error()) // only beyond 255 hashes
	}
	return [32]byte(secret)
}

// encodeSecret returns the kind of the key, and the secret numbers of it in an
// order that does not depend on the file: one RSA key may be stored with its
// primes swapped and with one of several private exponents, and must lead to
// the same derived secrets all the same.
func encodeSecret(signer crypto.Signer) (kind string, secret []byte) {
	switch key := signer.(type) {
	case *rsa.PrivateKey:
		primes := slices.SortedFunc(slices.Values(key.Primes), (*big.Int).Cmp)
		parts := [][]byte{big.NewInt(int64(key.E)).Bytes()}
		for _, prime := range primes {
			parts = append(parts, prime.Bytes())
		}
		kind = fmt.Sprintf("RSA-%d", key.N.BitLen())
		return kind, joinSecret(kind, parts...)
	case *ecdsa.PrivateKey:
		scalar, err := key.Bytes()
		if err != nil {
			panic("identity: scalar of a checked ECDSA key: " + err.Error())
		}
		kind = "ECDSA-" + key.Curve.Params().Name
		return kind, joinSecret(kind, scalar)
	case ed25519.PrivateKey:
		kind = "Ed25519"
		return kind, joinSecret(kind, key.Seed())
	default:
		panic(fmt.Sprintf("identity: key of kind %T was let through", signer))
	}
}

// joinSecret puts kind and parts one after another, each after its length in
// four bytes.
func joinSecret(kind string, parts ...[]byte) []byte {
	var joined bytes.Buffer
	for _, part := range append([][]byte{[]byte(kind)}, parts...) {
		joined.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
		joined.Write(part)
	}
	return joined.Bytes()
}

func fingerprint(public crypto.PublicKey) string {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		panic("identity: encoding the public half of a checked key: " + err.Error())
	}
	sum := sha256.Sum256(der)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}
