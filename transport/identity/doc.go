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
package identity
