package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"text/template"

	natsgo "github.com/nats-io/nats.go"

	"github.com/project-iris/iris/cmd/internal/load"
)

// natsConfig is the configuration of one of the servers: what the manual says for a
// cluster with TLS, and defaults.
var natsConfig = template.Must(template.New("").Parse(`
server_name: {{.Name}}
listen: "127.0.0.1:{{.Port}}"
{{with .Monitor}}http: "127.0.0.1:{{.}}"{{end}}
cluster {
  name: compare
  listen: "127.0.0.1:{{.Route}}"
  tls {
    cert_file: "{{.Dir}}/nats.crt"
    key_file: "{{.Dir}}/nats.key"
    ca_file: "{{.Dir}}/ca.crt"
    verify: true
    timeout: 5
  }
  routes: [
{{- range .Routes}}
    "nats-route://127.0.0.1:{{.}}"
{{- end}}
  ]
}
`))

// natsServer is what the configuration of a server has.
type natsServer struct {
	Name        string
	Dir         string // of the certificates
	Port, Route int    // for applications, and for other servers
	Monitor     int    // port that it tells of itself at; 0: none
	Routes      []int  // ports of other servers
}

// write writes the configuration, and returns its path.
func (s *natsServer) write() (string, error) {
	path := filepath.Join(s.Dir, s.Name+".conf")
	file, err := os.Create(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	return path, natsConfig.Execute(file, s)
}

// startNATS starts a cluster of two servers.
func startNATS(ctx context.Context, dir string) (*network, error) {
	if err := makeCertificates(dir); err != nil {
		return nil, err
	}
	ports, err := freePorts(4)
	if err != nil {
		return nil, err
	}
	n := newNetwork(natsSystem{})
	n.ports = [2]int{ports[0], ports[1]}
	if err := n.startNATSServers(ctx, dir, ports[2:]); err != nil {
		n.stop()
		return nil, err
	}
	return n, nil
}

func (n *network) startNATSServers(ctx context.Context, dir string, routes []int) error {
	for i, port := range n.ports {
		s := natsServer{Name: fmt.Sprint("nats", i), Dir: dir, Port: port, Route: routes[i], Routes: routes[1-i : 2-i]}
		path, err := s.write()
		if err != nil {
			return err
		}
		if _, err := n.start(dir, "nats-server", "-c", path); err != nil {
			return err
		}
	}
	for _, p := range n.servers {
		if _, err := await(ctx, p, "Server is ready"); err != nil {
			return err
		}
	}
	return nil
}

// freePorts returns ports that nobody listens on, at this moment.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// natsSystem attaches applications to NATS: a cluster is a subject with one queue group, and
// another subject without, for broadcasts; a topic is a subject.
type natsSystem struct{}

// everyone is behind the name of a cluster in the subject to which all its members subscribe.
const everyone = ".everyone"

// Connect attaches a client.
func (natsSystem) Connect(_ context.Context, port int) (load.Conn, error) {
	conn, err := natsgo.Connect(fmt.Sprintf("nats://127.0.0.1:%d", port))
	if err != nil {
		return nil, err
	}
	return natsConn{Unsupported: load.Unsupported{}, conn: conn}, nil
}

// Serve attaches a member of a queue group.
func (natsSystem) Serve(ctx context.Context, port int, cluster string, service load.Service) (load.Conn, error) {
	conn, err := natsgo.Connect(fmt.Sprintf("nats://127.0.0.1:%d", port))
	if err != nil {
		return nil, err
	}
	c := natsConn{conn: conn}
	if err := c.serve(ctx, cluster, service); err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

// serve subscribes to what the service has functions for. A tunnel is nothing of NATS's.
func (c natsConn) serve(ctx context.Context, cluster string, service load.Service) error {
	if service.Tunnel != nil {
		return errors.ErrUnsupported
	}
	if service.Broadcast != nil {
		if err := c.Subscribe(ctx, cluster+everyone, service.Broadcast); err != nil {
			return err
		}
	}
	if service.Request == nil {
		return nil
	}
	_, err := c.conn.QueueSubscribe(cluster, "members", func(m *natsgo.Msg) { _ = m.Respond(service.Request(m.Data)) })
	if err != nil {
		return err
	}
	return c.conn.Flush()
}

// natsConn is a connection of the NATS client.
type natsConn struct {
	load.Unsupported

	conn *natsgo.Conn
}

func (c natsConn) Request(ctx context.Context, cluster string, body []byte) ([]byte, error) {
	m, err := c.conn.RequestWithContext(ctx, cluster, body)
	if err != nil {
		return nil, err
	}
	return m.Data, nil
}

func (c natsConn) Publish(_ context.Context, topic string, event []byte) error {
	return c.conn.Publish(topic, event)
}

// Broadcast publishes to the subject that all members have.
func (c natsConn) Broadcast(_ context.Context, cluster string, message []byte) error {
	return c.conn.Publish(cluster+everyone, message)
}

// Subscribe subscribes without a limit to what waits: the load has one.
func (c natsConn) Subscribe(_ context.Context, topic string, handle func([]byte)) error {
	s, err := c.conn.Subscribe(topic, func(m *natsgo.Msg) { handle(m.Data) })
	if err != nil {
		return err
	}
	if err := s.SetPendingLimits(-1, -1); err != nil {
		return err
	}
	return c.conn.Flush()
}

func (c natsConn) Close() error {
	c.conn.Close()
	return nil
}
