package testscripts

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

const password = "correct horse battery 9"

// appliance is one running posthouse of a script.
type appliance struct {
	name, data string
	process    *exec.Cmd
	exited     chan struct{} // closed once the process is gone and its output complete
	output     *bytes.Buffer // to be read only after exited
	heal       func()        // ends what failingVerb began
}

// addresses is run/addresses.json.
type addresses struct {
	SSH       []string            `json:"ssh"`
	Listeners map[string][]string `json:"listeners"`
}

// applianceVerb is
//
//	appliance init NAME          set up $WORK/NAME with ports of the system's choice and the script's key
//	appliance start NAME         run it until the script ends; sets NAME_SSH, NAME_IN and NAME_OUT to host:port
//	appliance stop NAME          SIGTERM, and wait
//	appliance kill NAME          SIGKILL, and wait
//	appliance fail NAME          run it and wait until it gives up; its words are in the file NAME.out
//	appliance refresh NAME       read the bound addresses again
func applianceVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: appliance init|start|stop|kill|fail|refresh NAME")
	}
	w := worldOf(ts)
	a := w.appliances[args[1]]
	if a == nil {
		a = &appliance{name: args[1], data: filepath.Join(w.work, args[1]), heal: func() {}}
		w.appliances[args[1]] = a
	}
	switch args[0] {
	case "init":
		a.initialize(ts)
	case "start":
		a.start(ts)
		a.await(ts)
	case "refresh":
		a.await(ts)
	case "stop":
		a.end(ts, syscall.SIGTERM)
	case "kill":
		a.end(ts, syscall.SIGKILL)
	case "fail":
		a.start(ts)
		a.gone(ts)
	default:
		ts.Fatalf("appliance: unknown word %q", args[0])
	}
}

// masterKeyVariable is what a script sets for the appliances that it sets up or starts from then on.
const masterKeyVariable = "POSTHOUSE_MASTER_KEY"

// masterKey are the arguments that name the file in the script's $MASTER_KEY_FILE.
func masterKey(ts *testscript.TestScript) []string {
	if file := ts.Getenv("MASTER_KEY_FILE"); file != "" {
		return []string{"--master-key", ts.MkAbs(file)}
	}
	return nil
}

func (a *appliance) initialize(ts *testscript.TestScript) {
	args := append([]string{"init", "--data", a.data, "--hostname", "mail.example.com",
		"--ssh", "127.0.0.1:0", "--inbound", "127.0.0.1:0", "--outbound", "127.0.0.1:0",
		"--admin-password-stdin", "--authorized-key", ts.MkAbs("id_ed25519.pub")}, masterKey(ts)...)
	cmd := exec.Command(filepath.Join(binary, "posthouse"), args...)
	cmd.Env = append(os.Environ(), masterKeyVariable+"="+ts.Getenv(masterKeyVariable))
	cmd.Stdin = strings.NewReader(password + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		ts.Fatalf("init: %v\n%s", err, out)
	}
}

func (a *appliance) start(ts *testscript.TestScript) {
	os.Remove(a.addressFile())
	a.output = new(bytes.Buffer)
	a.exited = make(chan struct{})
	a.process = exec.Command(filepath.Join(binary, "posthouse"), append([]string{"serve", "--data", a.data}, masterKey(ts)...)...)
	a.process.Stdout, a.process.Stderr = a.output, a.output
	a.process.Env = append(os.Environ(), "TZ=UTC", masterKeyVariable+"="+ts.Getenv(masterKeyVariable))
	ts.Check(a.process.Start())
	process, exited := a.process, a.exited
	go func() { process.Wait(); close(exited) }()
	ts.Defer(func() {
		process.Process.Kill()
		<-exited
		if strings.Contains(a.output.String(), "DATA RACE") {
			ts.Fatalf("data race in %s:\n%s", a.name, a.output)
		}
	})
}

func (a *appliance) addressFile() string { return filepath.Join(a.data, "run", "addresses.json") }

// await waits for addresses.json, which stands there once everything accepts connections.
func (a *appliance) await(ts *testscript.TestScript) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var bound addresses
	err := poll(ctx, func() bool {
		select {
		case <-a.exited:
			ts.Fatalf("%s ended:\n%s", a.name, a.output)
		default:
		}
		data, err := os.ReadFile(a.addressFile())
		return err == nil && json.Unmarshal(data, &bound) == nil
	})
	if err != nil {
		ts.Fatalf("%s does not come up: %v", a.name, err)
	}
	a.publish(ts, bound)
}

// publish tells the script and its ssh where the appliance is.
func (a *appliance) publish(ts *testscript.TestScript, bound addresses) {
	host, port, err := net.SplitHostPort(bound.SSH[0])
	ts.Check(err)
	ts.Setenv(a.name+"_SSH", bound.SSH[0])
	ts.Setenv(a.name+"_SSHPORT", port)
	for listener, at := range bound.Listeners {
		_, port, err := net.SplitHostPort(at[0])
		ts.Check(err)
		ts.Setenv(a.name+"_"+listener, at[0])
		ts.Setenv(a.name+"_"+listener+"_PORT", port)
	}
	entry := fmt.Sprintf("Host %s\n HostName %s\n Port %s\n User admin\n IdentityFile %s\n StrictHostKeyChecking no\n"+
		" UserKnownHostsFile %s\n LogLevel ERROR\n IdentitiesOnly yes\n BatchMode yes\n",
		a.name, host, port, ts.MkAbs("id_ed25519"), ts.MkAbs("known_hosts_"+a.name))
	os.Remove(ts.MkAbs("known_hosts_" + a.name))
	ts.Check(os.WriteFile(ts.MkAbs("ssh_config_"+a.name), []byte(entry), 0o600))
	files, _ := filepath.Glob(ts.MkAbs("ssh_config_*"))
	var all strings.Builder
	for _, f := range files {
		all.WriteString(ts.ReadFile(f))
	}
	ts.Check(os.WriteFile(ts.MkAbs("ssh_config"), []byte(all.String()), 0o600))
}

func (a *appliance) end(ts *testscript.TestScript, sig syscall.Signal) {
	ts.Check(a.process.Process.Signal(sig))
	a.gone(ts)
}

func (a *appliance) gone(ts *testscript.TestScript) {
	select {
	case <-a.exited:
	case <-time.After(patience):
		ts.Fatalf("%s does not end", a.name)
	}
	ts.Check(os.WriteFile(ts.MkAbs(a.name+".out"), a.output.Bytes(), 0o600))
}

// awaitVerb is "await NAME REGEXP [LOG]": follow a log, mail_logs where none is named, through the shell's own tail until a
// line matches.
func awaitVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 && len(args) != 3 {
		ts.Fatalf("usage: await NAME REGEXP [LOG]")
	}
	log := "mail_logs"
	if len(args) == 3 {
		log = args[2]
	}
	pattern, err := regexp.Compile(args[1])
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(ts.Getenv("WORK"), "bin", "ssh"), args[0], "tail -n 100000 "+log)
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	var seen strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if pattern.MatchString(lines.Text()) {
			ts.Logf("%s", lines.Text())
			return
		}
		seen.WriteString(lines.Text() + "\n")
	}
	ts.Fatalf("no line of %s matches %q:\n%s", log, args[1], seen.String())
}

// poll asks done again and again, as often as a file or a peer that cannot be waited for permits.
func poll(ctx context.Context, done func() bool) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}
