package commands

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"posthouse/config"
	"posthouse/shell"
)

// issuer is an authority with one below it, for tests.
type issuer struct {
	t                 *testing.T
	rootKey, key      *ecdsa.PrivateKey
	root, certificate *x509.Certificate // certificate is the issuing authority's
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{t: t, rootKey: newECKey(t), key: newECKey(t)}
	i.root = i.sign(&x509.Certificate{Subject: pkix.Name{CommonName: "Example Root"}, IsCA: true, BasicConstraintsValid: true}, i.rootKey, nil, i.rootKey)
	i.certificate = i.sign(&x509.Certificate{Subject: pkix.Name{CommonName: "Example Issuing CA"}, IsCA: true, BasicConstraintsValid: true}, i.key, i.root, i.rootKey)
	return i
}

func newECKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (i *issuer) sign(template *x509.Certificate, key *ecdsa.PrivateKey, parent *x509.Certificate, by *ecdsa.PrivateKey) *x509.Certificate {
	i.t.Helper()
	return i.signFor(template, &key.PublicKey, parent, by)
}

func (i *issuer) signFor(template *x509.Certificate, public any, parent *x509.Certificate, by *ecdsa.PrivateKey) *x509.Certificate {
	i.t.Helper()
	if parent == nil {
		parent = template
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore = time.Now().Add(-time.Hour)
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(365 * day)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, by)
	if err != nil {
		i.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		i.t.Fatal(err)
	}
	return cert
}

// templateOf is a certificate to be signed, an authority where its name ends in CA.
func templateOf(name string, days int) *x509.Certificate {
	authority := strings.HasSuffix(name, "CA")
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Duration(days)*day + time.Hour),
		IsCA: authority, BasicConstraintsValid: authority,
	}
}

// leaf issues a certificate for the public key.
func (i *issuer) leaf(public any, days int) *x509.Certificate {
	return i.signFor(&x509.Certificate{
		Subject:  pkix.Name{Country: []string{"DE"}, Organization: []string{"Example"}, CommonName: "mx1.partner.example"},
		DNSNames: []string{"mx1.partner.example"}, NotAfter: time.Now().Add(time.Duration(days)*day + time.Hour),
	}, public, i.certificate, i.key)
}

