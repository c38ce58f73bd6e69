package identity

import (
	"errors"
	"fmt"
)

// What can be wrong with a network key. A [KeyError] wraps exactly one of
// them, so errors.Is tells the situations apart.
var (
	// ErrKeyUnreadable is a file that could not be read or written. The
	// system's error is wrapped beside it, so fs.ErrNotExist and
	// fs.ErrPermission are found too.
	ErrKeyUnreadable = errors.New("identity: network key file is not accessible")

	// ErrKeyExists is a file that [Create] would have had to overwrite.
	ErrKeyExists = errors.New("identity: network key file exists already")

	// ErrKeyEmpty is a file without content.
	ErrKeyEmpty = errors.New("identity: network key is empty")

	// ErrKeyTooLarge is a file larger than any key, or a key larger than
	// TLS peers accept.
	ErrKeyTooLarge = errors.New("identity: network key is too large")

	// ErrKeyEncrypted is a key that needs a passphrase.
	ErrKeyEncrypted = errors.New("identity: network key is encrypted")

	// ErrKeyWeak is a key that an attacker could find out.
	ErrKeyWeak = errors.New("identity: network key is weak")

	// ErrKeyNotPrivate is a public key or a certificate in the place of the
	// private key.
	ErrKeyNotPrivate = errors.New("identity: network key is not a private key")

	// ErrKeyUnsupported is a private key of a kind or in a format that can
	// not serve as a network key.
	ErrKeyUnsupported = errors.New("identity: network key is of an unsupported kind")

	// ErrKeyAmbiguous is a file that holds several private keys.
	ErrKeyAmbiguous = errors.New("identity: network key file holds several private keys")

	// ErrKeyDamaged is a file that holds no key that could be read.
	ErrKeyDamaged = errors.New("identity: network key is damaged")
)

// A KeyError says in one line what is wrong with a network key, in which file,
// and what to do about it. No field holds bytes of the file.
type KeyError struct {
	// Path is the file, or empty when the key came from memory.
	Path string

	// Situation is one of the ErrKey sentinels.
	Situation error

	// Detail continues a sentence that starts with the key.
	Detail string

	// Advice is what the operator can do.
	Advice string

	// Cause is the system's error, nil where the system had no part.
	Cause error
}

// Error returns what happened, to which file, and what to do, in one line.
func (e *KeyError) Error() string {
	subject := "network key"
	if e.Path != "" {
		subject = fmt.Sprintf("network key %q", e.Path)
	}
	if e.Cause != nil {
		return fmt.Sprintf("%s %s: %v; %s", subject, e.Detail, e.Cause, e.Advice)
	}
	return fmt.Sprintf("%s %s; %s", subject, e.Detail, e.Advice)
}

// Unwrap returns the situation and, where there is one, the system's error.
func (e *KeyError) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Situation}
	}
	return []error{e.Situation, e.Cause}
}

const (
	adviseNewKey      = `make a new key with "iris keygen"`
	adviseOtherKey    = `give an RSA (2048 to 8192 bits), Ed25519 or ECDSA (P-256, P-384, P-521) key, or ` + adviseNewKey
	advisePrivateKey  = `give the private key that belongs to it, or ` + adviseNewKey
	adviseRestoreFile = `restore the file, or ` + adviseNewKey
)

func keyEncrypted(format, command string) *KeyError {
	return &KeyError{
		Situation: ErrKeyEncrypted,
		Detail:    "is encrypted (" + format + ") and a node has nobody to ask for the passphrase",
		Advice:    fmt.Sprintf("write a copy without passphrase with %q, or %s", command, adviseNewKey),
	}
}

func keyNotPrivate(what string) *KeyError {
	return &KeyError{Situation: ErrKeyNotPrivate, Detail: "is " + what + ", not a private key", Advice: advisePrivateKey}
}

func keyUnsupported(what string) *KeyError {
	return &KeyError{Situation: ErrKeyUnsupported, Detail: "is " + what, Advice: adviseOtherKey}
}

func keyDamaged(what string) *KeyError {
	return &KeyError{Situation: ErrKeyDamaged, Detail: what, Advice: adviseRestoreFile}
}
