package identity

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
)

// Keys that take long to make are made once for all tests.
var (
	rsa2048 = sync.OnceValue(func() *rsa.PrivateKey { return makeRSA(2048) })
	rsa1024 = sync.OnceValue(func() *rsa.PrivateKey { return makeRSA(1024) })
)

func makeRSA(bits int) *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return key
}

func makeECDSA(t *testing.T, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func asPKCS8(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func asSEC1(t *testing.T, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func asPKIX(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func asPEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func asOpenSSH(t *testing.T, key crypto.PrivateKey) []byte {
	t.Helper()
	block, err := ssh.MarshalPrivateKey(key, "node@example")
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(block)
}

func asCertificate(t *testing.T, key crypto.Signer) []byte {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func concat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestParse(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p256, p384, p521 := makeECDSA(t, elliptic.P256()), makeECDSA(t, elliptic.P384()), makeECDSA(t, elliptic.P521())
	pkcs1 := x509.MarshalPKCS1PrivateKey(rsa2048())

	rows := []struct {
		name string
		data []byte
		want crypto.Signer
		kind string
	}{
		{"RSA, PKCS #1, PEM", asPEM("RSA PRIVATE KEY", pkcs1), rsa2048(), "RSA-2048"},
		{"RSA, PKCS #1, DER", pkcs1, rsa2048(), "RSA-2048"},
		{"RSA, PKCS #8, PEM", asPEM("PRIVATE KEY", asPKCS8(t, rsa2048())), rsa2048(), "RSA-2048"},
		{"RSA, PKCS #8, DER", asPKCS8(t, rsa2048()), rsa2048(), "RSA-2048"},
		{"RSA, OpenSSH", asOpenSSH(t, rsa2048()), rsa2048(), "RSA-2048"},
		{"RSA, wrong label", asPEM("PRIVATE KEY", pkcs1), rsa2048(), "RSA-2048"},
		{"Ed25519, PKCS #8, PEM", asPEM("PRIVATE KEY", asPKCS8(t, ed)), ed, "Ed25519"},
		{"Ed25519, PKCS #8, DER", asPKCS8(t, ed), ed, "Ed25519"},
		{"Ed25519, OpenSSH", asOpenSSH(t, ed), ed, "Ed25519"},
		{"P-256, SEC 1, PEM", asPEM("EC PRIVATE KEY", asSEC1(t, p256)), p256, "ECDSA-P-256"},
		{"P-256, SEC 1, DER", asSEC1(t, p256), p256, "ECDSA-P-256"},
		{"P-384, PKCS #8, PEM", asPEM("PRIVATE KEY", asPKCS8(t, p384)), p384, "ECDSA-P-384"},
		{"P-384, OpenSSH", asOpenSSH(t, p384), p384, "ECDSA-P-384"},
		{"P-521, PKCS #8, DER", asPKCS8(t, p521), p521, "ECDSA-P-521"},
		{"P-521, OpenSSH", asOpenSSH(t, p521), p521, "ECDSA-P-521"},
		{
			"after its curve, as openssl ecparam writes it",
			concat(asPEM("EC PARAMETERS", []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7}), asPEM("EC PRIVATE KEY", asSEC1(t, p256))),
			p256, "ECDSA-P-256",
		},
		{
			"beside its certificate",
			concat(asPEM("CERTIFICATE", asCertificate(t, ed)), asPEM("PRIVATE KEY", asPKCS8(t, ed))),
			ed, "Ed25519",
		},
		{
			"within text",
			concat([]byte("Bag Attributes\n    friendlyName: iris\n"), asPEM("PRIVATE KEY", asPKCS8(t, ed)), []byte("\nend\n")),
			ed, "Ed25519",
		},
		{"with CRLF", bytes.ReplaceAll(asPEM("PRIVATE KEY", asPKCS8(t, ed)), []byte("\n"), []byte("\r\n")), ed, "Ed25519"},
		{"after a byte order mark", concat([]byte("\xef\xbb\xbf"), asPEM("PRIVATE KEY", asPKCS8(t, ed))), ed, "Ed25519"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			key, err := Parse(row.data)
			if err != nil {
				t.Fatal(err)
			}
			if key.Kind() != row.kind {
				t.Errorf("kind %q, want %q", key.Kind(), row.kind)
			}
			if want := fingerprint(row.want.Public()); key.Fingerprint() != want {
				t.Errorf("fingerprint %q, want %q", key.Fingerprint(), want)
			}
			if got, want := key.expand("test", ""), newNetworkKey(row.want).expand("test", ""); got != want {
				t.Error("the same key derives another secret in this format")
			}
			assertSigns(t, key)
		})
	}
}

func assertSigns(t *testing.T, key *NetworkKey) {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	signer := key.material().signer
	der, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	if err := cert.CheckSignatureFrom(cert); err != nil {
		t.Error(err)
	}
}

func TestParseRefuses(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := asPEM("PRIVATE KEY", asPKCS8(t, ed))
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := ssh.NewPublicKey(ed.Public())
	if err != nil {
		t.Fatal(err)
	}
	halves := bytes.Clone(ed)
	halves[40] ^= 1
	encryptedSSH, err := ssh.MarshalPrivateKeyWithPassphrase(ed, "", []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	legacy := &pem.Block{
		Type:    "RSA PRIVATE KEY",
		Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00"},
		Bytes:   make([]byte, 1200),
	}
	swappedModulus := *rsa2048()
	swappedModulus.N = new(big.Int).Add(swappedModulus.N, big.NewInt(2))

	rows := []struct {
		name string
		data []byte
		want error
		says string
	}{
		{"empty", nil, ErrKeyEmpty, "is empty"},
		{"white space", []byte("\n \r\n\t"), ErrKeyEmpty, "is empty"},
		{"oversized", make([]byte, maxKeySize+1), ErrKeyTooLarge, "65536 bytes"},
		{"garbage", []byte("not a key, not even close"), ErrKeyDamaged, "no private key"},
		{"binary garbage", bytes.Repeat([]byte{0xff}, 1000), ErrKeyDamaged, "no private key"},
		{"cut short", good[:len(good)-10], ErrKeyDamaged, "begins as PEM"},
		{"label without content", asPEM("PRIVATE KEY", nil), ErrKeyDamaged, "no private key"},
		{"label with garbage", asPEM("RSA PRIVATE KEY", []byte("garbage")), ErrKeyDamaged, "no private key"},
		{"OpenSSH garbage", asPEM("OPENSSH PRIVATE KEY", []byte("openssh-key-v1\x00garbage")), ErrKeyDamaged, "OpenSSH"},
		{"halves of two keys", asOpenSSH(t, ed25519.PrivateKey(halves)), ErrKeyDamaged, "do not belong together"},
		{"broken RSA", x509.MarshalPKCS1PrivateKey(&swappedModulus), ErrKeyDamaged, "no private key"},
		{"RSA of 1024 bits", asPEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsa1024())), ErrKeyWeak, "1024 bits"},
		{"RSA of 1024 bits, DER", asPKCS8(t, rsa1024()), ErrKeyWeak, "1024 bits"},
		{"RSA of 1024 bits, OpenSSH", asOpenSSH(t, rsa1024()), ErrKeyWeak, "1024 bits"},
		{"RSA of 512 bits", weakest(t), ErrKeyWeak, "512 bits"},
		{"P-224", asPEM("EC PRIVATE KEY", asSEC1(t, makeECDSA(t, elliptic.P224()))), ErrKeyWeak, "P-224"},
		{"X25519", asPEM("PRIVATE KEY", asPKCS8(t, x25519)), ErrKeyUnsupported, "can not sign"},
		{"DSA", asPEM("DSA PRIVATE KEY", []byte{0x30, 0}), ErrKeyUnsupported, "DSA"},
		{"PuTTY", []byte("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n"), ErrKeyUnsupported, "PuTTY"},
		{"encrypted PKCS #8", asPEM("ENCRYPTED PRIVATE KEY", encryptedPKCS8(t)), ErrKeyEncrypted, "passphrase"},
		{"encrypted PKCS #8, DER", encryptedPKCS8(t), ErrKeyEncrypted, "passphrase"},
		{"encrypted PEM", pem.EncodeToMemory(legacy), ErrKeyEncrypted, "passphrase"},
		{"encrypted OpenSSH", pem.EncodeToMemory(encryptedSSH), ErrKeyEncrypted, "ssh-keygen"},
		{"certificate", asPEM("CERTIFICATE", asCertificate(t, ed)), ErrKeyNotPrivate, "a certificate"},
		{"certificate, DER", asCertificate(t, ed), ErrKeyNotPrivate, "a certificate"},
		{"certificate request", asPEM("CERTIFICATE REQUEST", []byte{0x30, 0}), ErrKeyNotPrivate, "a certificate request"},
		{"public key", asPEM("PUBLIC KEY", asPKIX(t, ed.Public())), ErrKeyNotPrivate, "a public key"},
		{"public key, DER", asPKIX(t, ed.Public()), ErrKeyNotPrivate, "a public key"},
		{"RSA public key, DER", x509.MarshalPKCS1PublicKey(&rsa2048().PublicKey), ErrKeyNotPrivate, "a public key"},
		{"SSH public key", ssh.MarshalAuthorizedKey(public), ErrKeyNotPrivate, "an SSH public key"},
		{"RFC 4716 public key", []byte("---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n"), ErrKeyNotPrivate, "a public key"},
		{"two keys", concat(good, asOpenSSH(t, rsa2048())), ErrKeyAmbiguous, "2 private keys"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "key\nfile")
			if runtime.GOOS == "windows" {
				path = filepath.Join(t.TempDir(), "key")
			}
			if err := os.WriteFile(path, row.data, 0o600); err != nil {
				t.Fatal(err)
			}
			key, err := Load(path)
			if key != nil {
				t.Fatalf("loaded %v", key)
			}
			assertKeyError(t, err, row.want, row.says, path)
			_, err = Parse(row.data)
			assertKeyError(t, err, row.want, row.says, "")
		})
	}
}

