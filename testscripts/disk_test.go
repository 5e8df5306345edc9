package testscripts

import (
	"net"
	"os"
	"os/exec"

	"github.com/rogpeppe/go-internal/testscript"
)

// diskVerb is "disk FOLDER SIZE": a disk of its own, as large as SIZE says, is mounted there until the script ends.
func diskVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: disk FOLDER SIZE")
	}
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o700))
	run(ts, "mount", "-t", "tmpfs", "-o", "mode=0700,size="+args[1], "tmpfs", dir)
	ts.Defer(func() { exec.Command("umount", "-l", dir).Run() })
}

// mountable tries whether we may mount at all.
func mountable() bool {
	dir, err := os.MkdirTemp("", "posthouse-mount")
	if err != nil {
		return false
	}
	defer os.Remove(dir)
	if exec.Command("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", dir).Run() != nil {
		return false
	}
	return exec.Command("umount", dir).Run() == nil
}

// free says whether an address with its port can be had.
func free(at string) bool {
	l, err := net.Listen("tcp", at)
	if err != nil {
		return false
	}
	l.Close()
	return true
}
