package identity

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

const (
	// maxKeySize bounds what is read of a key file, in bytes. An RSA key of
	// 8192 bits takes 6.4 KB as PEM; the rest is room for the text and the
	// certificates that tools write around keys.
	maxKeySize = 64 << 10

	// minRSABits is NIST's floor (SP 800-131A, table 2: 112 bits of strength).
	minRSABits = 2048

	// maxRSABits is what crypto/tls accepts in a peer's certificate.
	maxRSABits = 8192
)

const (
	decryptPEM     = "openssl pkey -in KEY -out COPY"
	decryptOpenSSH = "cp KEY COPY && ssh-keygen -p -N '' -f COPY"
)

// Parse returns the network key that data holds, in any of the formats that
// the package comment lists. Every error is a [*KeyError].
func Parse(data []byte) (*NetworkKey, error) {
	signer, err := parseSigner(data)
	if err != nil {
		return nil, err
	}
	return newNetworkKey(signer), nil
}

// parseSigner finds the private key in data and checks that it can serve.
// What parsers say about a key is dropped: it may quote the key.
func parseSigner(data []byte) (crypto.Signer, *KeyError) {
	if len(data) > maxKeySize {
		return nil, &KeyError{
			Situation: ErrKeyTooLarge,
			Detail:    fmt.Sprintf("has more than the %d bytes that a key file may have", maxKeySize),
			Advice:    "check that it is the right file, or " + adviseNewKey,
		}
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, &KeyError{Situation: ErrKeyEmpty, Detail: "is empty", Advice: adviseRestoreFile}
	}
	key, err := parseAny(data)
	if err != nil {
		return nil, err
	}
	return acceptKey(key)
}

// parseAny returns the one private key in data, of whatever kind.
func parseAny(data []byte) (crypto.PrivateKey, *KeyError) {
	private, public := scanPEM(data)
	switch {
	case len(private) == 1:
		return parseBlock(private[0])
	case len(private) > 1:
		return nil, &KeyError{
			Situation: ErrKeyAmbiguous,
			Detail:    fmt.Sprintf("file holds %d private keys", len(private)),
			Advice:    "leave the network's key alone in a file of its own",
		}
	case public != "":
		return nil, keyNotPrivate(public)
	case bytes.Contains(data, []byte("-----BEGIN ")):
		return nil, keyDamaged("begins as PEM and can not be decoded")
	}
	if err := recogniseText(data); err != nil {
		return nil, err
	}
	return parseDER(data)
}

// scanPEM returns the blocks that hold private keys, and what the last public
// block is called in a sentence.
func scanPEM(data []byte) (private []*pem.Block, public string) {
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			return private, public
		}
		data = rest
		switch {
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			private = append(private, block)
		case strings.HasSuffix(block.Type, "PUBLIC KEY"):
			public = "a public key"
		case strings.Contains(block.Type, "CERTIFICATE REQUEST"):
			public = "a certificate request"
		case strings.Contains(block.Type, "CERTIFICATE"):
			public = "a certificate"
		}
	}
}

// parseBlock parses one PEM block that says to be a private key.
func parseBlock(block *pem.Block) (crypto.PrivateKey, *KeyError) {
	switch block.Type {
	case "OPENSSH PRIVATE KEY":
		return parseOpenSSH(block)
	case "ENCRYPTED PRIVATE KEY":
		return nil, keyEncrypted("PKCS #8", decryptPEM)
	case "DSA PRIVATE KEY":
		return nil, keyUnsupported("a DSA key, which TLS 1.3 has no use for")
	}
	if strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
		return nil, keyEncrypted("PEM, RFC 1421", decryptPEM)
	}
	return parseDER(block.Bytes)
}

// parseOpenSSH parses a block in the format of openssh-portable's PROTOCOL.key.
func parseOpenSSH(block *pem.Block) (crypto.PrivateKey, *KeyError) {
	key, err := ssh.ParseRawPrivateKey(pem.EncodeToMemory(block))
	if _, ok := errors.AsType[*ssh.PassphraseMissingError](err); ok {
		return nil, keyEncrypted("OpenSSH", decryptOpenSSH)
	}
	if err != nil {
		return nil, keyDamaged("is an OpenSSH key that is damaged or of a kind that can not serve (as those kept in hardware)")
	}
	return key, nil
}

