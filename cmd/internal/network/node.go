package network

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/project-iris/iris/cmd/internal/process"
	"github.com/project-iris/iris/node"
	"github.com/project-iris/iris/relay/client"
	"github.com/project-iris/iris/transport"
)

// networkName is the same for all networks of this package: their keys differ.
const networkName = "bench"

// oneNode is a node of the network.
type oneNode struct {
	*process.Process
	started time.Time
	tally   *tally
	once    sync.Once
	ready   chan struct{} // closed when it serves
	where   readyLine     // valid then
}

// startNode starts a node that joins others.
func (r *run) startNode(number int, join []string) (*oneNode, error) {
	n := &oneNode{started: time.Now(), tally: r.tally, ready: make(chan struct{})}
	args := []string{
		"-net", networkName, "-rsa", r.key, "-port", "0", "-bind", "127.0.0.1:0", "-discover", "none",
		"-transport", r.config.Transport, "-http", "127.0.0.1:0", "-log-format", "json",
	}
	if len(join) > 0 {
		args = append(args, "-join", strings.Join(join, ","))
	}
	var err error
	n.Process, err = r.group.Start(process.Spec{
		Name: fmt.Sprint("node ", number), Path: r.config.Program, Args: args, Env: r.config.Env, Line: n.read,
	})
	return n, err
}

// read takes a line of the node's log.
func (n *oneNode) read(text string) {
	l, ready := parseLine(text)
	if l.Level == levelWarn || l.Level == levelError {
		n.tally.add(l, text)
	}
	if ready != nil {
		n.once.Do(func() {
			n.where = *ready
			close(n.ready)
		})
	}
}

// awaitReady returns when the node serves.
func (n *oneNode) awaitReady(ctx context.Context) error {
	select {
	case <-n.ready:
		return nil
	case <-n.Ended():
		return n.Failed(errors.New("it is not ready"))
	case <-ctx.Done():
		return n.Failed(fmt.Errorf("it is not ready: %w", context.Cause(ctx)))
	}
}

// isReady reports whether the node serves.
func (n *oneNode) isReady() bool {
	select {
	case <-n.ready:
		return true
	default:
		return false
	}
}

// peers are where other nodes reach it.
func (n *oneNode) peers() []string { return strings.Split(n.where.Peer, ",") }

// attach is the configuration of applications of the node.
func (n *oneNode) attach() client.Config {
	return client.Config{
		Address: net.JoinHostPort("127.0.0.1", strconv.Itoa(n.where.Port)),
		Timeout: requestTimeout, CloseTimeout: closeTimeout,
	}
}

// What an answer of the admin endpoint may take.
const (
	askTimeout = 10 * time.Second
	maxAnswer  = 16 << 20 // bytes
)

// errAdmin says that a node gives an answer that it should not.
var errAdmin = errors.New("the admin endpoint says")

// ask returns what the node says at a path of its admin endpoint. Nothing is kept of the
// connection, which the node would have to hold.
func (n *oneNode) ask(ctx context.Context, path string) (code int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.where.HTTP+path, nil)
	if err != nil {
		return 0, nil, err
	}
	asker := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := asker.Do(request)
	if err != nil {
		return 0, nil, n.Failed(err)
	}
	defer response.Body.Close()
	body, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return 0, nil, n.Failed(err)
	}
	return response.StatusCode, body, nil
}

// others returns how many other nodes it knows.
func (n *oneNode) others(ctx context.Context) (int, error) {
	code, body, err := n.ask(ctx, "/members/count")
	if err != nil {
		return 0, err
	}
	count, err := strconv.Atoi(strings.TrimSpace(string(body)))
	if code != http.StatusOK || err != nil {
		return 0, n.Failed(fmt.Errorf("%w %d: %.100q", errAdmin, code, body))
	}
	return count, nil
}

// knows reports whether it knows another one.
func (n *oneNode) knows(ctx context.Context, id transport.PeerID) (bool, error) {
	code, body, err := n.ask(ctx, "/members/"+id.String())
	if err == nil && code != http.StatusOK && code != http.StatusNotFound {
		err = n.Failed(fmt.Errorf("%w %d: %.100q", errAdmin, code, body))
	}
	return code == http.StatusOK, err
}

// members returns all that it says of itself and the others.
func (n *oneNode) members(ctx context.Context) (m node.Members, err error) {
	code, body, err := n.ask(ctx, "/members")
	if err != nil {
		return m, err
	}
	if code == http.StatusOK {
		err = json.Unmarshal(body, &m)
	}
	if code != http.StatusOK || err != nil {
		return m, n.Failed(fmt.Errorf("%w %d: %.100q", errAdmin, code, body))
	}
	return m, nil
}

// links returns to how many others it has a link.
func (n *oneNode) links(ctx context.Context) (links int, err error) {
	m, err := n.members(ctx)
	for _, member := range m.Members {
		if member.Link != "" {
			links++
		}
	}
	return links, err
}
