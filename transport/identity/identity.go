package identity

import (
	"cmp"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/project-iris/iris/transport"
)

const (
	// DefaultLifetime is how long a leaf certificate is valid. A node signs a
	// new one for the same leaf key when half of it has passed, so the node
	// keeps its id, and a leaf that was stolen without the network key is of
	// use for a day.
	DefaultLifetime = 24 * time.Hour

	// DefaultClockSkew is how far the clocks of two nodes may be apart.
	DefaultClockSkew = time.Hour

	// MaxKeys bounds the accepted keys, as each of them may cost a signature
	// check for every peer that is refused.
	MaxKeys = 4

	// MaxNetworkName bounds the name of a network, in bytes.
	MaxNetworkName = 255
)

// Errors of New.
var (
	ErrNoKey       = errors.New("identity: no network key given")
	ErrTooManyKeys = errors.New("identity: too many network keys")
	ErrNetworkName = errors.New("identity: bad network name")
)

// Config says which network a node belongs to.
type Config struct {
	// Key is the network key: it signs this node's leaf, and peers that hold
	// it are let in. Required.
	Key *NetworkKey

	// Accept are further keys whose holders are let in, for a rotation; with
	// Key, at most MaxKeys.
	Accept []*NetworkKey

	// Network names the network, in 1 to MaxNetworkName bytes. Two networks
	// with one key stay apart by it. It is never sent.
	Network string

	// Lifetime is how long a leaf is valid; 0 means DefaultLifetime.
	Lifetime time.Duration

	// ClockSkew is how far the clocks of two nodes may be apart; 0 means
	// DefaultClockSkew.
	ClockSkew time.Duration

	// Now is the clock, of which only the wall reading counts; nil means
	// time.Now.
	Now func() time.Time
}

// An Identity is this node as others see it: an id, and certificates that
// prove it. Any number of goroutines may use it. Like a [NetworkKey] it prints
// without its secrets.
type Identity struct {
	network  string
	id       transport.PeerID
	lifetime time.Duration
	skew     time.Duration
	now      func() time.Time
	keys     atomic.Pointer[keyring]
}

// A keyring is what an Identity signs and checks with. It does not change.
type keyring struct {
	accept []acceptedKey     // this node's own key first
	leaf   func() *leafState // a closure, see NetworkKey

	// secrets returns what Secrets does, derived once.
	secrets func(purpose string) [][32]byte
}

// An acceptedKey is what a peer's certificate is held against.
type acceptedKey struct {
	key *NetworkKey

	// verifier is a certificate only in type: crypto/x509 checks signatures
	// with the method of a parent.
	verifier  *x509.Certificate
	algorithm x509.SignatureAlgorithm
}

// New returns a new node of the network: it makes a leaf key that lives as
// long as the Identity, and nowhere but in memory. The errors are ErrNoKey,
// ErrTooManyKeys and ErrNetworkName.
func New(config Config) (*Identity, error) {
	keys, err := config.keys()
	if err != nil {
		return nil, err
	}
	if len(config.Network) == 0 || len(config.Network) > MaxNetworkName {
		return nil, fmt.Errorf("%w: it has %d bytes, not 1 to %d", ErrNetworkName, len(config.Network), MaxNetworkName)
	}
	i := &Identity{network: config.Network, skew: config.ClockSkew, now: wall(config.Now)}
	if i.skew == 0 {
		i.skew = DefaultClockSkew
	}
	i.lifetime = cmp.Or(config.Lifetime, DefaultLifetime)
	private := generateEd25519()
	i.use(keys, private)
	i.id = peerID(private.Public().(ed25519.PublicKey))
	return i, nil
}

// SetKeys replaces the network keys, for a rotation: handshakes that begin after it show a leaf
// that the new key has signed, for the same leaf key, and let in who holds it or one of
// accept. Links that are up stay: [transport.KeyOf] says by which key each was made, and
// Accepts whether that one still counts. The errors are ErrNoKey and ErrTooManyKeys, and leave all as
// it was.
func (i *Identity) SetKeys(key *NetworkKey, accept []*NetworkKey) error {
	keys, err := Config{Key: key, Accept: accept}.keys()
	if err != nil {
		return err
	}
	i.use(keys, i.leaf().private)
	return nil
}

