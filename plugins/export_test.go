package plugins

// PID returns the process id of the plugin, or 0 while it does not run.
func (t *Transport) PID() int {
	running, err := t.supervisor.running()
	if err != nil {
		return 0
	}
	return running.process.cmd.Process.Pid
}

// Conns returns how many connections the plugin carries.
func (t *Transport) Conns() int {
	running, err := t.supervisor.running()
	if err != nil {
		return 0
	}
	running.mu.Lock()
	defer running.mu.Unlock()
	return running.conns
}
