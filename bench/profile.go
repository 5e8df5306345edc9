package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// profile begins a CPU profile of the server's processes, where one was asked for, and returns what ends it. It is for
// perf report: perf report --no-children -i FILE, or with --children for the share of a whole package.
func (t *trial) profile() (end func()) {
	nothing := func() {}
	if t.perf == "" || t.strace {
		return nothing
	}
	if err := os.MkdirAll(t.perf, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, "perf:", err)
		return nothing
	}
	file := filepath.Join(t.perf, filepath.Base(t.mta.dir)+".perf")
	c := exec.Command("perf", "record", "-q", "-F", "499", "-g", "-o", file, "-p", strings.Join(t.mta.group.pids(), ","))
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "perf:", err)
		return nothing
	}
	return func() {
		_ = c.Process.Signal(os.Interrupt)
		_ = c.Wait() // it says on standard error what is wrong
	}
}
