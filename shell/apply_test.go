package shell

import (
	"net"
	"strconv"
	"strings"
	"testing"

	"posthouse/config"
)

func withPorts(c *config.Config, at map[string]string) *config.Config {
	out := *c
	out.Interfaces = map[string]*config.Interface{}
	for name, addr := range at {
		host, port, _ := net.SplitHostPort(addr)
		n, _ := strconv.Atoi(port)
		out.Interfaces[name] = &config.Interface{Address: host, SSH: true, SSHPort: n}
	}
	return &out
}

// apply prepares and commits what SSH ports a configuration has.
func (a *appliance) apply(t *testing.T, at map[string]string) error {
	t.Helper()
	c := withPorts(a.store.Running().Config, at)
	p, err := a.Prepare(t.Context(), a.store.Running().Config, c)
	if err == nil {
		p.Commit()
		a.store.set(c)
	}
	return err
}

func TestApply(t *testing.T) {
	a := startServer(t, nil)
	first := a.Addresses()[0]
	m := openTerm(t, a.dial(t, a.config("admin")), 80, 24)
	m.until(prompt1)

	if err := a.apply(t, map[string]string{"Management": "127.0.0.1:0", "Data": "127.0.0.2:0"}); err != nil {
		t.Fatal(err)
	}
	if now := a.Addresses(); len(now) != 2 || now[0] != first {
		t.Fatalf("bound are %q, before %q", now, first)
	}
	second := a.Addresses()[1]
	if err := a.apply(t, map[string]string{"Data": "127.0.0.2:0"}); err != nil {
		t.Fatal(err)
	}
	if now := a.Addresses(); len(now) != 1 || now[0] != second {
		t.Fatalf("bound are %q", now)
	}
	if c, err := net.Dial("tcp", first); err == nil {
		c.Close()
		t.Error("the removed port still accepts")
	}
	m.typeIn("version\r") // a session through the removed port lives on
	m.until("Version: 1.0.0\r\n" + prompt1)
	a.dial(t, a.config("admin")) // and the new port lets in
}

func TestApplyPortInUse(t *testing.T) {
	a := startServer(t, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	before := a.Addresses()
	err = a.apply(t, map[string]string{"Management": "127.0.0.1:0", "Data": l.Addr().String()})
	if err == nil || !strings.Contains(err.Error(), "interface Data") || !strings.Contains(err.Error(), "in use") {
		t.Errorf("got %v", err)
	}
	if now := a.Addresses(); len(now) != 1 || now[0] != before[0] {
		t.Errorf("bound are %q, before %q", now, before)
	}
	a.dial(t, a.config("admin"))
}

// TestApplyWildcard changes an address to a wildcard on the same port, whose bind our own old port refuses, and back.
func TestApplyWildcard(t *testing.T) {
	a := startServer(t, nil)
	_, port, _ := net.SplitHostPort(a.Addresses()[0])
	wild, local := "0.0.0.0:"+port, "127.0.0.1:"+port
	for _, at := range []string{local, wild, local} {
		if err := a.apply(t, map[string]string{"Management": at}); err != nil {
			t.Fatal(at, err)
		}
		if now := a.Addresses(); len(now) != 1 || !strings.HasSuffix(now[0], ":"+port) {
			t.Fatalf("bound are %q", now)
		}
	}
	p, err := a.Prepare(t.Context(), a.store.Running().Config, withPorts(a.store.Running().Config, map[string]string{"Management": wild}))
	if err != nil {
		t.Fatal(err)
	}
	p.Abort()
	a.dial(t, a.config("admin")) // the old port is open again
}
