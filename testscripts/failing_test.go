package testscripts

import (
	"bufio"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

// failingVerb is "failing NAME ERROR SYSCALL,...": from now on these calls of the appliance come back with the error, as strace
// puts it in. "failing NAME" ends that.
func failingVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 && len(args) != 3 {
		ts.Fatalf("usage: failing NAME [ERROR SYSCALL,...]")
	}
	a := worldOf(ts).appliances[args[0]]
	a.heal()
	if len(args) == 1 {
		return
	}
	cmd := exec.Command("strace", "-f", "-e", "trace="+args[2], "-e", fmt.Sprintf("inject=%s:error=%s", args[2], args[1]), "-p", strconv.Itoa(a.process.Process.Pid))
	said, err := cmd.StderrPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	lines := bufio.NewScanner(said)
	attached := false
	for !attached && lines.Scan() {
		attached = strings.Contains(lines.Text(), "attached")
	}
	over := make(chan struct{})
	go func() {
		for lines.Scan() { // it must not stand still
		}
		cmd.Wait()
		close(over)
	}()
	a.heal = func() {
		cmd.Process.Signal(syscall.SIGINT)
		<-over
		a.heal = func() {}
	}
	ts.Defer(a.heal)
	if !attached {
		ts.Fatalf("strace does not attach itself to %s", a.name)
	}
}
