package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

const patience = 60 * time.Second

// serve listens in this process, and closes the listener with the test.
func serve(t *testing.T, o options, addr string) net.Listener {
	t.Helper()
	listener, err := listen(t.Context(), o, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}

func parse(t *testing.T, given map[string]string) options {
	t.Helper()
	o, err := parseOptions(given)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// join dials a listener, and returns both ends, which are closed with the test.
func join(t *testing.T, o options, listener net.Listener, addr string) (dialled, accepted net.Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	dialled, err := dial(ctx, o, addr)
	if err != nil {
		t.Fatal(err)
	}
	accepted, err = listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeBoth(dialled, accepted) })
	return dialled, accepted
}

// closeBoth closes both ends at once, so that each hears the other's goodbye.
func closeBoth(a, b net.Conn) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = a.Close()
	}()
	_ = b.Close()
	<-done
}

// expectCarries sends a text one way, to its end.
func expectCarries(t *testing.T, from, to net.Conn, text string) {
	t.Helper()
	go func() {
		_, _ = from.Write([]byte(text))
		_ = from.(interface{ CloseWrite() error }).CloseWrite()
	}()
	if got, err := io.ReadAll(to); err != nil || string(got) != text {
		t.Errorf("%d bytes of %d arrived: %v", len(got), len(text), err)
	}
}

// certificate makes a certificate for a name, and returns its files. It is its own
// authority.
func certificate(t *testing.T, name string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	public, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	return writePEM(t, filepath.Join(dir, "cert.pem"), "CERTIFICATE", public), writePEM(t, filepath.Join(dir, "key.pem"), "PRIVATE KEY", secret)
}

func writePEM(t *testing.T, path, kind string, der []byte) string {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