// use makes these the keys, and signs with the first one.
func (i *Identity) use(keys []*NetworkKey, private ed25519.PrivateKey) {
	var ring keyring
	for _, key := range keys {
		ring.accept = append(ring.accept, newAcceptedKey(key))
	}
	leaf := newLeaf(ring.accept[0], private, i.network, i.lifetime, i.now)
	ring.leaf = func() *leafState { return leaf }
	var derived sync.Map // by purpose
	ring.secrets = func(purpose string) [][32]byte {
		if all, ok := derived.Load(purpose); ok {
			return all.([][32]byte)
		}
		var all [][32]byte
		for _, accepted := range ring.accept {
			all = append(all, accepted.key.expand("use "+purpose, i.network))
		}
		derived.Store(purpose, all)
		return all
	}
	i.keys.Store(&ring)
}

// leaf returns the leaf as it is now.
func (i *Identity) leaf() *leafState { return i.keys.Load().leaf() }

// wall returns a clock without the monotonic reading that time.Now gives. By that,
// times would be compared as if the host had never slept and its clock had never
// been set, and the other nodes know only what the wall clock says.
func wall(now func() time.Time) func() time.Time {
	if now == nil {
		now = time.Now
	}
	return func() time.Time { return now().Round(0) }
}

// CheckKeys says whether a node can sign with a key and accept the others beside it. The
// errors are ErrNoKey and ErrTooManyKeys.
func CheckKeys(key *NetworkKey, accept []*NetworkKey) error {
	_, err := Config{Key: key, Accept: accept}.keys()
	return err
}

// keys returns the network key and then the others, each once.
func (c Config) keys() ([]*NetworkKey, error) {
	var keys []*NetworkKey
	seen := map[string]bool{}
	for _, key := range append([]*NetworkKey{c.Key}, c.Accept...) {
		if key == nil || key.material == nil {
			return nil, ErrNoKey
		}
		if !seen[key.fingerprint] {
			seen[key.fingerprint] = true
			keys = append(keys, key)
		}
	}
	if len(keys) > MaxKeys {
		return nil, fmt.Errorf("%w: %d, the limit is %d", ErrTooManyKeys, len(keys), MaxKeys)
	}
	return keys, nil
}

func newAcceptedKey(key *NetworkKey) acceptedKey {
	public := key.material().signer.Public()
	keyAlgorithm, algorithm := algorithmsOf(public)
	return acceptedKey{
		key:       key,
		verifier:  &x509.Certificate{PublicKey: public, PublicKeyAlgorithm: keyAlgorithm},
		algorithm: algorithm,
	}
}

// ID returns the id that this node proves to its peers.
func (i *Identity) ID() transport.PeerID { return i.id }

// Network returns the name of the network.
func (i *Identity) Network() string { return i.network }

// Secrets returns 32 bytes for each accepted key, this node's own first, that
// all holders of the key derive alike for the purpose and the network. Another
// purpose, network or key gives unrelated bytes, and none of them lead back to
// the key. A purpose must not contain a zero byte. [Identity.SetKeys] changes what is
// returned from then on; the slice itself is not to be changed.
func (i *Identity) Secrets(purpose string) [][32]byte {
	return i.keys.Load().secrets(purpose)
}

// String returns the node's id in short and its network.
func (i *Identity) String() string {
	return fmt.Sprintf("node %s of network %q", i.id.Short(), i.network)
}

// GoString returns the same as String, for %#v.
func (i *Identity) GoString() string { return i.String() }

// Format writes the same as String for every verb and flag.
func (i *Identity) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, i.String()) }

// LogValue returns the same as String, for log/slog.
func (i *Identity) LogValue() slog.Value { return slog.StringValue(i.String()) }

// peerID is the SHA-256 of a leaf's public key in PKIX form, which is how
// certificates hold it (RFC 5280, SubjectPublicKeyInfo).
func peerID(public ed25519.PublicKey) transport.PeerID {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		panic("identity: encoding an Ed25519 public key: " + err.Error()) // all of them can be encoded
	}
	return sha256.Sum256(der)
}
