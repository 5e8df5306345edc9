package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"posthouse/certstore"
	"posthouse/certstore/acme"
	"posthouse/config"
)

// acmeNotes is an engine that manages certificates on paper.
type acmeNotes struct {
	*engineNotes
	managed []acme.Status
	answer  error
}

func (e *acmeNotes) Managed() []acme.Status { return append([]acme.Status(nil), e.managed...) }

func (e *acmeNotes) RenewCertificate(_ context.Context, profile string) error {
	e.note("renew", profile)
	return e.answer
}

// acmeBench is a bench with such an engine and an account.
func acmeBench(t *testing.T) (*bench, *acmeNotes) {
	t.Helper()
	b := newBench(t)
	notes := &acmeNotes{engineNotes: b.engine}
	b.a.Engine = notes
	b.exec(0, "certconfig acme setup directory https://ca.example/dir contact postmaster@example.com terms agreed; commit -y", "")
	return b, notes
}

// secretOf is what the vault holds for a reference of the running configuration.
func secretOf(b *bench, ref string) string {
	b.t.Helper()
	content, err := b.a.Config.Vault().Get(b.running().Refs[ref])
	if err != nil {
		b.t.Fatal(err)
	}
	return string(content)
}

func TestACMESetupBatch(t *testing.T) {
	b, _ := acmeBench(t)
	first := b.running().Refs[config.ACMEAccountRef]
	if key, err := acme.ParseAccountKey([]byte(secretOf(b, config.ACMEAccountRef))); err != nil || key == nil {
		t.Fatalf("account key: %v", err)
	}
	out := b.exec(0, "certconfig acme setup http_port 8080 tls_port 8443 interface Management eab kid-1 dns_server 127.0.0.1:5353 zone example.com tsig update-key algorithm hmac-sha512; commit -y", "c2VjcmV0LW9uZQ\nc2VjcmV0LXR3bw==\n")
	conf := b.running().ACME
	want := config.ACME{
		Directory: "https://ca.example/dir", Contact: []string{"postmaster@example.com"}, TermsAgreed: true, HTTPPort: 8080, TLSPort: 8443,
		Interface: "Management", EABKey: "kid-1", DNSServer: "127.0.0.1:5353", DNSZone: "example.com", TSIGName: "update-key", TSIGAlgorithm: "hmac-sha512",
	}
	if fmt.Sprint(conf) != fmt.Sprint(want) {
		t.Errorf("got %+v", conf)
	}
	if got := secretOf(b, config.ACMEEABRef); got != "c2VjcmV0LW9uZQ" {
		t.Errorf("binding %q", got)
	}
	if got := secretOf(b, config.ACMETSIGRef); got != "c2VjcmV0LXR3bw==" {
		t.Errorf("TSIG %q", got)
	}
	if b.running().Refs[config.ACMEAccountRef] != first {
		t.Error("the account's key changed with other settings")
	}
	for _, secret := range []string{"c2VjcmV0", "PRIVATE"} {
		if strings.Contains(out+b.settings(), secret) {
			t.Errorf("%s is shown", secret)
		}
	}
	b.exec(0, "certconfig acme setup directory letsencrypt-staging tsig none eab none dns_server none zone auto interface auto; commit -y", "")
	refs := b.running().Refs
	if refs[config.ACMEAccountRef] == first || refs[config.ACMEAccountRef] == "" || refs[config.ACMEEABRef] != "" || refs[config.ACMETSIGRef] != "" {
		t.Errorf("references %q", refs)
	}
	if d := b.running().ACME.Directory; !strings.Contains(d, "staging") {
		t.Errorf("directory %q", d)
	}
	b.exec(0, "certconfig acme setup directory none; commit -y", "")
	if b.running().ACME.Directory != "" || b.running().Refs[config.ACMEAccountRef] != "" {
		t.Error("the account is still there")
	}
}

