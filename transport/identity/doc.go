// Package identity turns a network key into the right to be a node of a
// network: it loads the key, issues a node its certificate, and holds a peer's
// certificate against the same key.
//
// # Network key
//
// A network key is a private key in a file. Whoever holds it is a member of
// the network; there is no other secret and no list of members. [Load] reads
//
//   - RSA of 2048 to 8192 bits, Ed25519, and ECDSA over P-256, P-384 or P-521;
//   - as PEM or bare DER: PKCS #8 (RFC 5958), PKCS #1 (RFC 8017 appendix A.1.2)
//     and SEC 1 (RFC 5915), or in OpenSSH's own format;
//   - without a passphrase: a node starts unattended and has nobody to ask.
//
// The private half never leaves this package. [NetworkKey] offers signatures
// and derived secrets to the rest of the package and nothing that could be
// turned back into the key to anyone; it prints as its kind and the
// fingerprint of its public half, whatever it is printed with.
//
// # Leaf
//
// The network key is the only authority of its network. At start a node makes
// an Ed25519 key of its own, the leaf key, and signs a certificate for it with
// the network key: see [New]. The node's id is the SHA-256 of the leaf key, so
// a node has a new id every time that it starts. Two nodes have one id where the
// memory of a node was copied: see [Mirror].
//
// A leaf carries a tag in its subject alternative name, as the URI "iris:" and
// 64 hexadecimal digits:
//
//	root = HKDF-Extract(SHA-256, salt "iris network key v1", key)
//	tag  = HMAC-SHA256(HKDF-Expand(root, "certificate tag" 00 network name, 32), leaf key)
//
// where key is the kind, as [NetworkKey.Kind] has it, and the secret numbers,
// each after its length in four bytes: an Ed25519 seed; an ECDSA scalar in the
// curve's size; an RSA key's public exponent and then its primes, the least
// first. Two networks with one key stay apart by the tag, and a certificate
// that the key signed for some other purpose has none.
//
// # TLS
//
// [Identity.ServerTLS] and [Identity.ClientTLS] are for TLS 1.3 only. Each side
// shows exactly one certificate, its leaf, and [Identity.Verify] holds the
// other's against the accepted network keys: nothing else of the web's or the
// system's trust plays a part.
package identity
