package commands

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	"posthouse/certstore"
	"posthouse/shell"
)

// element is one certificate of a chain as show prints it.
type element struct {
	Role        string    `json:"role" doc:"leaf, intermediate, root"`
	Subject     string    `json:"subject" doc:"a distinguished name"`
	Issuer      string    `json:"issuer" doc:"a distinguished name"`
	Serial      string    `json:"serial" doc:"the serial number"`
	NotBefore   time.Time `json:"not_before" doc:"when it begins"`
	NotAfter    time.Time `json:"not_after" doc:"when it ends"`
	Key         string    `json:"key" doc:"kind and size, such as RSA 2048"`
	Signature   string    `json:"signature" doc:"the algorithm"`
	Names       []string  `json:"names" doc:"domain names and addresses"`
	Fingerprint string    `json:"sha256" doc:"the certificate's fingerprint"`
	Authority   bool      `json:"authority" doc:"it may issue others"`
	Remaining   int       `json:"remaining_days" doc:"negative once it has expired"`
	Position    string    `json:"position" doc:"right, wrong, duplicate, not needed"`
}

func elementOf(c *x509.Certificate, place int) element {
	e := element{
		Role: "intermediate", Subject: certstore.DN(c.Subject), Issuer: certstore.DN(c.Issuer), Serial: colons(c.SerialNumber.Bytes()),
		NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(), Key: keyName(c), Signature: c.SignatureAlgorithm.String(),
		Names: append([]string{}, c.DNSNames...), Fingerprint: fingerprint(c), Authority: certstore.IsAuthority(c),
		Remaining: int(time.Until(c.NotAfter).Hours()) / 24,
	}
	for _, ip := range c.IPAddresses {
		e.Names = append(e.Names, ip.String())
	}
	switch {
	case place == 0:
		e.Role = "leaf"
	case certstore.SelfSigned(c):
		e.Role = "root"
	}
	return e
}

// keyName is the kind and size of a certificate's key.
func keyName(c *x509.Certificate) string {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", key.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + key.Curve.Params().Name
	}
	return c.PublicKeyAlgorithm.String()
}

// colons writes bytes as operators compare them.
func colons(b []byte) string {
	return strings.ReplaceAll(fmt.Sprintf("% X", b), " ", ":")
}

func fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return colons(sum[:])
}

// keyReport is one key of a profile with its chain.
type keyReport struct {
	Key   string    `json:"key" doc:"kind and size, such as RSA 2048"`
	CSR   bool      `json:"csr" doc:"there is a signing request"`
	Chain []element `json:"chain" doc:"the leaf first"`
	// Missing is the issuer whose certificate is neither in the chain nor in a list of authorities; empty: none.
	Missing string   `json:"missing" doc:"an issuer that is nowhere; empty: none"`
	Notes   []string `json:"notes" doc:"what is wrong"`
}

// profileJSONWithChains is certconfig show for programs.
type profileJSONWithChains struct {
	profileReport
	Chains []keyReport `json:"chains" doc:"one for each key"`
}

// reportPair takes one key's chain apart and says what is wrong between its elements.
func (p *profiles) reportPair(pair certstore.Pair) keyReport {
	r := keyReport{Key: keyName(pair.Chain[0]), CSR: pair.CSR != nil, Notes: []string{}}
	places, missing := certstore.Places(pair.Chain, p.authorities()...)
	for i, c := range pair.Chain {
		e := elementOf(c, i)
		e.Position = string(places[i])
		r.Chain = append(r.Chain, e)
	}
	r.Missing = missing
	if _, notes, err := certstore.Assemble(pair.Key, pair.Chain, p.authorities()...); err == nil {
		r.Notes = append(r.Notes, notes...)
	}
	return r
}

// show prints a profile's chains, element by element.
func (p *profiles) show(name string) error {
	c := p.s.Candidate()
	profile, err := profileOf(p.a, c, name)
	if err != nil {
		return err
	}
	summary := p.report(c, name)
	keys := []keyReport{}
	for _, pair := range profile.Pairs {
		keys = append(keys, p.reportPair(pair))
	}
	if p.s.JSON {
		return p.s.PrintJSON(profileJSONWithChains{summary, keys})
	}
	p.s.Printf("Name: %s\nStatus: %s\nUsed by: %s\n", name, profile.Status(time.Now(), summary.Pending), orNone(strings.Join(summary.UsedBy, ", ")))
	for i, k := range keys {
		p.printChain(i+1, k)
	}
	return nil
}

func (p *profiles) printChain(n int, k keyReport) {
	request := ""
	if k.CSR {
		request = ", with a signing request"
	}
	p.s.Printf("\nKey %d: %s%s\n", n, k.Key, request)
	for i, e := range k.Chain {
		printElement(p.s, i, e)
	}
	for _, note := range k.Notes {
		p.s.Say("%s", note)
	}
}

// left says how many days a certificate has.
func left(end time.Time) string {
	if time.Now().After(end) {
		return "expired"
	}
	return remaining(time.Until(end)) + " left"
}

func printElement(s *shell.Session, place int, e element) {
	s.Printf(" %d. %s\n", place, strings.ToUpper(e.Role[:1])+e.Role[1:])
	s.Printf("    Subject: %s\n    Issuer: %s\n    Serial: %s\n", e.Subject, e.Issuer, e.Serial)
	s.Printf("    Valid: %s to %s (%s)\n    Key: %s\n    Signature: %s\n    Position: %s\n",
		stamp(e.NotBefore), stamp(e.NotAfter), left(e.NotAfter), e.Key, e.Signature, e.Position)
	if len(e.Names) > 0 {
		s.Printf("    Names: %s\n", strings.Join(e.Names, ", "))
	}
	s.Printf("    SHA-256: %s\n", e.Fingerprint)
}