func TestACMERefusals(t *testing.T) {
	b := newBench(t)
	b.a.Engine = &acmeNotes{engineNotes: b.engine}
	b.fails("certconfig acme new mx names=mx.example.com", "", "Error: there is no account yet")
	b.exec(0, "certconfig acme setup directory letsencrypt terms agreed; commit -y", "")
	b.exec(0, "certconfig acme new managed names=a.example.com; certconfig new own cn=own.example.com; commit -y", "")
	for _, tt := range []struct{ line, stdin, want string }{
		{"certconfig acme fly", "", `Invalid word "fly"`},
		{"certconfig acme setup directory", "", "Invalid command"},
		{"certconfig acme setup directory http://ca.example/dir", "", `Invalid directory "http://ca.example/dir"`},
		{"certconfig acme setup directory none", "", "Error: ACME still manages managed."},
		{"certconfig acme setup terms perhaps", "", `Invalid terms "perhaps"`},
		{"certconfig acme setup http_port 70000", "", `Invalid http_port "70000"`},
		{"certconfig acme setup interface Nowhere", "", `Unknown interface "Nowhere"`},
		{"certconfig acme setup contact nobody", "", `"nobody" is not an email address`},
		{"certconfig acme setup dns_server nowhere", "", `nowhere`},
		{"certconfig acme setup algorithm md5", "", `Invalid algorithm "md5"`},
		{"certconfig acme setup tsig key", "not base64!\n", "Invalid secret: base64"},
		{"certconfig acme setup tsig key", "\n", "Invalid secret: base64"},
		{"certconfig acme setup colour red", "", `Invalid key "colour"`},
		{"certconfig acme new", "", "Invalid command"},
		{"certconfig acme new mx key=p256", "", "Invalid command: certconfig acme new needs names=HOST,..."},
		{"certconfig acme new mx names=192.0.2.1", "", `Invalid name "192.0.2.1"`},
		{"certconfig acme new mx names=*.*.example.com", "", `Invalid name "*.*.example.com"`},
		{"certconfig acme new mx names=localhost", "", `Invalid name "localhost"`},
		{"certconfig acme new mx names=,", "", `Invalid names ","`},
		{"certconfig acme new mx names=*.example.com", "", `Invalid challenge "http-01": a wildcard needs dns-01.`},
		{"certconfig acme new mx names=mx.example.com challenge=dns-01", "", `Invalid challenge "dns-01": SETUP names no nameserver`},
		{"certconfig acme new mx names=mx.example.com challenge=smtp-01", "", `Invalid challenge "smtp-01"`},
		{"certconfig acme new mx names=mx.example.com key=dsa", "", `Invalid key "dsa"`},
		{"certconfig acme new mx names=mx.example.com colour=red", "", `Invalid key "colour"`},
		{"certconfig acme new mx mx.example.com", "", `Invalid word "mx.example.com"`},
		{"certconfig acme new Demo names=mx.example.com", "", `Invalid name "Demo"`},
		{"certconfig acme new Managed names=mx.example.com", "", `ACME manages certificate profile "managed" already`},
		{"certconfig acme edit own names=a.example.com", "", `Invalid name "own": the profile is not managed by ACME; managed is accepted.`},
		{"certconfig acme edit managed names=*.example.com", "", `a wildcard needs dns-01`},
		{"certconfig acme delete nothing", "", `Unknown certificate profile "nothing"`},
		{"certconfig acme renew own", "", `Invalid name "own"`},
	} {
		b.fails(tt.line, tt.stdin, tt.want)
	}
}