// assertKeyError checks that err is of the wanted situation, is one line, says
// what, names the file and gives advice.
func assertKeyError(t *testing.T, err, want error, says, path string) {
	t.Helper()
	refused, ok := errors.AsType[*KeyError](err)
	if !ok || !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
	line := err.Error()
	if !strings.Contains(line, says) {
		t.Errorf("error %q does not say %q", line, says)
	}
	if path != "" && !strings.Contains(line, fmt.Sprintf("%q", path)) {
		t.Errorf("error %q does not name the file", line)
	}
	if refused.Advice == "" || !strings.HasSuffix(line, refused.Advice) {
		t.Errorf("error %q gives no advice", line)
	}
	if strings.ContainsAny(line, "\r\n") {
		t.Errorf("error %q is more than a line", line)
	}
}

// weakest returns an RSA key that Go makes only when told to.
func weakest(t *testing.T) []byte {
	t.Helper()
	t.Setenv("GODEBUG", "rsa1024min=0")
	return x509.MarshalPKCS1PrivateKey(makeRSA(512))
}

func encryptedPKCS8(t *testing.T) []byte {
	t.Helper()
	der, err := asn1.Marshal(struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}{
		pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}},
		make([]byte, 64),
	})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestLoadNamesWhatTheSystemSays(t *testing.T) {
	directory := t.TempDir()
	missing := filepath.Join(directory, "missing.pem")
	_, err := Load(missing)
	assertKeyError(t, err, ErrKeyUnreadable, "can not be read", missing)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v does not wrap fs.ErrNotExist", err)
	}
	_, err = Load(directory)
	assertKeyError(t, err, ErrKeyUnreadable, "can not be read", directory)
}

func TestLoadStopsReadingALargeFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "large.pem")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 1<<30); err != nil {
		t.Fatal(err)
	}
	data, _, err := readKeyFile(path)
	if err != nil || len(data) != maxKeySize+1 {
		t.Fatalf("read %d bytes, error %v", len(data), err)
	}
	_, err = Load(path)
	assertKeyError(t, err, ErrKeyTooLarge, "65536 bytes", path)
}

func TestLoadWarnsOfOpenPermissions(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such permissions")
	}
	path := filepath.Join(t.TempDir(), "key.pem")
	if _, err := Create(path); err != nil {
		t.Fatal(err)
	}
	for mode, warns := range map[os.FileMode]bool{0o600: false, 0o400: false, 0o640: true, 0o604: true, 0o644: true} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		key, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		if warning := key.Warning(); (warning != "") != warns {
			t.Errorf("mode %v: warning %q, want one: %t", mode, warning, warns)
		}
	}
}

func TestCreate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.pem")
	created, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if created.String() != loaded.String() || loaded.Kind() != "Ed25519" {
		t.Errorf("created %v, loaded %v", created, loaded)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, error %v", info.Mode(), err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if block, rest := pem.Decode(content); block == nil || block.Type != "PRIVATE KEY" || len(rest) != 0 {
		t.Error("the file is not one block of PKCS #8")
	}

	_, err = Create(path)
	assertKeyError(t, err, ErrKeyExists, "exists", path)
	if again, err := os.ReadFile(path); err != nil || !bytes.Equal(again, content) {
		t.Errorf("the file was touched (error %v)", err)
	}

	nowhere := filepath.Join(t.TempDir(), "missing", "key.pem")
	_, err = Create(nowhere)
	assertKeyError(t, err, ErrKeyUnreadable, "can not be written", nowhere)
}

func TestGenerateMakesANewKeyEachTime(t *testing.T) {
	if one, two := Generate(), Generate(); one.Fingerprint() == two.Fingerprint() {
		t.Error("two generated keys are the same")
	}
}

func FuzzParse(f *testing.F) {
	ed := generateEd25519()
	der, err := x509.MarshalPKCS8PrivateKey(ed)
	if err != nil {
		f.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(ed, "")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(der)
	f.Add(asPEM("PRIVATE KEY", der))
	f.Add(pem.EncodeToMemory(block))
	f.Add([]byte("ssh-ed25519 AAAA"))
	f.Fuzz(func(t *testing.T, data []byte) {
		key, err := Parse(data)
		if (key == nil) == (err == nil) {
			t.Fatalf("key %v, error %v", key, err)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\r\n") {
			t.Fatalf("error %q is more than a line", err)
		}
	})
}
