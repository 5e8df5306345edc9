package login

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"syscall"
	"time"

	"posthouse/bench/rig"
)

// await asks done again and again: files and ports cannot be waited for.
func await(ctx context.Context, done func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, rig.Patience)
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

// startPosthouse starts an appliance that discards the mail that it takes.
func startPosthouse(ctx context.Context, binary, data, key string) (*rig.Appliance, error) {
	a := &rig.Appliance{Binary: binary, Data: data}
	if err := a.Init(ctx, "--authorized-key", key+".pub"); err != nil {
		return nil, err
	}
	if _, err := a.Start(ctx); err != nil {
		return nil, err
	}
	err := a.Console(ctx, "smtproutes new ALL /dev/null", "listenerconfig edit OutboundMail max_connections 1000",
		"listenerconfig edit OutboundMail hostaccess default max_concurrency 1000", "commit bench")
	if err != nil {
		a.End(syscall.SIGTERM)
		return nil, err
	}
	return a, nil
}

// sshd is OpenSSH's server with the same key, on a port of its own.
type sshd struct {
	cmd           *exec.Cmd
	output        bytes.Buffer
	address, user string
}

func (s *sshd) end() {
	s.cmd.Process.Signal(syscall.SIGTERM)
	s.cmd.Wait()
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
	s.cmd = exec.Command(binary, "-D", "-e", "-f", config)
	s.cmd.Stdout, s.cmd.Stderr = &s.output, &s.output
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
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
