package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	defaultPath = "/"
	defaultPing = 20 * time.Second
)

// options are what a node is given with -plugin-opt, and the defaults of the rest.
type options struct {
	path      string        // of the URL, on both sides
	ping      time.Duration // 0: none
	listen    string        // where to listen, instead of where the node says
	advertise string        // what others are to dial, instead of where this listens

	secure bool        // dial HOST:PORT by wss://
	client *tls.Config // for wss://, of HOST:PORT or a URL
	server *tls.Config // nil: listeners are ws://
}

// certificates are the options that have to do with TLS, before the files are read.
type certificates struct {
	cert, key     string // files, of listeners
	tls, tlsGiven bool   // dial by wss://
	verify        bool   // the other side's certificate
	ca, name      string // against this file of authorities, for this name
}

// parseOptions checks the options and reads the files that they name.
func parseOptions(given map[string]string) (options, error) {
	o := options{path: defaultPath, ping: defaultPing}
	c := certificates{verify: true}
	for name, value := range given {
		if err := set(&o, &c, name, value); err != nil {
			return o, fmt.Errorf("option %s=%s: %w", name, value, err)
		}
	}
	if (c.cert == "") != (c.key == "") {
		return o, errors.New("options cert and key belong together")
	}
	if !c.tlsGiven {
		c.tls = c.cert != ""
	}
	return o, c.load(&o)
}

func set(o *options, c *certificates, name, value string) (err error) {
	switch name {
	case "path":
		o.path = value
		if !strings.HasPrefix(value, "/") || strings.ContainsAny(value, "?# ") {
			err = errors.New("a path begins with / and has no query")
		}
	case "ping":
		if o.ping, err = time.ParseDuration(value); err == nil && o.ping < 0 {
			err = errors.New("below zero")
		}
	case "listen":
		o.listen = value
	case "advertise":
		o.advertise = value
	case "cert":
		c.cert = value
	case "key":
		c.key = value
	case "tls":
		c.tlsGiven = true
		c.tls, err = strconv.ParseBool(value)
	case "ca":
		c.ca = value
	case "name":
		c.name = value
	case "verify":
		c.verify, err = strconv.ParseBool(value)
	default:
		err = errors.New("not known; there are path, ping, listen, advertise, cert, key, tls, ca, name, verify")
	}
	return err
}

// load makes the TLS configurations of both sides.
func (c *certificates) load(o *options) error {
	if c.cert != "" {
		pair, err := tls.LoadX509KeyPair(c.cert, c.key)
		if err != nil {
			return err
		}
		o.server = &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"http/1.1"}}
	}
	client := &tls.Config{ServerName: c.name, InsecureSkipVerify: !c.verify, NextProtos: []string{"http/1.1"}}
	if c.ca != "" {
		text, err := os.ReadFile(c.ca)
		if err != nil {
			return err
		}
		client.RootCAs = x509.NewCertPool()
		if !client.RootCAs.AppendCertsFromPEM(text) {
			return fmt.Errorf("%s holds no certificate", c.ca)
		}
	}
	o.secure, o.client = c.tls, client
	return nil
}
