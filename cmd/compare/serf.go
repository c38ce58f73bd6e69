package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strconv"

	serf "github.com/hashicorp/serf/client"

	"github.com/project-iris/iris/cmd/internal/process"
)

// serfKeySize is the length of a key for AES-256, in bytes.
const serfKeySize = 32

// prepareSerf is for agents of Serf with its defaults, and with encryption, as Iris has it.
func prepareSerf(dir string, servers int) (anchorStart, error) {
	ports, err := freePorts(2 * servers)
	if err != nil {
		return nil, err
	}
	key := make([]byte, serfKeySize)
	_, _ = rand.Read(key) // never fails
	return func(g *process.Group, number int) (*anchorServer, error) {
		asked := fmt.Sprint("127.0.0.1:", ports[servers+number])
		args := []string{
			"agent", "-node", fmt.Sprint("serf", number), "-bind", fmt.Sprint("127.0.0.1:", ports[number]), "-rpc-addr", asked,
			"-encrypt", base64.StdEncoding.EncodeToString(key), "-log-level", "warn",
		}
		for _, seed := range ports[:min(number, restSeeds)] {
			args = append(args, "-join", fmt.Sprint("127.0.0.1:", seed))
		}
		p, err := start(g, dir, serfProgram.file, fmt.Sprint("agent ", number), args...)
		if err != nil {
			return nil, err
		}
		return &anchorServer{p, func(context.Context) (int, error) { return serfOthers(asked) }}, nil
	}, nil
}

// serfOthers asks an agent how many others are alive.
func serfOthers(addr string) (int, error) {
	c, err := serf.ClientFromConfig(&serf.Config{Addr: addr})
	if err != nil {
		return 0, err
	}
	defer c.Close()
	stats, err := c.Stats()
	if err != nil {
		return 0, err
	}
	var counts [3]int
	for i, name := range []string{"members", "failed", "left"} {
		if counts[i], err = strconv.Atoi(stats["serf"][name]); err != nil {
			return 0, fmt.Errorf("an agent does not say how many are %s: %w", name, err)
		}
	}
	return counts[0] - counts[1] - counts[2] - 1, nil
}
