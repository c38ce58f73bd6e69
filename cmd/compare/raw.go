package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/project-iris/iris/cmd/internal/load"
)

// bulkSize is the length of the messages of bulk tunnels, in bytes.
const bulkSize = 64 << 10

// raw is one connection with nothing around it, both ends of which are in this process:
// what a tunnel between two nodes cannot beat. It carries messages of bulkSize.
type raw struct {
	accept func(ctx context.Context) (io.ReadCloser, error)
	dial   func(ctx context.Context) (io.WriteCloser, error)
	close  func() error
}

// rawConn is one end.
type rawConn struct {
	load.Unsupported

	raw   *raw
	close func() error
}

func (c rawConn) Tunnel(ctx context.Context, _ string) (load.Tunnel, error) {
	w, err := c.raw.dial(ctx)
	return rawTunnel{writer: w}, err
}

func (c rawConn) Close() error { return c.close() }

// rawTunnel is a stream in one direction.
type rawTunnel struct {
	writer io.WriteCloser
	reader io.ReadCloser
	buffer []byte
}

func (t rawTunnel) Send(_ context.Context, message []byte) error {
	_, err := t.writer.Write(message)
	return err
}

func (t rawTunnel) Receive(context.Context) ([]byte, error) {
	_, err := io.ReadFull(t.reader, t.buffer)
	return t.buffer, err
}

func (t rawTunnel) Close() error {
	if t.writer == nil {
		return t.reader.Close()
	}
	return t.writer.Close()
}

// Connect returns the end that sends.
func (r *raw) Connect(context.Context, int) (load.Conn, error) {
	return rawConn{raw: r, close: func() error { return nil }}, nil
}

// Serve returns the end that receives.
func (r *raw) Serve(_ context.Context, _ int, _ string, service load.Service) (load.Conn, error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.receive(ctx, service)
	}()
	return rawConn{raw: r, close: func() error {
		cancel()
		err := r.close()
		<-ended
		return err
	}}, nil
}

// receive serves one stream after the other.
func (r *raw) receive(ctx context.Context, service load.Service) {
	for {
		reader, err := r.accept(ctx)
		if err != nil {
			return
		}
		service.Tunnel(rawTunnel{reader: reader, buffer: make([]byte, bulkSize)})
		_ = reader.Close()
	}
}

// selfSigned returns both sides' configuration for a fresh certificate.
func selfSigned() (*tls.Config, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour), DNSNames: []string{"compare"}}
	der, err := x509.CreateCertificate(rand.Reader, leaf, leaf, public, private)
	if err != nil {
		return nil, err
	}
	if leaf, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}},
		RootCAs:      roots, ServerName: "compare", NextProtos: []string{"compare"}, MinVersion: tls.VersionTLS13,
	}, nil
}

// startTLS is TLS over TCP.
func startTLS(context.Context, string) (*network, error) {
	config, err := selfSigned()
	if err != nil {
		return nil, err
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		return nil, err
	}
	return newNetwork(&raw{
		accept: func(context.Context) (io.ReadCloser, error) { return l.Accept() },
		dial: func(ctx context.Context) (io.WriteCloser, error) {
			return (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", l.Addr().String())
		},
		close: l.Close,
	}), nil
}

// startQUIC is a stream of quic-go, with the windows that package quic has.
func startQUIC(ctx context.Context, _ string) (*network, error) {
	config, err := selfSigned()
	if err != nil {
		return nil, err
	}
	windows := quicWindows()
	l, err := quicgo.ListenAddr("127.0.0.1:0", config, windows)
	if err != nil {
		return nil, err
	}
	dialled, err := quicgo.DialAddr(ctx, l.Addr().(*net.UDPAddr).String(), config, windows)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	accepted, err := l.Accept(ctx)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return newNetwork(&raw{
		accept: func(ctx context.Context) (io.ReadCloser, error) {
			s, err := accepted.AcceptUniStream(ctx)
			return quicReader{s}, err
		},
		dial:  func(ctx context.Context) (io.WriteCloser, error) { return dialled.OpenUniStreamSync(ctx) },
		close: func() error { return errors.Join(dialled.CloseWithError(0, ""), l.Close()) },
	}), nil
}

// quicReader is a stream that is read to its end.
type quicReader struct{ *quicgo.ReceiveStream }

func (quicReader) Close() error { return nil }