func TestACMEProfiles(t *testing.T) {
	b, notes := acmeBench(t)
	out := b.exec(0, "certconfig acme new mx names=MX.example.com,mail.example.com,mx.example.com challenge=tls key=p384; certconfig acme status; commit -y", "")
	contains(t, out, `Certificate profile "mx" for mx.example.com, mail.example.com is obtained after the commit.`, "Not committed")
	p := b.running().Certificates["mx"]
	if !p.Pending || fmt.Sprint(*p.ACME) != fmt.Sprint(config.ManagedCertificate{Names: []string{"mx.example.com", "mail.example.com"}, Challenge: "tls-alpn-01", Key: "p384"}) {
		t.Fatalf("got %+v %+v", p, p.ACME)
	}
	held, err := b.a.Certs.Get(b.running().Refs[config.CertificateRef("mx")])
	if err != nil || !certstore.SelfSigned(held.Leaf()) || !held.Covers("mail.example.com") || held.CSR() != nil {
		t.Fatalf("placeholder %v, %v", held, err)
	}
	b.exec(0, "certconfig acme edit mx names=mx.example.com challenge=http-01; commit -y", "")
	if p := b.running().Certificates["mx"].ACME; len(p.Names) != 1 || p.Challenge != "http-01" || p.Key != "p384" {
		t.Errorf("got %+v", p)
	}
	contains(t, b.exec(0, "certconfig acme delete mx; commit -y", ""), "no longer renewed")
	if p := b.running().Certificates["mx"]; p == nil || p.ACME != nil || p.Pending {
		t.Errorf("got %+v", p)
	}
	// A profile that exists is taken over with the certificate that it has.
	before := b.running().Refs[config.CertificateRef("mx")]
	b.exec(0, "certconfig acme new MX names=mx.example.com; commit -y", "")
	if p := b.running().Certificates["mx"]; p.ACME == nil || p.Pending || b.running().Refs[config.CertificateRef("mx")] != before {
		t.Errorf("got %+v", p)
	}
	contains(t, b.exec(0, "certconfig acme renew mx", ""), `Certificate profile "mx" renewed`)
	if got := notes.called(); got != "renew mx" {
		t.Errorf("called %q", got)
	}
}

func TestACMERenewFails(t *testing.T) {
	b, notes := acmeBench(t)
	b.exec(0, "certconfig acme new mx names=mx.example.com; commit -y", "")
	for _, tt := range []struct {
		answer error
		want   string
	}{
		{acme.ErrNotManaged, "commit it first"},
		{fmt.Errorf("%w: _25._tcp.mx.example.com. IN TLSA 3 1 1 ab", acme.ErrWaiting), "is waiting for the TLSA record of the next key: _25._tcp.mx.example.com."},
		{context.DeadlineExceeded, "still under way"},
		{errors.New("unauthorized: no such name"), `Failed to renew certificate profile "mx": unauthorized: no such name.`},
	} {
		notes.answer = tt.answer
		b.fails("certconfig acme renew mx", "", tt.want)
	}
}

func TestACMEStatus(t *testing.T) {
	b, notes := acmeBench(t)
	notes.managed = nil
	contains(t, b.exec(0, "certconfig acme", ""), "No certificate profile is managed by ACME.")
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	notes.managed = []acme.Status{
		{
			Profile: "mx", Names: []string{"mx.example.com", "mail.example.com"}, Challenge: "http-01", State: acme.StateFailing, Issued: at,
			Expires: at.AddDate(30, 0, 0), Next: at.AddDate(20, 0, 0), Tried: at, Failures: 3, Error: "mx.example.com: connection: refused", Advised: true,
		},
		{
			Profile: "pinned", Names: []string{"p.example.com"}, Challenge: "dns-01", State: acme.StateWaiting, Expires: at, Next: at,
			TLSA: []string{"_25._tcp.p.example.com. IN TLSA 3 1 1 abcd"},
		},
	}
	out := b.exec(0, "certconfig acme status", "")
	contains(t, out, "Name", "Challenge", "State", "Expires", "Next order", "mx", "http-01", "Failing", "Nov 01 12:00:00 2056 GMT", "pinned", "Waiting", "now",
		"mx: mx.example.com, mail.example.com", "failures in a row: 3): mx.example.com: connection: refused", "The authority has chosen",
		"Publish the next key's TLSA record beside the present one", "_25._tcp.p.example.com. IN TLSA 3 1 1 abcd")
	notes.managed[1].Seen, notes.managed[1].Usable = at, time.Now().Add(time.Hour)
	contains(t, b.exec(0, "certconfig acme status", ""), "was seen; it counts from")
	var report struct {
		Directory string
		Profiles  []acme.Status
	}
	if err := json.Unmarshal([]byte(b.exec(0, "certconfig acme status --json", "")), &report); err != nil {
		t.Fatal(err)
	}
	if report.Directory != "https://ca.example/dir" || len(report.Profiles) != 2 || report.Profiles[0].Failures != 3 || report.Profiles[1].TLSA[0] == "" {
		t.Errorf("got %+v", report)
	}
}

