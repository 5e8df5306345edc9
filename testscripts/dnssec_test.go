package testscripts

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/rogpeppe/go-internal/testscript"

	"posthouse/internal/dns/dnstest"
)

// signedVerb is "signed ZONEFILE": the names of the file are signed, and a validating resolver in front of them (Debian's
// unbound) is reached at $DNS; "dnsconfig new $DNS validating on" believes it. The file is read anew for each question
// and the resolver keeps no answer: a script changes the names by changing the file. Comments in it say what is not as it
// should be:
//
//	; unsigned DOMAIN   the domain is delegated and has no DNSSEC
//	; bogus NAME        the signatures of the name's records are wrong
//	; fail NAME         questions for the name have no answer
//
// In a TLSA record, @CERT in place of the data stands for that of CERT.pem: "TLSA 3 1 1 @mx".
func signedVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: signed ZONEFILE")
	}
	file := ts.MkAbs(args[0])
	address, stop, err := startSigned(ts.MkAbs("unbound"), func() (dnstest.Zones, error) { return readZones(file) })
	if errors.Is(err, dnstest.ErrNoUnbound) {
		ts.Fatalf("%v: such a script begins with [!unbound] skip 'needs unbound'", err)
	}
	ts.Check(err)
	ts.Defer(stop)
	ts.Setenv("DNS", address)
}

// startSigned serves zones behind unbound, whose files lie in dir.
func startSigned(dir string, read func() (dnstest.Zones, error)) (address string, stop func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", nil, err
	}
	authority, stopAuthority, err := dnstest.StartSigned(read)
	if err != nil {
		return "", nil, err
	}
	address, stopUnbound, err := dnstest.StartUnbound(dir, authority)
	if err != nil {
		stopAuthority()
		return "", nil, err
	}
	return address, func() { stopUnbound(); stopAuthority() }, nil
}

// What in a zone file is for signedVerb.
var (
	faultLine   = regexp.MustCompile(`(?m)^; (unsigned|bogus|fail) (\S+)$`)
	tlsaOfAFile = regexp.MustCompile(`TLSA\s+(\d)\s+(\d)\s+(\d)\s+@(\S+)`)
)

// readZones reads a zone file with what signedVerb adds to the form.
func readZones(file string) (z dnstest.Zones, err error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return z, err
	}
	for _, m := range faultLine.FindAllStringSubmatch(string(data), -1) {
		list := map[string]*[]string{"unsigned": &z.Unsigned, "bogus": &z.Bogus, "fail": &z.Fail}[m[1]]
		*list = append(*list, m[2])
	}
	var faults []error
	z.Text = tlsaOfAFile.ReplaceAllStringFunc(string(data), func(text string) string {
		m := tlsaOfAFile.FindStringSubmatch(text)
		record, err := tlsaData(m[2], m[3], filepath.Join(filepath.Dir(file), m[4]+".pem"))
		faults = append(faults, err)
		return fmt.Sprintf("TLSA %s %s %s %s", m[1], m[2], m[3], record)
	})
	return z, errors.Join(faults...)
}

// tlsaData is the data of a TLSA record (RFC 6698 §2.1) of the first certificate in a file.
func tlsaData(selector, matching, file string) (string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return "", fmt.Errorf("%s holds no certificate", file)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", err
	}
	chosen := cert.Raw
	if selector == "1" {
		chosen = cert.RawSubjectPublicKeyInfo
	}
	switch matching {
	case "1":
		sum := sha256.Sum256(chosen)
		chosen = sum[:]
	case "2":
		sum := sha512.Sum512(chosen)
		chosen = sum[:]
	}
	return hex.EncodeToString(chosen), nil
}

// The world that the verb makes is what scripts take it for: proven, not proven, wrong, failing, and changing.
func TestSignedZones(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "zone")
	mx := newAuthority(t, "mx.good.example")
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("mx.pem", string(mx.pem()))
	zone := `; unsigned plain.example
; bogus torn.example
; fail broken.example
good.example. MX 10 mx.good.example.
_25._tcp.mx.good.example. TLSA 3 1 1 @mx
plain.example. MX 10 mx.plain.example.
torn.example. MX 10 mx.torn.example.
broken.example. MX 10 mx.broken.example.
`
	write("zone", zone)
	address, stop, err := startSigned(filepath.Join(dir, "unbound"), func() (dnstest.Zones, error) { return readZones(file) })
	if errors.Is(err, dnstest.ErrNoUnbound) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	client := &dns.Client{Net: "tcp", Timeout: patience}
	ask := func(name string, qtype uint16) string {
		q := new(dns.Msg).SetQuestion(name, qtype)
		q.AuthenticatedData = true
		reply, _, err := client.Exchange(q, address)
		if err != nil {
			t.Fatal(err)
		}
		var records []string
		for _, rr := range reply.Answer {
			records = append(records, strings.Join(strings.Fields(rr.String())[4:], " "))
		}
		return fmt.Sprintf("%s %v %s", dns.RcodeToString[reply.Rcode], reply.AuthenticatedData, strings.Join(records, ", "))
	}
	sum, err := tlsaData("1", "1", filepath.Join(dir, "mx.pem"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"good.example.": "NOERROR true 10 mx.good.example.", "plain.example.": "NOERROR false 10 mx.plain.example.",
		"torn.example.": "SERVFAIL false ", "broken.example.": "SERVFAIL false ", "none.example.": "NXDOMAIN true ", "none.plain.example.": "NXDOMAIN false ",
	} {
		if got := ask(name, dns.TypeMX); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	got := ask("_25._tcp.mx.good.example.", dns.TypeTLSA)
	if want := "NOERROR true 3 1 1 " + sum; !strings.EqualFold(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	write("zone", zone+"next.example. MX 10 mx.next.example.\n")
	if got := ask("next.example.", dns.TypeMX); got != "NOERROR true 10 mx.next.example." {
		t.Errorf("after a change: %q", got)
	}
}
