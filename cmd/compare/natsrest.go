package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/project-iris/iris/cmd/internal/process"
)

// prepareNATS is for a cluster of NATS servers, each of which has routes to all others once
// they have told it of them.
func prepareNATS(dir string, servers int) (anchorStart, error) {
	if err := makeCertificates(dir); err != nil {
		return nil, err
	}
	ports, err := freePorts(3 * servers)
	if err != nil {
		return nil, err
	}
	routes, monitors := ports[servers:2*servers], ports[2*servers:]
	return func(g *process.Group, number int) (*anchorServer, error) {
		s := natsServer{
			Name: fmt.Sprint("rest", number), Dir: dir, Port: ports[number], Route: routes[number],
			Monitor: monitors[number], Routes: routes[:min(number, restSeeds)],
		}
		path, err := s.write()
		if err != nil {
			return nil, err
		}
		p, err := start(g, dir, natsProgram.file, fmt.Sprint("server ", number), "-c", path)
		if err != nil {
			return nil, err
		}
		return &anchorServer{p, func(ctx context.Context) (int, error) { return natsOthers(ctx, s.Monitor) }}, nil
	}, nil
}

// natsOthers asks a server how many others it has routes to.
func natsOthers(ctx context.Context, monitor int) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/varz", monitor), nil)
	if err != nil {
		return 0, err
	}
	asker := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := asker.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	var said struct {
		Remotes int `json:"remotes"`
	}
	err = json.NewDecoder(response.Body).Decode(&said)
	return said.Remotes, err
}
