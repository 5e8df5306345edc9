package rig

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Patience bounds every wait for something that a server does.
const Patience = time.Minute

// Appliance is one data folder, and the posthouse that serves it while one does.
type Appliance struct {
	Binary, Data    string
	Shell, Listener string        // the addresses of SSH and of the private listener, of this life
	Output          *bytes.Buffer // to be read once the process is gone
	Ended           chan struct{} // closed once the process is gone and its output complete

	process *exec.Cmd
}

// Init makes the folder, with further flags. Every port is of the system's choice, on loopback.
func (a *Appliance) Init(ctx context.Context, flags ...string) error {
	args := append([]string{"init", "--data", a.Data, "--hostname", "mta.bench.test",
		"--ssh", "127.0.0.1:0", "--inbound", "127.0.0.1:0", "--outbound", "127.0.0.1:0"}, flags...)
	if out, err := exec.CommandContext(ctx, a.Binary, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("init: %w: %s", err, out)
	}
	return nil
}

// Console types lines at the owner's console; the last of them commits.
func (a *Appliance) Console(ctx context.Context, lines ...string) error {
	cmd := exec.CommandContext(ctx, a.Binary, "console", "--data", a.Data)
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

// Launch begins a life and does not wait for anything.
func (a *Appliance) Launch() error {
	if err := os.Remove(a.addressFile()); err != nil && !os.IsNotExist(err) {
		return err
	}
	a.process, a.Output, a.Ended = exec.Command(a.Binary, "serve", "--data", a.Data), new(bytes.Buffer), make(chan struct{})
	a.process.Stdout, a.process.Stderr = a.Output, a.Output
	a.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := a.process.Start(); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	process, ended := a.process, a.Ended
	go func() { process.Wait(); close(ended) }()
	return nil
}

// Start launches and returns once the listener accepts connections, and how long that took.
func (a *Appliance) Start(ctx context.Context) (time.Duration, error) {
	begun := time.Now()
	if err := a.Launch(); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !a.bound() {
		select {
		case <-tick.C:
		case <-a.Ended:
			return 0, fmt.Errorf("the appliance gave up: %s", a.Output)
		case <-ctx.Done():
			a.End(syscall.SIGKILL)
			return 0, fmt.Errorf("the appliance does not come up: %w: %s", ctx.Err(), a.Output)
		}
	}
	return time.Since(begun), nil
}

func (a *Appliance) addressFile() string { return filepath.Join(a.Data, "run", "addresses.json") }

// bound reads where everything is; the file stands there once everything accepts connections.
func (a *Appliance) bound() bool {
	var at struct {
		SSH       []string
		Listeners map[string][]string
	}
	text, err := os.ReadFile(a.addressFile())
	if err != nil || json.Unmarshal(text, &at) != nil || len(at.SSH) == 0 || len(at.Listeners["OutboundMail"]) == 0 {
		return false
	}
	a.Shell, a.Listener = at.SSH[0], at.Listeners["OutboundMail"][0]
	return true
}

// End sends the signal and waits until the process is gone, which after Patience it is by SIGKILL.
func (a *Appliance) End(sig syscall.Signal) {
	if a.process == nil {
		return
	}
	_ = a.process.Process.Signal(sig) // it may have ended by itself
	select {
	case <-a.Ended:
	case <-time.After(Patience):
		_ = a.process.Process.Kill()
		<-a.Ended
	}
	a.process = nil
}
