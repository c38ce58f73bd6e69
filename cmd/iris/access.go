package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/project-iris/iris/node"
	"github.com/project-iris/iris/relay/accounts"
	"github.com/project-iris/iris/relay/policy"
	"github.com/project-iris/iris/transport/failpoint"
)

// accessFlags say where applications attach besides the port, and what they may do.
type accessFlags struct {
	socket, mode, group string
	policy, audit       string
}

func (f *accessFlags) register(fs *flag.FlagSet) {
	fs.StringVar(&f.socket, "socket", "", "`path` of a Unix socket for applications, besides the port (default none)")
	fs.StringVar(&f.mode, "socket-mode", "0600", "`mode` of that socket, in octal: whoever may write may attach")
	fs.StringVar(&f.group, "socket-group", "", "`group` of that socket, by name or number (default the node's)")
	fs.StringVar(&f.policy, "policy", "", "`file` that says which user may do what; SIGHUP has it read again (default everybody may do everything)")
	fs.StringVar(&f.audit, "audit", "", "`file` that gets what the policy forbids, a line each; SIGHUP has it opened again (default the log)")
}

// apply fills the configuration, but for the audit.
func (f *accessFlags) apply(config *node.Config) error {
	if err := f.applySocket(config); err != nil {
		return err
	}
	switch {
	case f.policy == "" && f.audit != "":
		return usagef("-audit has nothing to say without -policy")
	case f.policy == "":
		return nil
	}
	var err error
	config.Policy, err = loadPolicy(f.policy)
	return err
}

// openAudit opens the file of the audit, nil if there is none.
func (f *accessFlags) openAudit(log *slog.Logger) (*auditFile, error) {
	if f.audit == "" {
		return nil, nil
	}
	audit := &auditFile{path: f.audit, log: log}
	return audit, audit.open()
}

func (f *accessFlags) applySocket(config *node.Config) error {
	mode, err := strconv.ParseUint(f.mode, 8, 32)
	switch {
	case err != nil || mode == 0 || mode > 0o777:
		return usagef("-socket-mode %q is no mode in octal, such as 0660", f.mode)
	case f.socket == "" && f.group != "":
		return usagef("-socket-group needs -socket")
	}
	config.Socket.Path, config.Socket.Mode = f.socket, fs.FileMode(mode)
	if f.group == "" {
		return nil
	}
	gid, err := strconv.ParseUint(f.group, 10, 32)
	if err != nil {
		id, err := accounts.Host{}.Group(f.group)
		if err != nil {
			return usagef("-socket-group: %v", err)
		}
		gid = uint64(id)
	}
	id := uint32(gid)
	config.Socket.GID = &id
	return nil
}

// maxPolicy is the longest file of a policy, in bytes.
const maxPolicy = 1 << 20

// loadPolicy reads a policy. Whoever can write its file can do everything, so that nobody may but
// its owner and group.
func loadPolicy(path string) (*policy.Policy, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the policy: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot read the policy: %w", err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("the policy %s is no file", path)
	case info.Size() > maxPolicy:
		return nil, fmt.Errorf("the policy %s has %d bytes, at most %d are allowed", path, info.Size(), maxPolicy)
	case writableByOthers && info.Mode().Perm()&0o002 != 0:
		return nil, fmt.Errorf("the policy %s can be written by everybody: take that right away, chmod o-w %s", path, path)
	}
	p, err := policy.Parse(file, accounts.Host{})
	if syntax := (*policy.SyntaxError)(nil); errors.As(err, &syntax) {
		return nil, fmt.Errorf("the policy %s, %w", path, err)
	} else if err != nil {
		return nil, fmt.Errorf("cannot read the policy %s: %w", path, err)
	}
	return p, nil
}

// auditFile is a file to which lines are added, and which can be opened again under its name.
type auditFile struct {
	path string
	log  *slog.Logger // gets what cannot be written

	mu   sync.Mutex
	file *os.File
}

func (a *auditFile) create() (*os.File, error) {
	file, err := os.OpenFile(a.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot write the audit: %w", err)
	}
	return file, nil
}

func (a *auditFile) open() error {
	file, err := a.create()
	if err == nil {
		a.replace(file)
	}
	return err
}

func (a *auditFile) replace(file *os.File) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.file != nil {
		a.file.Close()
	}
	a.file = file
}

// Write adds a line. One that cannot be added goes to the log.
func (a *auditFile) Write(line []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	err := failpoint.Hit("write audit")
	if err == nil {
		_, err = a.file.Write(line)
	}
	if err != nil {
		a.log.Error("a line of the audit cannot be written; it is here", "file", a.path, "err", err,
			"line", strings.TrimSpace(string(line)))
	}
	return len(line), nil
}

func (a *auditFile) close() {
	if a != nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.file.Close()
	}
}
