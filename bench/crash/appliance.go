package crash

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// patience bounds every wait for something that an appliance does.
const patience = time.Minute

// appliance is one data folder, and the posthouse that serves it while one does.
type appliance struct {
	binary, data string
	listener     string // the private listener's address, of this life

	process *exec.Cmd
	output  *bytes.Buffer
	ended   chan struct{} // closed once the process is gone and its output complete
}

// setUp makes the folder and routes all mail to the sink, with the commands that an operator would type. One host opens all
// connections here, so the listener's limits are raised.
func (a *appliance) setUp(ctx context.Context, sink string) error {
	set := exec.CommandContext(ctx, a.binary, "init", "--data", a.data, "--hostname", "mta.bench.test",
		"--ssh", "127.0.0.1:0", "--inbound", "127.0.0.1:0", "--outbound", "127.0.0.1:0")
	if out, err := set.CombinedOutput(); err != nil {
		return fmt.Errorf("init: %w: %s", err, out)
	}
	if _, err := a.start(ctx); err != nil {
		return err
	}
	defer a.end(syscall.SIGTERM)
	host, port, err := net.SplitHostPort(sink)
	if err != nil {
		return err
	}
	return a.console(ctx, "smtproutes new ALL ["+host+"]:"+port,
		"listenerconfig edit OutboundMail hostaccess default max_concurrency 5000",
		"listenerconfig edit OutboundMail max_connections 5000",
		"commit bench")
}

// console types lines at the owner's console; the last of them commits.
func (a *appliance) console(ctx context.Context, lines ...string) error {
	cmd := exec.CommandContext(ctx, a.binary, "console", "--data", a.data)
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	out, err := cmd.CombinedOutput()
	if err == nil && !bytes.Contains(out, []byte("Changes committed")) {
		err = errors.New("nothing was committed")
	}
	if err != nil {
		return fmt.Errorf("console: %w: %s", err, out)
	}
	return nil
}

// launch begins a life and does not wait for anything.
func (a *appliance) launch() error {
	if err := os.Remove(a.addressFile()); err != nil && !os.IsNotExist(err) {
		return err
	}
	a.process, a.output, a.ended = exec.Command(a.binary, "serve", "--data", a.data), new(bytes.Buffer), make(chan struct{})
	a.process.Stdout, a.process.Stderr = a.output, a.output
	a.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := a.process.Start(); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	process, ended := a.process, a.ended
	go func() { process.Wait(); close(ended) }()
	return nil
}

// start launches and returns once the listener accepts connections, and how long that took.
func (a *appliance) start(ctx context.Context) (time.Duration, error) {
	begun := time.Now()
	if err := a.launch(); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !a.bound() {
		select {
		case <-tick.C:
		case <-a.ended:
			return 0, fmt.Errorf("the appliance gave up: %s", a.output)
		case <-ctx.Done():
			a.end(syscall.SIGKILL)
			return 0, fmt.Errorf("the appliance does not come up: %w: %s", ctx.Err(), a.output)
		}
	}
	return time.Since(begun), nil
}

func (a *appliance) addressFile() string { return filepath.Join(a.data, "run", "addresses.json") }

// bound reads where the listeners are; the file stands there once everything accepts connections.
func (a *appliance) bound() bool {
	var addresses struct{ Listeners map[string][]string }
	text, err := os.ReadFile(a.addressFile())
	if err != nil || json.Unmarshal(text, &addresses) != nil || len(addresses.Listeners["OutboundMail"]) == 0 {
		return false
	}
	a.listener = addresses.Listeners["OutboundMail"][0]
	return true
}

// end sends the signal and waits until the process is gone, which after patience it is by SIGKILL.
func (a *appliance) end(sig syscall.Signal) {
	if a.process == nil {
		return
	}
	_ = a.process.Process.Signal(sig) // it may have ended by itself
	select {
	case <-a.ended:
	case <-time.After(patience):
		_ = a.process.Process.Kill()
		<-a.ended
	}
	a.process = nil
}