func certPEM(certs ...*x509.Certificate) string {
	var b strings.Builder
	for _, c := range certs {
		b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	return b.String()
}

func keyPEM(t *testing.T, key *ecdsa.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// block is PEM as it is pasted into a dialogue.
func block(text string) string { return text + "." }

// stored is what the running configuration holds under the name.
func (b *bench) stored(name string) (leaf *x509.Certificate, between int) {
	b.t.Helper()
	p, err := b.a.Certs.Get(b.running().Refs[config.CertificateRef(name)])
	if err != nil {
		b.t.Fatal(err)
	}
	return p.Leaf(), len(p.Intermediates())
}

// The dialogue is that of the transcript, prompt for prompt.
func TestCertConfigNew(t *testing.T) {
	b := newBench(t)
	out := b.script(0, "certconfig", "certificate", "new", "", "example", "mx.example.com", "Example", "Mail", "Bremen", "HB", "DE",
		"", "", "", "", "print", "", "", "commit -y", "exit")
	contains(t, out, `
Choose the operation you want to perform:
- CERTIFICATE - Import, Create a request, Edit or Remove Certificate Profiles
- CERTAUTHORITY - Manage System and Customized Authorities
- CRL - Manage Certificate Revocation Lists
- ACME - Obtain and renew certificates automatically
[]> `, `
List of Certificates
Name                 Common Name          Issued By            Status    Remaining
-------------------- -------------------- -------------------- --------- ---------------
Demo                 mail.example.com     mail.example.com     Active    3649 days

Choose the operation you want to perform:
- IMPORT - Import a certificate from a local PKCS#12 file
- PASTE - Paste a certificate into the CLI
- NEW - Create a self-signed certificate and CSR
`, "- EXPORT - Export a certificate\n", `- PRINT - View certificates assigned to services
[]> 

1. Create a self-signed certificate and CSR
2. Create a self-signed SMIME certificate and CSR
[1]> 

Enter a name for this certificate profile:
> 
Enter Common Name:
> 
Enter Organization:
> 
Enter Organizational Unit:
> 
Enter Locality or City:
> 
Enter State or Province:
> 
Enter Country (2 letter code):
> 
Duration before expiration (in days):
[3650]> 
1. ECDSA P-256
2. RSA 2048
3. RSA 3072
4. RSA 4096
5. ECDSA P-384
Enter size of private key:
[1]> 
Enter Subject Alternative Names (dNSName, comma-separated):
[mx.example.com]> 

Do you want to view the CSR? [Y]> `, "-----BEGIN CERTIFICATE REQUEST-----\n", "-----END CERTIFICATE REQUEST-----\n",
		"Commit profile \"example\" before", `
-------------------- -------------------- -------------------- --------- ---------------
Demo                 mail.example.com     mail.example.com     Active    3649 days
example              mx.example.com       (CSR pending)        Pending   -
`, `- EDIT - Update certificate or view the signing request
- EXPORT - Export a certificate
- DELETE - Remove a certificate
`, `Service                          Certificate
-------------------------------- --------------------
Listener InboundMail             Demo
Listener OutboundMail            Demo
Delivery (destination controls)  Demo
HTTPS Management                 (none)
LDAPS                            (none)
URL filtering                    (none)
`, "Changes committed: ")
	if strings.Contains(out, "PRIVATE KEY") {
		t.Error("a private key is on the screen")
	}

	again := newBench(t)
	contains(t, again.exec(0, `certconfig new example cn=mx.example.com o=Example ou=Mail l=Bremen st=HB c=DE; commit -y`, ""),
		"-----BEGIN CERTIFICATE REQUEST-----\n", "Commit profile \"example\" before")
	if b.settings() != again.settings() {
		t.Errorf("dialogue and batch form give different files:\n%s\n%s", b.settings(), again.settings())
	}
	one, _ := b.stored("example")
	two, _ := again.stored("example")
	if one.Subject.String() != two.Subject.String() || one.DNSNames[0] != two.DNSNames[0] {
		t.Errorf("dialogue made %s %v, batch form %s %v", one.Subject, one.DNSNames, two.Subject, two.DNSNames)
	}
}

func TestCertConfigPaste(t *testing.T) {
	b, ca := newBench(t), newIssuer(t)
	key := newECKey(t)
	leaf := ca.leaf(&key.PublicKey, 12)
	out := b.script(0, "certconfig", "certificate", "paste", "partner", block(certPEM(ca.certificate, leaf)), block(keyPEM(t, key)), "", "", "", "commit -y")
	contains(t, out, "Enter a name for this certificate profile:\n> ", "Paste public certificate in PEM format (end with '.'):\n",
		"C=DE,O=Example,CN=mx1.partner.example\nAlong with it: CN=Example Issuing CA\n", "Paste private key in PEM format (end with '.'):\n",
		"Do you want to add an intermediate certificate? [N]> ", "disordered", "Missing: ",
		"partner              mx1.partner.example  Example Issuing CA   Expiring  12 days\n")
	if strings.Contains(out, "PRIVATE KEY") {
		t.Error("a private key is on the screen")
	}
	if got, between := b.stored("partner"); !got.Equal(leaf) || between != 1 {
		t.Errorf("leaf %s with %d intermediates", got.Subject, between)
	}

	again := newBench(t)
	contains(t, again.exec(0, "certconfig paste partner; commit -y", keyPEM(t, key)+certPEM(leaf, ca.certificate)), `Certificate profile "partner" created.`)
	if b.settings() != again.settings() || b.running().Refs[config.CertificateRef("partner")] != again.running().Refs[config.CertificateRef("partner")] {
		t.Error("dialogue and batch form give different profiles")
	}
	contains(t, b.exec(0, "certconfig csr partner", ""), "-----BEGIN CERTIFICATE REQUEST-----\n") // for a renewal on the same key
}

// An authority's answer is taken once its profile is committed, and only for the profile's key.
func TestCertConfigAnswer(t *testing.T) {
	b, ca := newBench(t), newIssuer(t)
	b.script(1, "certconfig new example cn=mx1.partner.example", "certconfig", "certificate", "edit", "1", "y")
	b.exec(0, "certconfig new example cn=mx1.partner.example; commit -y", "")
	request := b.exec(0, "certconfig csr example", "")
	der, _ := pem.Decode([]byte(request))
	csr, err := x509.ParseCertificateRequest(der.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	other := newECKey(t)
	b.fails("certconfig edit example", certPEM(ca.leaf(&other.PublicKey, 90)), `Invalid certificate: its public key is not the key of profile "example".`)
	out := b.script(1, "certconfig", "certificate", "edit", "1", "y", block(certPEM(ca.leaf(&other.PublicKey, 90))))
	contains(t, out, `1. [example] CN=mx1.partner.example
Select the certificate profile you wish to edit:
[]> 
Would you like to update the existing public certificate? [N]> 
Paste public certificate in PEM format (end with '.'):
`, `Invalid certificate: its public key is not the key of profile "example".`)

	answer := ca.leaf(csr.PublicKey, 90)
	out = b.script(0, "certconfig", "certificate", "edit", "example", "y", block(certPEM(answer)), "", "y", block(certPEM(ca.certificate)), "", "n", "", "", "commit -y")
	contains(t, out, `Would you like to remove the existing intermediate certificates? [N]> 
Do you want to add an intermediate certificate? [N]> 
Paste intermediate certificate in PEM format (end with '.'):
`, "CN=Example Issuing CA\n", `Do you want to add another intermediate certificate? [N]> 
`, "Do you want to view the CSR? [Y]> ", "example              mx1.partner.example  Example Issuing CA   Active    90 days\n")
	if got, between := b.stored("example"); !got.Equal(answer) || between != 1 || b.running().Certificates["example"].Pending {
		t.Errorf("leaf %s with %d intermediates", got.Subject, between)
	}
	b.exec(0, "certconfig edit example remove; commit -y", "")
	if _, between := b.stored("example"); between != 0 {
		t.Errorf("%d intermediates are left", between)
	}
	b.exec(0, "certconfig edit example; commit -y", certPEM(ca.certificate))
	if _, between := b.stored("example"); between != 1 {
		t.Errorf("%d intermediates after adding one", between)
	}
}

func TestCertConfigFiles(t *testing.T) {
	b, ca := newBench(t), newIssuer(t)
	key := newECKey(t)
	b.exec(0, "certconfig paste partner; commit -y", keyPEM(t, key)+certPEM(ca.leaf(&key.PublicKey, 90), ca.certificate))
	out := b.script(0, "certconfig", "certificate", "export", "1", "mx.p12", "open sesame", "open sesame",
		"import", "partner", "y", "mx.p12", "open sesame", "import", "again", "mx.p12", "open sesame", "", "", "commit -y")
	contains(t, out, `1. [partner] C=DE,O=Example,CN=mx1.partner.example
2. [Demo] CN=mail.example.com
`, "Enter a name for the exported file:\n[]> ", "Enter pass phrase: ", "Re-enter pass phrase: ", `File written on machine "mail.example.com" to the location
"/configuration/mx.p12".
`, `Certificate profile "partner" already exists. Do you want to overwrite with this new one? [N]> `,
		`Enter the name of the file on machine "mail.example.com" to import:
[]> 
Enter pass phrase for PKCS#12 file: `)
	if strings.Contains(out, "sesame") {
		t.Error("the pass phrase is on the screen")
	}
	info, err := os.Stat(filepath.Join(b.a.Files, "mx.p12"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the exported file: %v %v", info, err)
	}
	refs := b.running().Refs
	if refs[config.CertificateRef("partner")] != refs[config.CertificateRef("again")] {
		t.Error("what was exported and imported is another profile")
	}
	b.exec(0, `certconfig import third mx.p12 "open sesame"; certconfig export third out.p12; commit -y`, "another one\n")
	b.exec(0, "certconfig import third out.p12; clearchanges -y", "another one\n")
}

func TestCertConfigRefusesFiles(t *testing.T) {
	b := newBench(t)
	b.exec(0, `certconfig export Demo mx.p12 right`, "")
	if err := os.Symlink(filepath.Join(b.a.Files, "mx.p12"), filepath.Join(b.a.Files, "link.p12")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.a.Files, "bad.p12"), []byte("no PKCS#12"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(b.a.Files, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ line, want string }{
		{"certconfig import x mx.p12 wrong", `Invalid pass phrase for "mx.p12"`},
		{"certconfig import x bad.p12 right", `Failed to parse "bad.p12"`},
		{"certconfig import x none.p12 right", `No such file "none.p12" in /configuration`},
		{"certconfig import x ../mx.p12 right", "Invalid name: "},
		{"certconfig import x /etc/passwd right", "Invalid name: "},
		{"certconfig import x link.p12 right", "Invalid name: "},
		{"certconfig import x folder right", "Invalid name: "},
		{"certconfig import Demo mx.p12 right", `Invalid name "Demo"`},
		{"certconfig import ../x mx.p12 right", `Invalid name "../x": `},
		{"certconfig export Demo link.p12 right", "Invalid name: "},
		{"certconfig export Demo ../x.p12 right", "Invalid name: "},
		{`certconfig export Demo x.p12 ""`, "Failed to export"},
		{"certconfig export nobody x.p12 right", `Unknown certificate profile "nobody"`},
		{"certconfig delete Demo", "cannot be deleted"},
		{"certconfig new Demo cn=a.example", "Invalid name"},
		{"certconfig new a.b cn=", "Invalid command: certconfig new needs cn="},
		{"certconfig new x cn=a.example key=rsa512", `Invalid key "rsa512"`},
		{"certconfig new x cn=a.example c=DEU", `Invalid country "DEU"`},
		{"certconfig new x cn=a.example days=0", `Invalid days "0"`},
		{"certconfig new x cn=a.example foo=1", `Invalid key "foo"`},
		{"certconfig paste x", "Invalid certificate: "},
		{"certconfig frobnicate", `Invalid word "frobnicate"`},
	} {
		b.fails(c.line, "", c.want)
	}
	err := filepath.WalkDir(b.a.Files, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(d.Name(), "x.p12") {
			t.Errorf("%s was written", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestCertConfigDelete(t *testing.T) {
	b := newBench(t)
	b.exec(0, "certconfig new Partner cn=a.example; listenerconfig edit InboundMail certificate partner; commit force", "")
	b.fails("certconfig delete partner", "", `Certificate profile "Partner" is used by Listener InboundMail.`)
	b.fails("certconfig new PARTNER cn=b.example", "", `certificate profile "Partner" exists already`)
	out := b.script(1, "certconfig", "certificate", "delete", "1")
	contains(t, out, "1. Partner\nSelect the certificate profile you wish to delete:\n[]> ", `Certificate profile "Partner" is used by Listener InboundMail.`)
	b.exec(0, "listenerconfig edit InboundMail certificate Demo; certconfig delete PARTNER; commit -y", "")
	if len(b.running().Certificates) != 1 || b.running().Refs[config.CertificateRef("Partner")] != "" {
		t.Errorf("left over: %v %v", b.running().Certificates, b.running().Refs)
	}
}

func TestCertConfigShow(t *testing.T) {
	b, ca := newBench(t), newIssuer(t)
	key := newECKey(t)
	out := b.exec(0, "certconfig paste partner; certconfig show partner; certconfig show partner --json; certconfig list --json; clearchanges -y",
		keyPEM(t, key)+certPEM(ca.leaf(&key.PublicKey, 90), ca.certificate))
	contains(t, out, "Name: partner\nStatus: Active\nUsed by: (none)\n\nKey 1: ECDSA P-256\n 0. Leaf\n    Subject: C=DE,O=Example,CN=mx1.partner.example\n",
		"    Issuer: CN=Example Issuing CA\n", "(90 days left)\n", "    Position: right\n    Names: mx1.partner.example\n", " 1. Intermediate\n", "    Position: right\n", "Missing: ",
		`"role": "leaf"`, `"position": "right"`, `"missing": "CN=Example Root"`, `"certificates": [`, `"name": "partner"`, `"remaining_days": 90`)
	if strings.Contains(out, "PRIVATE") {
		t.Error("a private key is shown")
	}
}

func TestCertConfigAuthorities(t *testing.T) {
	b, ca := newBench(t), newIssuer(t)
	if err := os.WriteFile(filepath.Join(b.a.Files, "ca.pem"), []byte(certPEM(ca.root)), 0o600); err != nil {
		t.Fatal(err)
	}
	out := b.script(0, "certconfig", "certauthority", "custom", "enable", "import", "ca.pem", "print", "export", "out.pem", "", "system", "disable", "", "", "", "commit -y")
	contains(t, out, `
Certificate Authority Summary
Custom List: Disabled
System List: Enabled

Choose the operation you want to perform:
- CUSTOM - Manage Custom Certificate Authorities
- SYSTEM - Manage System Certificate Authorities
[]> `, "- ENABLE - ", "Custom List: Enabled\nThe list is empty", "- DISABLE - ", "1 certificate authorities imported", "1. CN=Example Root\n",
		"\"/configuration/out.pem\".", "System List: Disabled")
	exported, err := os.ReadFile(filepath.Join(b.a.Files, "out.pem"))
	if err != nil || !bytes.Contains(exported, []byte(certPEM(ca.root))) {
		t.Errorf("exported %q, %v", exported, err)
	}

	again := newBench(t)
	if err := os.WriteFile(filepath.Join(again.a.Files, "ca.pem"), []byte(certPEM(ca.root)), 0o600); err != nil {
		t.Fatal(err)
	}
	contains(t, again.exec(0, "certconfig authority custom import ca.pem; certconfig authority custom enable; certconfig authority system disable; certconfig authority custom print --json; commit -y", ""),
		"The custom list is disabled", `"subject": "CN=Example Root"`)
	if b.settings() != again.settings() || b.running().Refs[config.AuthoritiesRef] != again.running().Refs[config.AuthoritiesRef] {
		t.Error("dialogue and batch form give different lists")
	}
	b.fails("certconfig authority system import ca.pem", "", "belongs to the host system")
	b.fails("certconfig authority custom import none.pem", "", "No such file")
	if err := os.WriteFile(filepath.Join(b.a.Files, "bad.pem"), []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.fails("certconfig authority custom import bad.pem", "", `Failed to parse "bad.pem"`)
}

// Ctrl-C in the middle leaves nothing behind, not even what the command did before.
func TestCertConfigInterrupted(t *testing.T) {
	b := newBench(t)
	for _, lines := range [][]string{
		{"certconfig", "certificate", "new", "", "x", "a.example", "\x03"},
		{"certconfig", "certauthority", "custom", "enable", "import", "\x03"},
		{"certconfig", "certificate", "paste", "x", "\x03"},
	} {
		out := b.script(1, append(lines, "showchanges")...)
		if strings.Contains(out, "not committed") || strings.Contains(out, "changes,") {
			t.Errorf("%q left something behind:\n%s", lines, out)
		}
	}
}

func TestRedactPassPhrase(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"import partner mx.p12 secret", "import partner mx.p12 ..."},
		{"imp partner mx.p12 secret word", "imp partner mx.p12 ... ..."},
		{"EXPORT partner mx.p12 secret", "EXPORT partner mx.p12 ..."},
		{"new partner cn=a o=b", "new partner cn=a o=b"},
		{"import partner mx.p12", "import partner mx.p12"},
		{"acme setup terms agreed tsig name c2VjcmV0 algorithm hmac-sha256", "acme setup terms agreed tsig name ... ... ..."},
		{"ac set eab kid-1 secret", "ac set eab kid-1 ..."},
		{"acme setup eab kid-1 TSIG name", "acme setup eab kid-1 TSIG name"},
		{"acme acme setup eab kid-1 secret", "... ... ... ... ... ..."},
		{"acme setup setup eab kid-1 secret", "acme setup ... ... ... ..."},
		{"import import partner mx.p12 secret", "import import partner ... ..."},
		{"--JSON import partner mx.p12 secret", "... ... ... ... ..."},
		{"show partner secret", "show partner ..."},
	} {
		if got := strings.Join(redactPassPhrase(strings.Fields(c.line)), " "); got != c.want {
			t.Errorf("%q becomes %q, want %q", c.line, got, c.want)
		}
	}
}

// A person at a terminal never sees the key that is pasted, nor a pass phrase.
func TestCertConfigHidesSecretsAtTheTerminal(t *testing.T) {
	b, ca := newBench(t), newIssuer(t)
	key := newECKey(t)
	typed := strings.Join([]string{
		"certconfig", "certificate", "paste", "partner", block(certPEM(ca.leaf(&key.PublicKey, 90))), block(keyPEM(t, key)), "",
		"export", "partner", "mx.p12", "one", "another", "open sesame", "open sesame",
		"import", "again", "mx.p12", "wrong", "open sesame", "", "", "commit -y", "exit", "",
	}, "\r")
	screen := shell.RunTyped(t.Context(), b.opts, strings.ReplaceAll(typed, "\n", "\r"), 200, 50)
	secret := strings.Split(keyPEM(t, key), "\n")[1]
	if strings.Contains(screen, secret[10:30]) || strings.Contains(screen, "PRIVATE") || strings.Contains(screen, "sesame") {
		t.Errorf("a secret is on the screen:\n%s", screen)
	}
	contains(t, screen, "Invalid pass phrase: the two pass phrases differ", "Invalid pass phrase for \"mx.p12\"", "Changes committed: ")
	refs := b.running().Refs
	if refs[config.CertificateRef("partner")] == "" || refs[config.CertificateRef("partner")] != refs[config.CertificateRef("again")] {
		t.Errorf("profiles %v", refs)
	}
}

// A failed operation says why and the menu comes again; five wrong answers in a row end the command.
func TestCertConfigAtTheTerminal(t *testing.T) {
	b := newBench(t)
	typed := "certconfig\rcrl\r\rcertificate\rnew\r2\r\rDemo\ra/b\rx\ra.example\r\r\r\r\rDEU\rDE\r\r\r\rn\r\r\r" +
		"certconfig\rcertificate\rexport\r9\r9\r9\r9\r9\rshowchanges\rclear\r\rexit\r"
	screen := shell.RunTyped(t.Context(), b.opts, typed, 200, 50)
	contains(t, screen, "There is no source.", "S/MIME certificates are not available", `Invalid name "Demo"`,
		`Invalid name "a/b": `, `Invalid country "DEU"`, "Commit profile \"x\"", `Invalid choice "9"`, "5 wrong answers in a row", "certificates.x")
}
