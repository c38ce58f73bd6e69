package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/project-iris/iris/cmd/internal/process"
)

// naiveCommand is the argument with which this program is a node of a chain that only copies.
const naiveCommand = "naive"

// startNaive starts two nodes that only copy: the first one, to the second, what comes from an
// application, and the second one to another application. There is a connection or a stream
// between them for each that an application makes.
func startNaive(transport string) func(context.Context, string) (*network, error) {
	return func(ctx context.Context, dir string) (*network, error) {
		if err := makeCertificates(dir); err != nil {
			return nil, err
		}
		l, err := net.Listen("tcp", naiveLoopback)
		if err != nil {
			return nil, err
		}
		r := &raw{
			accept: func(context.Context) (io.ReadCloser, error) { return l.Accept() },
			close:  l.Close,
		}
		n := newNetwork(r)
		if err := n.startNaiveNodes(ctx, dir, transport, l.Addr().String()); err != nil {
			n.stop()
			return nil, errors.Join(err, l.Close())
		}
		r.dial = func(context.Context) (io.WriteCloser, error) {
			return net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(n.ports[0])))
		}
		return n, nil
	}
}

// startNaiveNodes starts the nodes, the one first that is next to what it leads to.
func (n *network) startNaiveNodes(ctx context.Context, dir, transport, to string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	for _, role := range []string{"last", "first"} {
		p, err := n.group.Start(process.Spec{
			Name: "naive node, the " + role, Path: program, Args: []string{naiveCommand, "-transport", transport, "-dir", dir, "-role", role, "-to", to},
		})
		if err != nil {
			return err
		}
		n.servers = append(n.servers, p)
		ready, err := await(ctx, p, `^ready (127\.0\.0\.1:(\d+))$`)
		if err != nil {
			return err
		}
		to = ready[1]
		if n.ports[0], err = strconv.Atoi(ready[2]); err != nil {
			return err
		}
	}
	return nil
}

// naive is a node that only copies.
type naive struct {
	transport string // between the nodes
	last      bool   // it takes from the other node, and hands over to an application
	to        string // where it hands over
	config    *tls.Config
}

// runNaive is this program as such a node. It serves until it is killed.
func runNaive(ctx context.Context, args []string) error {
	var n naive
	fs := flag.NewFlagSet(naiveCommand, flag.ContinueOnError)
	fs.StringVar(&n.transport, "transport", overTCP, "")
	fs.StringVar(&n.to, "to", "", "")
	dir := fs.String("dir", "", "")
	role := fs.String("role", "first", "")
	if err := fs.Parse(args); err != nil {
		return err
	}
	n.last = *role == "last"
	var err error
	if n.config, err = readCertificates(*dir); err != nil {
		return err
	}
	return n.serve(ctx)
}

// serve copies what comes, each connection in goroutines of its own.
func (n *naive) serve(ctx context.Context) error {
	accept, addr, err := n.listen()
	if err != nil {
		return err
	}
	dial, err := n.dialer(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, "ready", addr)
	for {
		from, err := accept(ctx)
		if err != nil {
			return err
		}
		to, err := dial(ctx)
		if err != nil {
			return err
		}
		go copyAll(to, from)
		go copyAll(from, to)
	}
}

// copyAll copies through a buffer until either side ends, and ends the other one.
func copyAll(to io.WriteCloser, from io.Reader) {
	b := make([]byte, bulkSize)
	for {
		k, err := from.Read(b)
		if k > 0 {
			if _, err := to.Write(b[:k]); err != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	_ = to.Close()
}

const naiveLoopback = "127.0.0.1:0"

// readCertificates returns both sides' configuration for those that makeCertificates has made.
func readCertificates(dir string) (*tls.Config, error) {
	own, err := tls.LoadX509KeyPair(filepath.Join(dir, "nats.crt"), filepath.Join(dir, "nats.key"))
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("ca.crt has no certificate")
	}
	ca, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	return &tls.Config{
		Certificates: []tls.Certificate{own}, RootCAs: roots, ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert,
		ServerName: "127.0.0.1", NextProtos: []string{"compare"}, MinVersion: tls.VersionTLS13,
	}, nil
}
