package login

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// patience bounds every wait for something that a server does.
const patience = time.Minute

// await asks done again and again: files and ports cannot be waited for.
func await(ctx context.Context, done func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// process is a server that runs until end.
type process struct {
	cmd    *exec.Cmd
	output bytes.Buffer
}

func (p *process) start(binary string, args ...string) error {
	p.cmd = exec.Command(binary, args...)
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return p.cmd.Start()
}

func (p *process) end() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	p.cmd.Wait()
}

// posthouse is the appliance, which discards the mail that it takes.
type posthouse struct {
	process
	shell, listener string // host:port
}

func startPosthouse(ctx context.Context, binary, data, key string) (*posthouse, error) {
	set := exec.CommandContext(ctx, binary, "init", "--data", data, "--hostname", "mta.bench.test", "--authorized-key", key+".pub",
		"--ssh", "127.0.0.1:0", "--inbound", "127.0.0.1:0", "--outbound", "127.0.0.1:0")
	if out, err := set.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("init: %w: %s", err, out)
	}
	p := new(posthouse)
	if err := p.start(binary, "serve", "--data", data); err != nil {
		return nil, err
	}
	err := await(ctx, func() bool { return p.bound(data) })
	if err == nil {
		err = p.settings(ctx, binary, data)
	}
	if err != nil {
		p.end()
		return nil, fmt.Errorf("%s: %w: %s", binary, err, &p.output)
	}
	return p, nil
}

func (p *posthouse) bound(data string) bool {
	var at struct {
		SSH       []string
		Listeners map[string][]string
	}
	text, err := os.ReadFile(filepath.Join(data, "run", "addresses.json"))
	if err != nil || json.Unmarshal(text, &at) != nil || len(at.SSH) == 0 || len(at.Listeners["OutboundMail"]) == 0 {
		return false
	}
	p.shell, p.listener = at.SSH[0], at.Listeners["OutboundMail"][0]
	return true
}

func (p *posthouse) settings(ctx context.Context, binary, data string) error {
	cmd := exec.CommandContext(ctx, binary, "console", "--data", data)
	cmd.Stdin = strings.NewReader("smtproutes new ALL /dev/null\nlistenerconfig edit OutboundMail max_connections 1000\n" +
		"listenerconfig edit OutboundMail hostaccess default max_concurrency 1000\ncommit bench\n")
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("Changes committed")) {
		return fmt.Errorf("console: %v: %s", err, out)
	}
	return nil
}

// sshd is OpenSSH's server with the same key, on a port of its own.
type sshd struct {
	process
	address, user string
}

func startSSHD(ctx context.Context, binary, dir, key string) (*sshd, error) {
	me, err := user.Current()
	if err != nil {
		return nil, err
	}
	hostKey, err := makeKey(ctx, filepath.Join(dir, "sshd_host"))
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	if os.Geteuid() == 0 { // where it separates its privileges
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			return nil, err
		}
	}
	s := &sshd{address: net.JoinHostPort("127.0.0.1", port), user: me.Username}
	config := filepath.Join(dir, "sshd_config")
	text := fmt.Sprintf("Port %s\nListenAddress 127.0.0.1\nHostKey %s\nAuthorizedKeysFile %s.pub\nPidFile none\nUsePAM no\nStrictModes no\n"+
		"PasswordAuthentication no\nPermitRootLogin yes\nMaxStartups 100\n"+
		"SetEnv HOME=%s\n", port, hostKey, key, dir) // no start-up file of a shell is measured
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	if err := s.start(binary, "-D", "-e", "-f", config); err != nil {
		return nil, err
	}
	err = await(ctx, func() bool {
		conn, err := net.Dial("tcp", s.address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	if err != nil {
		s.end()
		return nil, fmt.Errorf("%s: %w: %s", binary, err, &s.output)
	}
	return s, nil
}

// freePort is one that nobody listens to; sshd cannot let the system choose.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

func makeKey(ctx context.Context, path string) (string, error) {
	if out, err := exec.CommandContext(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path).CombinedOutput(); err != nil {
		return "", fmt.Errorf("ssh-keygen: %w: %s", err, out)
	}
	return path, nil
}

// client are the same options of ssh for both servers.
func (b *bench) client(address, user string) []string {
	host, port, _ := net.SplitHostPort(address)
	return []string{"-F", "none", "-p", port, "-l", user, "-i", b.key, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no",
		"-o", "UserKnownHostsFile=" + filepath.Join(b.Dir, "known_hosts"), "-o", "LogLevel=ERROR", host}
}

// ssh runs one command.
func (b *bench) ssh(ctx context.Context, address, user string, more []string, command string) error {
	out, err := exec.CommandContext(ctx, "ssh", append(append(more, b.client(address, user)...), command)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ssh %s: %w: %s", command, err, out)
	}
	return nil
}

// master opens a connection for others to use, and returns what closes it.
func (b *bench) master(ctx context.Context, address, user, path string) (func(), error) {
	cmd := exec.CommandContext(ctx, "ssh", append([]string{"-M", "-N", "-S", path}, b.client(address, user)...)...)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	end := func() { cmd.Process.Signal(syscall.SIGTERM); cmd.Wait() }
	if err := await(ctx, func() bool { _, err := os.Stat(path); return err == nil }); err != nil {
		end()
		return nil, fmt.Errorf("the connection to %s does not open: %w", address, err)
	}
	return end, nil
}
