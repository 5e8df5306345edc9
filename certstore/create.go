package certstore

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// KeyKind is a kind of private key that Create makes.
type KeyKind string

const (
	P256    KeyKind = "p256"
	P384    KeyKind = "p384"
	RSA2048 KeyKind = "rsa2048"
	RSA3072 KeyKind = "rsa3072"
	RSA4096 KeyKind = "rsa4096"
)

// Request is what a new certificate and its signing request say.
type Request struct {
	// CommonName is needed; the others may be empty. Country has two letters. Lengths are those of RFC 5280 appendix A.
	CommonName, Organization, Unit, Locality, Province, Country string

	Days int      // of the self-signed certificate; 1 to 36500
	Key  KeyKind  // empty: P256
	SANs []string // dNSNames, "*." allowed, and IP addresses; none: the common name where it is a host name
}

// Create makes a key, a self-signed certificate, which serves until the authority's answer is there, and a signing request.
// An error names the field that is wrong.
func Create(r Request) (*Profile, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	names, addresses, err := r.names()
	if err != nil {
		return nil, err
	}
	key, err := newKey(r.Key)
	if err != nil {
		return nil, err
	}
	leaf, err := selfSign(r, key, names, addresses)
	if err != nil {
		return nil, err
	}
	template := &x509.CertificateRequest{Subject: r.subject(), DNSNames: names, IPAddresses: addresses}
	csr, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		return nil, fmt.Errorf("create signing request: %w", err)
	}
	return &Profile{Pairs: []Pair{{Key: key, Chain: []*x509.Certificate{leaf}, CSR: csr}}}, nil
}

// Demo makes the profile that every appliance has from its first start: ECDSA P-256 and RSA 2048, self-signed, 10 years.
// The RSA pair is for old peers that know nothing else.
func Demo(hostname string) (*Profile, error) {
	demo := &Profile{}
	for _, kind := range []KeyKind{P256, RSA2048} {
		p, err := Create(Request{CommonName: hostname, Days: 3650, Key: kind})
		if err != nil {
			return nil, fmt.Errorf("create demo certificate: %w", err)
		}
		p.Pairs[0].CSR = nil
		demo.Pairs = append(demo.Pairs, p.Pairs...)
	}
	return demo, nil
}

func (r Request) check() error {
	for _, f := range []struct {
		name, value string
		limit       int
	}{
		{"common name", r.CommonName, 64},
		{"organization", r.Organization, 64},
		{"organizational unit", r.Unit, 64},
		{"locality", r.Locality, 128},
		{"state or province", r.Province, 128},
		{"country", r.Country, 2},
	} {
		if len(f.value) > f.limit || !printable(f.value) {
			return fmt.Errorf("%s %.100q: at most %d printable characters are allowed", f.name, f.value, f.limit)
		}
	}
	switch {
	case strings.TrimSpace(r.CommonName) == "":
		return fmt.Errorf("the common name is missing")
	case r.Country != "" && (len(r.Country) != 2 || strings.Trim(strings.ToUpper(r.Country), "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != ""):
		return fmt.Errorf("country %q: a code of 2 letters is needed", r.Country)
	case r.Days < 1 || r.Days > 36500:
		return fmt.Errorf("duration %d: 1 to 36500 days are allowed", r.Days)
	}
	return nil
}

func (r Request) subject() pkix.Name {
	name := pkix.Name{CommonName: r.CommonName}
	for _, f := range []struct {
		to    *[]string
		value string
	}{
		{&name.Country, strings.ToUpper(r.Country)}, {&name.Province, r.Province}, {&name.Locality, r.Locality},
		{&name.Organization, r.Organization}, {&name.OrganizationalUnit, r.Unit},
	} {
		if f.value != "" {
			*f.to = []string{f.value}
		}
	}
	return name
}

// names sorts the alternative names into host names and addresses.
func (r Request) names() (names []string, addresses []net.IP, err error) {
	sans := r.SANs
	if len(sans) == 0 {
		if _, _, err := parseSAN(r.CommonName); err != nil {
			return nil, nil, nil // a common name such as "Example Mail" is no host name, and that is all right
		}
		sans = []string{r.CommonName}
	}
	for _, san := range sans {
		name, address, err := parseSAN(strings.TrimSpace(san))
		switch {
		case err != nil:
			return nil, nil, fmt.Errorf("subject alternative name: %w", err)
		case address != nil:
			addresses = append(addresses, address)
		default:
			names = append(names, name)
		}
	}
	return names, addresses, nil
}

func parseSAN(san string) (name string, address net.IP, err error) {
	if addr, err := netip.ParseAddr(san); err == nil && addr.Zone() == "" {
		return "", net.IP(addr.AsSlice()), nil
	}
	rest, wildcard := strings.CutPrefix(san, "*.")
	host, err := HostName(rest)
	if err != nil {
		return "", nil, fmt.Errorf("%.300q is neither a host name nor an address", san)
	}
	if wildcard {
		host = "*." + host
	}
	return host, nil, nil
}

func newKey(kind KeyKind) (key crypto.Signer, err error) {
	switch kind {
	case "", P256:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case P384:
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case RSA2048:
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case RSA3072:
		key, err = rsa.GenerateKey(rand.Reader, 3072)
	case RSA4096:
		key, err = rsa.GenerateKey(rand.Reader, 4096)
	default:
		return nil, fmt.Errorf("key %q: %s, %s, %s, %s and %s are known", kind, P256, P384, RSA2048, RSA3072, RSA4096)
	}
	if err != nil {
		return nil, fmt.Errorf("create key: %w", err)
	}
	return key, nil
}

// selfSign makes the certificate that serves at once. It begins a little in the past, for peers whose clocks are slow.
func selfSign(r Request, key crypto.Signer, names []string, addresses []net.IP) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 126))
	if err != nil {
		return nil, fmt.Errorf("create certificate: %w", err)
	}
	now := time.Now().UTC().Truncate(time.Second)
	template := &x509.Certificate{
		SerialNumber:          serial.Add(serial, big.NewInt(1)),
		Subject:               r.subject(),
		NotBefore:             now.Add(-5 * time.Minute),
		NotAfter:              now.AddDate(0, 0, r.Days),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		DNSNames:              names,
		IPAddresses:           addresses,
	}
	if _, ok := key.(*rsa.PrivateKey); ok {
		template.KeyUsage |= x509.KeyUsageKeyEncipherment
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("create certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("create certificate: %w", err)
	}
	return leaf, nil
}

func printable(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}
