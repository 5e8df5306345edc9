package testscripts

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// fingerRow is a host that both we and Postfix look at.
type fingerRow struct {
	policyRow
	level  string // of Postfix
	finger string // what it says of the host
}

// How posttls-finger calls a connection, or why there is none.
const (
	fingerVerified = "Verified"
	fingerNothing  = "Untrusted"
	fingerWithout  = "without DANE" // where that is required, it looks at the chain instead, and Postfix sends nothing
	fingerNone     = ""             // there is no connection over TLS
)

func fingerRows() []fingerRow {
	ee, ta := []string{"3 1 1 @stranger"}, []string{"2 1 1 @anchor"}
	const alias = "DOMAIN. MX 10 MX.\nMX. CNAME end.DOMAIN.\nend.DOMAIN. A PEER\n"
	rows := []fingerRow{
		{policyRow{name: "ee", peer: "stranger", tlsa: ee}, "dane", fingerVerified},
		{policyRow{name: "ee-only", peer: "stranger", tlsa: ee, control: "dane mandatory"}, "dane-only", fingerVerified},
		{policyRow{name: "ta", peer: "whole", tlsa: ta}, "dane", fingerVerified},
		{policyRow{name: "ta-misnamed", peer: "misnamed", tlsa: ta, verify: "D1"}, "dane", fingerNothing},
		{policyRow{name: "old", peer: "old", tlsa: []string{"3 1 1 @old"}}, "dane", fingerVerified},
		{policyRow{name: "other", peer: "valid", tlsa: ee, verify: "D1"}, "dane", fingerNothing},
		{policyRow{name: "weaker", peer: "stranger", tlsa: append(ee, "3 1 2 @valid"), verify: "D1"}, "dane", fingerNothing},
		{policyRow{name: "alias-end", peer: "stranger", zone: alias + "_25._tcp.end.DOMAIN. TLSA 3 1 1 @stranger\n"}, "dane", fingerVerified},
		{policyRow{name: "alias-begin", peer: "stranger", zone: alias, tlsa: ee}, "dane", fingerVerified},
		{policyRow{name: "unusable", peer: "stranger", tlsa: []string{"1 1 1 @stranger"}, verify: "V1"}, "dane", fingerNothing},
		{policyRow{name: "unusable-only", peer: "stranger", tlsa: []string{"1 1 1 @stranger"}, control: "dane mandatory", verify: "D5"}, "dane-only", fingerWithout},
		{policyRow{name: "none-only", peer: "valid", control: "dane mandatory", verify: "D4"}, "dane-only", fingerWithout},
		{policyRow{name: "unsigned-only", peer: "valid", zone: "; unsigned DOMAIN\n", tlsa: ee, control: "dane mandatory", verify: "D2"}, "dane-only", fingerWithout},
		{policyRow{name: "bogus", peer: "valid", zone: "; bogus _25._tcp.HOST\n", tlsa: ee, verify: "D3"}, "dane", fingerNone},
		{policyRow{name: "name", peer: "valid"}, "secure", fingerVerified},
		{policyRow{name: "unsigned", peer: "stranger", zone: "; unsigned DOMAIN\n", tlsa: ee, verify: "V1"}, "dane", fingerNothing},
		{policyRow{name: "wrong", peer: "wrong", verify: "V5"}, "secure", fingerNothing},
		{policyRow{name: "expired", peer: "expired", verify: "V4"}, "secure", fingerNothing},
		{policyRow{name: "self", peer: "stranger", verify: "V1"}, "secure", fingerNothing},
		{policyRow{name: "unknown", peer: "whole", verify: "V8"}, "secure", fingerNothing},
		{policyRow{name: "naked", peer: "naked", verify: "S2"}, "secure", fingerNone},
	}
	for i := range rows {
		if r := &rows[i]; r.verify == "" {
			r.verify = "verified"
		}
	}
	return rows
}

// TestFingerAgrees holds tlsverify against Postfix' own posttls-finger.
func TestFingerAgrees(t *testing.T) {
	if raceEnabled {
		t.Skip("compares verdicts one after the other; make test runs it")
	}
	finger, err := exec.LookPath("posttls-finger")
	if err != nil {
		t.Skip("posttls-finger is not installed")
	}
	if os.Geteuid() != 0 || !mountable() {
		t.Skip("posttls-finger asks the system's resolver: it needs a mount namespace")
	}
	rows := fingerRows()
	var all []policyRow
	for i := range rows {
		all = append(all, rows[i].policyRow)
	}
	w := newPolicyWorld(t, all)
	w.write("resolv.conf", "nameserver "+newForwarder(t, w.dns)+"\noptions edns0 trust-ad\n")
	if err := os.Chmod(filepath.Join(w.dir, "resolv.conf"), 0o644); err != nil {
		t.Fatal(err)
	}
	etc := filepath.Join(w.dir, "etc")
	if err := os.Mkdir(etc, 0o755); err != nil {
		t.Fatal(err)
	}
	w.write("etc/main.cf", "compatibility_level = 3.6\ninet_protocols = ipv4\nmyhostname = mail.example.com\n")
	for i := range rows {
		r := &rows[i]
		t.Run(r.name, func(t *testing.T) {
			w.compareVerify(t, &r.policyRow)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			cmd := exec.CommandContext(ctx, "unshare", "-m", "sh", "-c", `mount --bind "$0" /etc/resolv.conf && exec "$@"`,
				filepath.Join(w.dir, "resolv.conf"), finger, "-c", "-l", r.level, "-F", filepath.Join(w.dir, "root.pem"), r.domain())
			cmd.Env = append(os.Environ(), "MAIL_CONFIG="+etc)
			out, _ := cmd.CombinedOutput()
			if got := fingerSays(string(out)); got != r.finger {
				t.Errorf("posttls-finger -l %s says %q, want %q:\n%s", r.level, got, r.finger, out)
			}
		})
	}
}

// fingerSays is the word for the connection that was established.
func fingerSays(out string) string {
	if strings.Contains(out, `TLSA records found, resorting to "secure"`) {
		return fingerWithout
	}
	for line := range strings.Lines(out) {
		if before, _, found := strings.Cut(line, " TLS connection established"); found {
			return before[strings.LastIndexByte(before, ' ')+1:]
		}
	}
	return fingerNone
}

// newForwarder asks another resolver and is reached at the port of resolvers of an address of its own, which it returns.
func newForwarder(t *testing.T, to string) string {
	t.Helper()
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		client := &dns.Client{Net: "tcp", Timeout: patience}
		reply, _, err := client.Exchange(q, to)
		if err != nil {
			reply = new(dns.Msg).SetRcode(q, dns.RcodeServerFailure)
		}
		w.WriteMsg(reply)
	})
	var last error
	for range 50 {
		ip := nextLoopback()
		started, ended := make(chan struct{}), make(chan error, 1)
		server := &dns.Server{Addr: ip + ":53", Net: "udp", Handler: handler, NotifyStartedFunc: func() { close(started) }}
		go func() { ended <- server.ListenAndServe() }()
		select {
		case <-started:
			t.Cleanup(func() { server.Shutdown(); <-ended })
			return ip
		case last = <-ended:
		}
	}
	t.Skipf("no address for a resolver: %v", last)
	return ""
}
