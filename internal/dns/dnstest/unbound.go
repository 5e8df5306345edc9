package dnstest

import (
	"bufio"
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

// ErrNoUnbound says that there is no unbound to run here.
var ErrNoUnbound = errors.New("unbound is not installed")

// unboundConf makes a resolver that validates with one trust anchor and asks one server for everything. Its cache keeps
// nothing but keys, so that a test may change the zones.
const unboundConf = `server:
	verbosity: 1
	use-syslog: no
	do-daemonize: no
	chroot: ""
	username: ""
	pidfile: ""
	directory: "%[1]s"
	interface: %[2]s
	access-control: 127.0.0.0/8 allow
	do-not-query-localhost: no
	unblock-lan-zones: yes
	module-config: "validator iterator"
	trust-anchor: "%[3]s"
	trust-anchor-signaling: no
	root-key-sentinel: no
	cache-max-ttl: 0
	cache-max-negative-ttl: 0
	aggressive-nsec: no
	harden-below-nxdomain: no
	infra-host-ttl: 1
	val-log-level: 2
	ede: yes
remote-control:
	control-enable: no
forward-zone:
	name: "."
	forward-addr: %[4]s
`

// StartUnbound runs Debian's unbound as a validating resolver in front of a signed nameserver until stop is called. Its
// files lie in dir; ErrNoUnbound where it is not installed.
func StartUnbound(dir string, upstream *Signed) (address string, stop func(), err error) {
	program, err := exec.LookPath("unbound")
	if err != nil {
		program = "/usr/sbin/unbound"
		if _, err := os.Stat(program); err != nil {
			return "", nil, ErrNoUnbound
		}
	}
	// Somebody else may take the port before unbound does.
	const tries = 5
	for range tries {
		if address, err = freePort(); err != nil {
			return "", nil, err
		}
		conf := filepath.Join(dir, "unbound.conf")
		text := fmt.Sprintf(unboundConf, dir, at(address), strings.ReplaceAll(upstream.Anchor, "\t", " "), at(upstream.Address))
		if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
			return "", nil, err
		}
		if stop, err = runUnbound(program, conf); err == nil {
			return address, stop, nil
		}
	}
	return "", nil, err
}

// at is an address as unbound writes it: 127.0.0.1@5353.
func at(address string) string {
	i := strings.LastIndexByte(address, ':')
	return address[:i] + "@" + address[i+1:]
}

// freePort is an address that nothing uses, neither over UDP nor over TCP.
func freePort() (string, error) {
	pc, l, err := listenBoth()
	if err != nil {
		return "", err
	}
	defer pc.Close()
	defer l.Close()
	return l.Addr().String(), nil
}

// runUnbound waits until the program says that it serves.
func runUnbound(program, conf string) (stop func(), err error) {
	cmd := exec.Command(program, "-d", "-c", conf)
	out, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start unbound: %w", err)
	}
	serves, said, ended := make(chan struct{}), make(chan string, 1), make(chan struct{})
	go func() {
		defer close(ended)
		var all strings.Builder
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if strings.Contains(lines.Text(), "start of service") {
				close(serves)
			}
			all.WriteString(lines.Text() + "\n")
		}
		said <- all.String()
		cmd.Wait()
	}()
	stop = func() {
		cmd.Process.Signal(syscall.SIGTERM)
		<-ended
	}
	const patience = 30 * time.Second
	select {
	case <-serves:
		return stop, nil
	case <-ended:
		return nil, fmt.Errorf("unbound ends: %s", <-said)
	case <-time.After(patience):
		stop()
		return nil, fmt.Errorf("unbound does not serve: %s", <-said)
	}
}

// listenBoth finds a port that is free for both protocols.
func listenBoth() (net.PacketConn, net.Listener, error) {
	const tries = 20
	var last error
	for range tries {
		pc, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			return nil, nil, err
		}
		l, err := net.Listen("tcp", pc.LocalAddr().String())
		if err == nil {
			return pc, l, nil
		}
		pc.Close()
		last = err
	}
	return nil, nil, last
}