func TestACMEDialogue(t *testing.T) {
	b := newBench(t)
	b.a.Engine = &acmeNotes{engineNotes: b.engine}
	out := b.script(0, "certconfig", "acme",
		"setup", "3", "https://ca.example/dir", "postmaster@example.com, ca@example.com", "y", "8080", "8443", "2", "y", "kid", "c2VjcmV0", "y", "127.0.0.1:5353", "example.com", "key", "2", "c2VjcmV0MDE=",
		"new", "wild", "*.example.com, example.com", "3", "1",
		"status",
		"", "", "commit", "managed", "")
	contains(t, out, "ACME is not configured.", "Choose the certificate authority:", "1. Let's Encrypt", "4. None",
		"Do you agree to the authority's terms of service?", "Certificate authority: https://ca.example/dir", "Enter the names of the certificate",
		"is obtained after the commit", "Managed profiles: wild", "Not committed")
	if strings.Contains(out, "c2VjcmV0") {
		t.Error("a secret is shown")
	}
	conf := b.running().ACME
	if conf.DNSZone != "example.com" || conf.TSIGAlgorithm != "hmac-sha384" || conf.EABKey != "kid" || len(conf.Contact) != 2 || conf.Interface == "" {
		t.Errorf("got %+v", conf)
	}
	if got := secretOf(b, config.ACMETSIGRef); got != "c2VjcmV0MDE=" {
		t.Errorf("TSIG secret %q", got)
	}
	// The second time the answers of the first are the defaults, and an empty secret keeps the present one.
	before := b.settings()
	b.script(0, "certconfig", "acme", "setup", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "")
	if after := b.settings(); after != before {
		t.Errorf("got %s, want %s", after, before)
	}
	out = b.script(0, "certconfig", "acme", "edit", "1", "*.example.com", "3", "1", "delete", "1", "", "", "commit", "unmanaged", "")
	contains(t, out, `Certificate profile "wild" changed.`, "no longer renewed")
	if b.running().Certificates["wild"].ACME != nil {
		t.Error("it is still managed")
	}
}

// TestACMESecretsStayInTheVault looks for the secrets in everything that is written beside it.
func TestACMESecretsStayInTheVault(t *testing.T) {
	b, _ := acmeBench(t)
	b.exec(0, "certconfig acme setup tsig key dns_server 127.0.0.1; commit -y", "dG9wc2VjcmV0\n")
	dir := filepath.Dir(b.a.Files)
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.Contains(path, "/keys/") {
			return err
		}
		content, err := os.ReadFile(path)
		if strings.Contains(string(content), "dG9wc2VjcmV0") {
			t.Errorf("%s holds the secret", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func FuzzManagedNames(f *testing.F) {
	for _, seed := range []string{"mx.example.com", "*.example.com, example.com", "MX.Example.COM.", "\u00fc.example", "*.*.example", "192.0.2.1", ",,"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, answer string) {
		names, err := managedNames(answer)
		if err != nil {
			return
		}
		again, err := managedNames(strings.Join(names, ","))
		if err != nil || strings.Join(again, ",") != strings.Join(names, ",") || len(names) == 0 {
			t.Errorf("%q gives %q, and that gives %q, %v", answer, names, again, err)
		}
		c := config.Default("mail.example.com")
		c.ACME.Directory, c.ACME.DNSServer = "https://ca.example/dir", "127.0.0.1"
		c.Certificates = map[string]*config.Certificate{"x": {ACME: &config.ManagedCertificate{Names: names, Challenge: "dns-01", Key: "p256"}}}
		for _, fault := range faults(c) {
			if strings.Contains(fault.Error(), "certificates.x") {
				t.Errorf("%q is accepted, and the configuration says %v", names, fault)
			}
		}
	})
}
