package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// insideVariable marks the process that runs inside.
const insideVariable = "BENCH_INSIDE"

// Ports of the measured server and of the sinks, in the namespace where nothing else is.
const (
	loopback  = "127.0.0.1"
	mtaPort   = "12525"
	sinkPort  = "12626"
	deadPort  = "12627" // nothing ever listens there
	floorPort = "12628"
)

func isolated() bool { return os.Getenv(insideVariable) != "" }

// isolate runs this command line again in a network namespace that has loopback alone and a mount namespace of its own: no
// server that it starts can reach, or be reached from, any other address.
func isolate(ctx context.Context) error {
	c := exec.Command("/proc/self/exe", os.Args[1:]...)
	c.Env = append(os.Environ(), insideVariable+"=1")
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS, Setpgid: true,
		Pdeathsig: syscall.SIGTERM}
	if err := c.Start(); err != nil {
		return fmt.Errorf("make a namespace, which needs root: %w", err)
	}
	defer context.AfterFunc(ctx, func() { _ = c.Process.Signal(syscall.SIGTERM) })()
	var failed *exec.ExitError
	if err := c.Wait(); errors.As(err, &failed) {
		os.Exit(failed.ExitCode()) // it has said why
	} else if err != nil {
		return err
	}
	return nil
}

// furnish makes the namespace what the servers need: loopback is up, and every look-up of a name fails at once instead of
// after a time-out.
func furnish() error {
	if err := loopbackUp(); err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	if err := noNames(); err != nil {
		return fmt.Errorf("resolv.conf: %w", err)
	}
	return nil
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}

func noNames() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	f, err := os.CreateTemp("", "bench-resolv-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return unix.Mount(f.Name(), "/etc/resolv.conf", "", unix.MS_BIND, "")
}
