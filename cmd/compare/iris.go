package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/project-iris/iris/cmd/internal/load"
)

// startIris starts two nodes, linked by a transport.
func startIris(transport string) func(context.Context, string) (*network, error) {
	return func(ctx context.Context, dir string) (*network, error) {
		key := filepath.Join(dir, "network.pem")
		if _, err := os.Stat(key); err != nil {
			if out, err := exec.CommandContext(ctx, filepath.Join(dir, "iris"), "keygen", key).CombinedOutput(); err != nil {
				return nil, fmt.Errorf("keygen: %w: %s", err, out)
			}
		}
		n := newNetwork(load.Iris{})
		if err := n.startNodes(ctx, dir, key, transport); err != nil {
			n.stop()
			return nil, err
		}
		return n, nil
	}
}

func (n *network) startNodes(ctx context.Context, dir, key, transport string) error {
	args := []string{"-net", "compare", "-rsa", key, "-port", "0", "-bind", "127.0.0.1:0", "-transport", transport}
	for i := range n.ports {
		p, err := n.start(dir, "iris", args...)
		if err != nil {
			return err
		}
		ready, err := await(ctx, p, `ready.* port=(\d+) peer=\S*?(127\.0\.0\.1:\d+)`)
		if err != nil {
			return err
		}
		if n.ports[i], err = strconv.Atoi(ready[1]); err != nil {
			return err
		}
		args = append(args, "-join", ready[2])
	}
	_, err := await(ctx, n.servers[0], "node is found")
	return err
}
