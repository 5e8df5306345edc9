package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// mta is one mail server: an adapter of adapters/, and while it runs its process in a cgroup and a mount namespace of its own.
type mta struct {
	name, script string
	dir          string // of this run, empty at first
	env          []string
	addr         string

	group  *cgroup
	cmd    *exec.Cmd // nil: it is not running
	log    *os.File
	ended  chan struct{}
	traced bool // the process is strace, the server its child
}

// call prepares one verb of the adapter.
func (m *mta) call(ctx context.Context, verb string) *exec.Cmd {
	c := exec.CommandContext(ctx, "bash", m.script, verb)
	c.Dir = m.dir
	c.Env = append(os.Environ(), m.env...)
	return c
}

// version is what the adapter calls the server; empty when it is not installed.
func (m *mta) version(ctx context.Context) string {
	c := m.call(ctx, "version")
	c.Dir = ""
	out, err := c.Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

func (m *mta) prepare(ctx context.Context) error {
	if out, err := m.call(ctx, "prepare").CombinedOutput(); err != nil {
		return fmt.Errorf("%s prepare: %w: %s", m.name, err, tail(out))
	}
	return nil
}

// tail is the last words of an output.
func tail(b []byte) string { return string(b[max(0, len(b)-1500):]) }

func (m *mta) logFile() string { return filepath.Join(m.dir, "stdout.log") }

// start starts the server and returns once it greets, and how long that took. With a file for strace's counts it runs under strace.
func (m *mta) start(ctx context.Context, counts string) (time.Duration, error) {
	c := m.call(context.WithoutCancel(ctx), "start") // it is ended by stop, in order
	if m.traced = counts != ""; m.traced {
		if err := underStrace(c, counts); err != nil {
			return 0, err
		}
	}
	var err error
	if m.log, err = os.OpenFile(m.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644); err != nil {
		return 0, err
	}
	if m.group, err = newCgroup(); err != nil {
		return 0, err
	}
	c.Stdout, c.Stderr = m.log, m.log
	c.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(m.group.file.Fd()), Setsid: true, Cloneflags: syscall.CLONE_NEWNS}
	begun := time.Now()
	if err := c.Start(); err != nil {
		return 0, fmt.Errorf("%s start: %w", m.name, err)
	}
	m.cmd, m.ended = c, make(chan struct{})
	go func(ended chan struct{}) { c.Wait(); close(ended) }(m.ended)
	if err := m.awaitGreeting(ctx); err != nil {
		return 0, fmt.Errorf("%s: %w: %s", m.name, err, m.lastWords())
	}
	return time.Since(begun), nil
}

func (m *mta) lastWords() string {
	text, err := os.ReadFile(m.logFile())
	if err != nil {
		return err.Error()
	}
	return tail(text)
}

// awaitGreeting waits until the server greets, which it must within a minute (ten with a million messages queued).
func (m *mta) awaitGreeting(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !greets(m.addr) {
		select {
		case <-tick.C:
		case <-m.ended:
			return fmt.Errorf("it ended at once")
		case <-ctx.Done():
			return fmt.Errorf("no greeting: %w", ctx.Err())
		}
	}
	return nil
}

func greets(addr string) bool {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	if c.SetDeadline(time.Now().Add(30*time.Second)) != nil {
		return false
	}
	b := make([]byte, 512)
	if n, _ := c.Read(b); n < 3 || string(b[:3]) != "220" {
		return false
	}
	_, _ = c.Write([]byte("QUIT\r\n"))
	_, _ = c.Read(b)
	return true
}

// flush makes deferred mail due now. It is given three seconds: a server that does it at leisure goes on with it.
func (m *mta) flush(ctx context.Context) {
	if m.cmd == nil {
		return
	}
	c := m.call(context.WithoutCancel(ctx), "flush")
	if !m.traced { // else the process is strace, which shares our mount namespace
		c.Args = append([]string{"nsenter", "-t", strconv.Itoa(m.cmd.Process.Pid), "-m"}, c.Args...)
		c.Path, _ = exec.LookPath("nsenter")
	}
	c.Stdout, c.Stderr = m.log, m.log
	c.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(m.group.file.Fd())}
	if err := c.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "flush:", err)
		return
	}
	done := make(chan struct{})
	go func() { c.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(3 * time.Second):
	}
}

// stop ends the server in order: SIGTERM to its first process, and past 20 s (with a full queue 60) what is left of it at once.
func (m *mta) stop() error { return m.end(syscall.SIGTERM) }

// kill ends it without a warning.
func (m *mta) kill() error { return m.end(syscall.SIGKILL) }

func (m *mta) end(sig syscall.Signal) error {
	if m.group == nil {
		return nil
	}
	if m.cmd != nil {
		for _, pid := range m.firstProcesses() {
			_ = syscall.Kill(pid, sig) // it may have ended by itself
		}
		if sig == syscall.SIGTERM {
			until(time.Minute, 20*time.Millisecond, func() bool { return len(m.group.pids()) == 0 })
		}
	}
	err := m.group.end()
	if m.cmd != nil {
		<-m.ended
	}
	m.log.Close()
	m.cmd, m.group = nil, nil
	return err
}

// firstProcesses is the server's first process: the one that was started, or strace's children.
func (m *mta) firstProcesses() []int {
	pid := m.cmd.Process.Pid
	if !m.traced {
		return []int{pid}
	}
	var pids []int
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return []int{pid}
	}
	for _, word := range strings.Fields(string(text)) {
		if child, err := strconv.Atoi(word); err == nil && child > 1 {
			pids = append(pids, child)
		}
	}
	return pids
}
