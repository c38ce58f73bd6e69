package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
)

// profileFlags name the files that profiles are written to when the node ends.
type profileFlags struct {
	cpu, heap, block string
}

func (f *profileFlags) register(fs *flag.FlagSet) {
	fs.StringVar(&f.cpu, "cpuprof", "", "`file` to write a CPU profile to")
	fs.StringVar(&f.heap, "heapprof", "", "`file` to write a heap profile to at the end")
	fs.StringVar(&f.block, "blockprof", "", "`file` to write a profile of blocked goroutines to at the end")
}

// profiles are under way.
type profiles struct {
	flags profileFlags
	cpu   *os.File
}

// start begins to profile. The files are made at once, so that one that cannot be
// written is not found out at the end.
func (f *profileFlags) start() (*profiles, error) {
	for _, name := range []string{f.heap, f.block} {
		if name == "" {
			continue
		}
		file, err := os.Create(name)
		if err != nil {
			return nil, fmt.Errorf("cannot write a profile: %w", err)
		}
		file.Close()
	}
	p := &profiles{flags: *f}
	if f.block != "" {
		runtime.SetBlockProfileRate(1)
	}
	if f.cpu == "" {
		return p, nil
	}
	file, err := os.Create(f.cpu)
	if err != nil {
		return nil, fmt.Errorf("cannot write a profile: %w", err)
	}
	p.cpu = file
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot profile the CPU: %w", err), file.Close())
	}
	return p, nil
}

// stop writes the profiles.
func (p *profiles) stop() error {
	var failed error
	if p.cpu != nil {
		pprof.StopCPUProfile()
		failed = p.cpu.Close()
	}
	if p.flags.heap != "" {
		runtime.GC() // so that it shows what is in use, not what could be freed
	}
	return errors.Join(failed, write("heap", p.flags.heap), write("block", p.flags.block))
}

// write writes a profile that the runtime keeps, if there is a file for it.
func write(profile, name string) error {
	if name == "" {
		return nil
	}
	file, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("cannot write a profile: %w", err)
	}
	return errors.Join(pprof.Lookup(profile).WriteTo(file, 0), file.Close())
}
