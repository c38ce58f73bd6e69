package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/project-iris/iris/node"
)

const (
	// askTimeout is how long a node may take to answer. It gives the others two seconds.
	askTimeout = 5 * time.Second
	// maxAnswer is the longest answer of a node, in bytes.
	maxAnswer = 256 << 20
)

// askFlags are the flags of the commands that ask a node about itself.
type askFlags struct {
	control string
	addr    string
	port    int
}

func (f *askFlags) register(fs *flag.FlagSet) {
	fs.IntVar(&f.port, "port", node.DefaultPort, "TCP `port` that the node of this host has for applications: its socket is named after it")
	fs.StringVar(&f.control, "control", "", "`path` of the socket of the node (default where nodes make it)")
	fs.StringVar(&f.addr, "http", "", "`HOST:PORT` that the node was given with its -http, to ask it there instead")
}

// get returns what the node says at a path.
func (f *askFlags) get(ctx context.Context, path string) ([]byte, error) {
	return f.do(ctx, http.MethodGet, path, "")
}

// read reads what the node says at a path, in JSON.
func (f *askFlags) read(ctx context.Context, path string, into any) error {
	body, err := f.get(ctx, path)
	if err != nil {
		return err
	}
	return decode(body, into)
}

func decode(body []byte, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("the answer of the node cannot be read: %w", err)
	}
	return nil
}

// do asks the node, or tells it what to do.
func (f *askFlags) do(ctx context.Context, method, path, body string) ([]byte, error) {
	return f.doWithin(ctx, askTimeout, method, path, body)
}

// doWithin is do for what takes the node so long at most.
func (f *askFlags) doWithin(ctx context.Context, timeout time.Duration, method, path, body string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	at, dial, err := f.find()
	if err != nil {
		return nil, err
	}
	path, query, _ := strings.Cut(path, "?")
	where := url.URL{Scheme: "http", Host: "localhost", Path: path, RawQuery: query}
	if f.addr != "" {
		where.Host = at
	}
	request, err := http.NewRequestWithContext(ctx, method, where.String(), strings.NewReader(body))
	if err != nil {
		return nil, usagef("-http %q is not HOST:PORT", f.addr)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: dial}}
	response, err := client.Do(request)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return nil, f.nobody(at)
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("the node at %s does not answer within %v: is it stuck? look at its log", at, timeout)
	case err != nil:
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if response.StatusCode >= http.StatusMultipleChoices {
		return nil, fmt.Errorf("%s answers %s with %s (%.200s): is it a node of this version?", at, path, response.Status,
			plain(strings.TrimSpace(string(answer))))
	}
	return answer, err
}

// find returns where the node is asked, and how to get there.
func (f *askFlags) find() (at string, dial func(ctx context.Context, network, addr string) (net.Conn, error), err error) {
	if f.addr != "" {
		at := f.addr
		if strings.HasPrefix(at, ":") {
			at = "127.0.0.1" + at
		}
		if _, _, err := net.SplitHostPort(at); err != nil || f.control != "" {
			return "", nil, usagef("-http %q is not HOST:PORT, or there is a -control besides", f.addr)
		}
		return at, nil, nil
	}
	paths := []string{f.control}
	if f.control == "" || f.control == node.DefaultControl {
		paths = node.ControlPaths(f.port)
	}
	for _, path := range paths {
		err := node.OwnControl(path)
		switch {
		case err == nil:
			return path, func(ctx context.Context, _, _ string) (net.Conn, error) {
				var d net.Dialer
				return d.DialContext(ctx, "unix", path)
			}, nil
		case errors.Is(err, fs.ErrNotExist):
		default:
			return "", nil, fmt.Errorf("the socket %s cannot be used: %w", path, err)
		}
	}
	return "", nil, f.nobody(strings.Join(paths, ", "))
}

// nobody says that no node is there.
func (f *askFlags) nobody(at string) error {
	if f.addr != "" {
		return fmt.Errorf("no node answers at %s: start one with -http %s, or leave -http out to ask the node of this host", at, at)
	}
	return fmt.Errorf("no node answers at %s: start one with iris -dev, or name the port that it has for applications with -port, or its socket with -control", at)
}