// parseDER tries the three encodings of private keys, then says what else it
// may be: the label of a PEM block is often wrong, and bare DER has none.
func parseDER(der []byte) (crypto.PrivateKey, *KeyError) {
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key, nil
	}
	if _, err := x509.ParseCertificate(der); err == nil {
		return nil, keyNotPrivate("a certificate")
	}
	if _, err := x509.ParsePKIXPublicKey(der); err == nil {
		return nil, keyNotPrivate("a public key")
	}
	if _, err := x509.ParsePKCS1PublicKey(der); err == nil {
		return nil, keyNotPrivate("a public key")
	}
	if isEncryptedPKCS8(der) {
		return nil, keyEncrypted("PKCS #8", decryptPEM)
	}
	return nil, keyDamaged("is no private key that can be read: damaged, or of an unknown kind")
}

// isEncryptedPKCS8 tells whether der has the shape of EncryptedPrivateKeyInfo
// (RFC 5958, section 3).
func isEncryptedPKCS8(der []byte) bool {
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}
	rest, err := asn1.Unmarshal(der, &info)
	return err == nil && len(rest) == 0
}

// recogniseText names the text formats of keys that are not PEM.
func recogniseText(data []byte) *KeyError {
	if bytes.HasPrefix(data, []byte("PuTTY-User-Key-File-")) {
		return &KeyError{
			Situation: ErrKeyUnsupported,
			Detail:    "is in PuTTY's format",
			Advice:    `convert it with "puttygen KEY -O private-openssh -o COPY", or ` + adviseNewKey,
		}
	}
	if bytes.HasPrefix(data, []byte("---- BEGIN SSH2 PUBLIC KEY")) {
		return keyNotPrivate("a public key")
	}
	if _, _, _, _, err := ssh.ParseAuthorizedKey(data); err == nil {
		return keyNotPrivate("an SSH public key")
	}
	return nil
}

// acceptKey returns key if it is strong enough and of a kind that can sign.
func acceptKey(key crypto.PrivateKey) (crypto.Signer, *KeyError) {
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return acceptRSA(key)
	case *ecdsa.PrivateKey:
		return acceptECDSA(key)
	case *ed25519.PrivateKey:
		return acceptEd25519(*key)
	case ed25519.PrivateKey:
		return acceptEd25519(key)
	case *ecdh.PrivateKey:
		return nil, keyUnsupported("a key for key agreement, which can not sign")
	default:
		return nil, keyUnsupported("of a kind that is not known here")
	}
}

func acceptRSA(key *rsa.PrivateKey) (crypto.Signer, *KeyError) {
	switch bits := key.N.BitLen(); {
	case bits < minRSABits:
		return nil, &KeyError{
			Situation: ErrKeyWeak,
			Detail:    fmt.Sprintf("is an RSA key of %d bits, fewer than the %d that are safe", bits, minRSABits),
			Advice:    adviseOtherKey,
		}
	case bits > maxRSABits:
		return nil, &KeyError{
			Situation: ErrKeyTooLarge,
			Detail:    fmt.Sprintf("is an RSA key of %d bits, more than the %d that TLS peers accept", bits, maxRSABits),
			Advice:    adviseOtherKey,
		}
	}
	return key, nil
}

func acceptECDSA(key *ecdsa.PrivateKey) (crypto.Signer, *KeyError) {
	switch key.Curve {
	case elliptic.P256(), elliptic.P384(), elliptic.P521():
		return key, nil
	}
	return nil, &KeyError{
		Situation: ErrKeyWeak,
		Detail:    "is an ECDSA key over " + key.Curve.Params().Name + ", a curve that TLS 1.3 leaves out",
		Advice:    adviseOtherKey,
	}
}

// acceptEd25519 refuses a key whose public half is another key's. OpenSSH's
// format stores both halves, and signing with a wrong public half gives the
// private one away ("double public key signing function oracle attack",
// Chalkias et al., 2022).
func acceptEd25519(key ed25519.PrivateKey) (crypto.Signer, *KeyError) {
	whole := ed25519.NewKeyFromSeed(key.Seed())
	if !whole.Equal(key) {
		return nil, keyDamaged("is an Ed25519 key whose two halves do not belong together")
	}
	return whole, nil
}
