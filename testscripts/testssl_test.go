package testscripts

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// testsslFinding is one line of testssl's report.
type testsslFinding struct {
	ID       string `json:"id"`
	Severity string `json:"severity"`
	Finding  string `json:"finding"`
}

// lowered are the findings of testssl's lowest severity that the defaults leave, with why. None of them lowers a grade. It is never
// written to.
var lowered = map[string]string{
	"cipherlist_AVERAGE":   "suites with CBC are for TLS 1.2 clients without AEAD, and never chosen over AEAD",
	"cipherlist_OBSOLETED": "the same, in the words of later versions",
	"LUCKY13":              "the same: they are offered at all",
	"TLS_session_ticket":   "the lifetime is crypto/tls's hint to clients; our keys are renewed every day",
	"OCSP_stapling":        "nothing of SMTP reads a stapled response",
	"cert_caa":             "a record of the DNS, not of the listener",
	"DNS_CAArecord":        "a record of the DNS, not of the listener",
}

// TestTestssl lets testssl.sh look at a listener as it is by default, with certificates of an authority that it trusts, one
// with an ECDSA and one with an RSA key.
func TestTestssl(t *testing.T) {
	t.Parallel()
	path, err := exec.LookPath("testssl")
	if err != nil {
		t.Skip("needs testssl, of Debian's testssl.sh")
	}
	if raceEnabled || testing.Short() {
		t.Skip("takes minutes, and finds no races")
	}
	in := newInward(t)
	in.commit(t, in.imported(t, "rsa", mintFor(t, in.root, rsaKey(t, 2048), "mail.example.com", public, enciphering)),
		in.imported(t, "ecdsa", mint(t, in.root, "mail.example.com", public)),
		"listenerconfig edit InboundMail certificate ecdsa,rsa", "listenerconfig edit InboundMail hostaccess default tls preferred",
		"listenerconfig setup max_handshakes_per_peer 100")
	_, port, _ := net.SplitHostPort(in.listener(t, "InboundMail"))
	authority := filepath.Join(in.data, "configuration", "root.pem")
	common := []string{"--starttls", "smtp", "--ip", "127.0.0.1", "--nodns", "none", "--add-ca", authority, "--color", "0", "--warnings", "off"}
	sections := []string{
		"--robot --protocols --std --server-defaults",
		"--server-preference --fs --heartbleed --ccs-injection --ticketbleed --crime --poodle --tls-fallback --renegotiation " +
			"--sweet32 --beast --lucky13 --freak --logjam --drown --rc4",
	}
	look := func(sections string, env ...string) error {
		report := filepath.Join(t.TempDir(), "report.json")
		args := slices.Concat(common, []string{"--jsonfile", report}, strings.Fields(sections), []string{"mail.example.com:" + port})
		said, err := testssl(t, path, args, env)
		if err == nil {
			err = judge(t, report)
		}
		if err != nil {
			err = fmt.Errorf("%w\n%s", err, said)
		}
		return err
	}
	faults := make([]error, len(sections))
	var runs sync.WaitGroup // at once; each begins anew with what it finds out about the listener
	for i := range sections {
		runs.Go(func() { faults[i] = look(sections[i], hasty...) })
	}
	runs.Wait()
	for i, err := range faults {
		if err == nil {
			continue
		}
		// It takes an answer that is late for a flaw: whatever it finds, it has to find again, alone and with time.
		t.Logf("once more, because of %v", err)
		if err := look(sections[i]); err != nil {
			t.Error(err)
		}
	}
}

// hasty has testssl look for an answer more often than once a second, for less long.
var hasty = []string{"BASH_FUNC_sleep%%=() { command sleep 0.1; }", "MAX_WAITSOCK=100", "CCS_MAX_WAITSOCK=50", "HEARTBLEED_MAX_WAITSOCK=80"}

// public makes a certificate like those of public authorities: not about to end, with a place for the list of the revoked.
func public(c *x509.Certificate) {
	c.NotAfter = time.Now().Add(89 * 24 * time.Hour)
	c.CRLDistributionPoints = []string{"http://crl.example.com/list"}
}

// enciphering lets an RSA key be used for the key exchange of TLS 1.2 without forward secrecy.
func enciphering(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageKeyEncipherment }

// testssl runs it and returns what it printed. Its status counts what it found.
func testssl(t *testing.T, path string, args, env []string) (string, error) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.WaitDelay = time.Second
	out, _ := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return string(out), errors.New("testssl does not end")
	}
	return string(out), nil
}

// judge wants no finding that lowers a grade.
func judge(t *testing.T, report string) error {
	data, err := os.ReadFile(report)
	if err != nil {
		return err
	}
	var findings []testsslFinding
	if err := json.Unmarshal(data, &findings); err != nil {
		return err
	}
	var faults []error
	if !slices.ContainsFunc(findings, func(f testsslFinding) bool { return f.Severity == "OK" }) {
		faults = append(faults, errors.New("testssl found nothing good, so it saw nothing"))
	}
	for _, f := range findings {
		id, _, _ := strings.Cut(f.ID, " ")
		switch why := lowered[id]; {
		case f.Severity == "OK" || f.Severity == "INFO":
		case f.Severity == "WARN" && f.ID == "engine_problem": // of the openssl that it uses
		case f.Severity == "LOW" && why != "":
			t.Logf("%s: %s (%s)", f.ID, f.Finding, why)
		default:
			faults = append(faults, fmt.Errorf("%s %s: %s", f.Severity, f.ID, f.Finding))
		}
	}
	return errors.Join(faults...)
}
