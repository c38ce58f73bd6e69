package plugins

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/project-iris/iris/plugins/pluginrpc"
)

// exitTime is how much later than its sockets a process may be seen to end, on a busy
// machine.
const exitTime = 2 * time.Second

// An instance is one process of a plugin, from its start to its end.
type instance struct {
	config  Config
	log     *lineLog
	runner  *programRunner
	client  *plugin.Client
	process *process
	rpc     pluginrpc.TransportClient
	health  grpc_health_v1.HealthClient
	data    socket // where the bytes of connections go

	mu      sync.Mutex
	conns   int // those that are being made included
	pipes   map[*pipe]struct{}
	failure error // why it was killed
}

// startInstance starts a plugin and configures it. The context bounds the start.
func startInstance(ctx context.Context, config Config, log *lineLog) (*instance, error) {
	path, err := verify(config.Path, config.SHA256)
	if err != nil {
		return nil, err
	}
	i := &instance{config: config, log: log, pipes: map[*pipe]struct{}{}}
	i.client = plugin.NewClient(i.clientConfig(path))
	ctx, cancel := context.WithTimeout(ctx, config.StartTimeout)
	defer cancel()
	i.runner = &programRunner{log: log}
	stop := context.AfterFunc(ctx, func() { _ = i.runner.Kill(ctx) })
	defer stop()
	if err := i.start(ctx); err != nil {
		_ = i.runner.Kill(ctx)
		i.close()
		return nil, err
	}
	return i, nil
}

// clientConfig is how go-plugin is to start a program. Where the sockets are in a
// directory that only this user can enter, they need no TLS of their own.
func (i *instance) clientConfig(path string) *plugin.ClientConfig {
	return &plugin.ClientConfig{
		HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion:  pluginrpc.Version,
			MagicCookieKey:   pluginrpc.CookieKey,
			MagicCookieValue: pluginrpc.CookieValue,
		},
		Plugins:          plugin.PluginSet{pluginrpc.Name: &clientPlugin{}},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:         runtime.GOOS == "windows",
		StartTimeout:     2 * i.config.StartTimeout, // startInstance's comes first, and says more
		SkipHostEnv:      true,
		Logger:           hclog.NewNullLogger(), // all that it has to say is said here
		SyncStdout:       i.log,
		SyncStderr:       i.log,
		GRPCDialOptions:  dialOptions(),
		RunnerFunc: func(_ hclog.Logger, prepared *exec.Cmd, dir string) (runner.Runner, error) {
			i.runner.cmd = exec.Command(path)
			i.runner.cmd.Env = append(environment(), prepared.Env...)
			i.runner.dir = dir
			return i.runner, nil
		},
	}
}

// start starts the process and says hello.
func (i *instance) start(ctx context.Context) error {
	protocol, err := i.client.Client()
	i.process = i.runner.started()
	if err != nil {
		return i.startError(ctx, err)
	}
	conn, err := protocol.Dispense(pluginrpc.Name)
	if err != nil {
		return i.startError(ctx, err)
	}
	i.rpc = pluginrpc.NewTransportClient(conn.(*grpc.ClientConn))
	i.health = grpc_health_v1.NewHealthClient(conn.(*grpc.ClientConn))
	return i.configure(ctx)
}

// configure passes the options on, and hears where the data socket is.
func (i *instance) configure(ctx context.Context) error {
	response, err := i.rpc.Configure(ctx, &pluginrpc.ConfigureRequest{Options: i.config.Options})
	if err != nil {
		return i.callError(ctx, "configure", err)
	}
	i.data = socket{response.GetDataNetwork(), response.GetDataAddress()}
	if err := i.data.check(runtime.GOOS, i.runner.dir); err != nil {
		return fmt.Errorf("data socket: %w", err)
	}
	return nil
}

// startError says why a process is no plugin, or none for us.
func (i *instance) startError(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, ErrProtocol):
		return err
	case ctx.Err() != nil:
		return fmt.Errorf("%w: it did not say in %v where it listens", ErrNotPlugin, i.config.StartTimeout)
	case i.process == nil:
		return fmt.Errorf("%w: %w", ErrNotPlugin, err)
	}
	greeting := i.process.stdout.greeting()
	if len(greeting) > 3 && greeting[0] == "1" && greeting[1] != fmt.Sprint(pluginrpc.Version) {
		return &VersionError{Plugin: greeting[1]}
	}
	return fmt.Errorf("%w: %s", ErrNotPlugin, cut(err.Error()))
}

// fail ends a process that broke the protocol.
func (i *instance) fail(err error) {
	i.mu.Lock()
	if i.failure == nil {
		i.failure = err
	}
	i.mu.Unlock()
	i.process.kill()
}

// cause is why the process has ended.
func (i *instance) cause() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case i.failure != nil:
		return i.failure
	case i.process.err != nil:
		return fmt.Errorf("%w: %w", ErrExited, i.process.err)
	}
	return ErrExited
}

// check asks the plugin whether it is well, until the context ends.
func (i *instance) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, i.config.HealthTimeout)
	defer cancel()
	defer context.AfterFunc(i.process.exited, cancel)()
	answer, err := i.health.Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: plugin.GRPCServiceName})
	switch {
	case i.process.exited.Err() != nil, errors.Is(ctx.Err(), context.Canceled):
		return nil // which its end says, or is not wanted any more
	case ctx.Err() != nil:
		return fmt.Errorf("%w for %v", ErrHangs, i.config.HealthTimeout)
	case err != nil && i.ends():
		return nil
	case err != nil:
		return fmt.Errorf("%w: health: %s", ErrProtocol, cut(err.Error()))
	case answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING:
		return fmt.Errorf("%w: health: %v", ErrHangs, answer.GetStatus())
	}
	return nil
}

// ends says whether the process of a plugin that does not answer has just ended.
func (i *instance) ends() bool {
	select {
	case <-i.process.exited.Done():
		return true
	case <-time.After(exitTime):
		return false
	}
}

// close waits for the end of the process, which was killed or asked to end, and closes
// what it carried.
func (i *instance) close() {
	i.client.Kill() // which waits, and removes the directory
	for _, p := range i.open() {
		_ = p.Close()
	}
}

func (i *instance) open() []*pipe {
	i.mu.Lock()
	defer i.mu.Unlock()
	pipes := make([]*pipe, 0, len(i.pipes))
	for p := range i.pipes {
		pipes = append(pipes, p)
	}
	return pipes
}
