package certstore

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"time"
)

var errTODO = errors.New("not yet")

// Put keeps the profile and returns the id of its content.
func (s *Store) Put(p *Profile) (id string, err error) { return "", errTODO }

// Get returns the profile with the id.
func (s *Store) Get(id string) (*Profile, error) { return nil, errTODO }

// PutAuthorities keeps a list of authorities and returns the id of its content.
func (s *Store) PutAuthorities(list []*x509.Certificate) (id string, err error) { return "", errTODO }

// GetAuthorities returns the list with the id.
func (s *Store) GetAuthorities(id string) ([]*x509.Certificate, error) { return nil, errTODO }

// Leaf is the first pair's leaf.
func (p *Profile) Leaf() *x509.Certificate { return nil }

// CommonName is the leaf's common name, or its first dNSName where it has none.
func (p *Profile) CommonName() string { return "" }

// Issuer is the common name of the leaf's issuer, or its organization where it has none.
func (p *Profile) Issuer() string { return "" }

// NotAfter is the earliest end of validity among the leaves.
func (p *Profile) NotAfter() time.Time { return time.Time{} }

// The values of Status.
const (
	StatusActive      = "Active"
	StatusExpiring    = "Expiring" // 30 days or fewer are left
	StatusExpired     = "Expired"
	StatusPending     = "Pending" // waits for the answer to its signing request
	StatusNotYetValid = "Not yet valid"
)

// Status says how the profile stands at now.
func (p *Profile) Status(now time.Time, pending bool) string { return "" }

// TLSCertificates returns the pairs as crypto/tls wants them, ECDSA first.
func (p *Profile) TLSCertificates() []tls.Certificate { return nil }

// Covers reports whether the leaf names the host.
func (p *Profile) Covers(host string) bool { return false }

// CSR returns the signing request of the first pair that has one, as PEM; nil for none.
func (p *Profile) CSR() []byte { return nil }

// Intermediates returns what stands behind the first pair's leaf.
func (p *Profile) Intermediates() []*x509.Certificate { return nil }

// Update replaces the leaf by the authority's answer, which must belong to a key of the profile, else ErrWrongKey.
// With keepIntermediates the present intermediates stay where they fit. The notes name what was recognised.
func (p *Profile) Update(certs []*x509.Certificate, keepIntermediates bool) (*Profile, []string, error) {
	return nil, nil, errTODO
}

// AddIntermediates returns the profile with further intermediates, in order, and the notes.
func (p *Profile) AddIntermediates(certs []*x509.Certificate) (*Profile, []string, error) {
	return nil, nil, errTODO
}

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
	CommonName, Organization, Unit, Locality, Province, Country string

	Days int      // of the self-signed certificate; 1 to 36500
	Key  KeyKind  // empty: P256
	SANs []string // dNSNames or IP addresses; none: the common name where it is a host name
}

// Create makes a key, a self-signed certificate and a signing request.
func Create(r Request) (*Profile, error) { return nil, errTODO }

// Demo makes the profile that every appliance has from its first start: ECDSA P-256 and RSA 2048, self-signed, 10 years.
func Demo(hostname string) (*Profile, error) { return nil, errTODO }

// ParsePEMChain reads every certificate in data: PEM with anything around it, a PKCS#7 bundle, or DER.
func ParsePEMChain(data []byte) ([]*x509.Certificate, error) { return nil, errTODO }

// ParseKey reads the private key in data: PKCS#8, PKCS#1 or SEC1, PEM or DER. An encrypted one is ErrEncrypted.
func ParseKey(data []byte) (crypto.Signer, error) { return nil, errTODO }

// Assemble makes a profile of a key and certificates in any order. The notes name duplicate, unneeded, disordered and
// missing certificates.
func Assemble(key crypto.Signer, certs []*x509.Certificate) (*Profile, []string, error) {
	return nil, nil, errTODO
}

// ImportPKCS12 reads a PKCS#12 file of old or new encryption. Errors: ErrPassphrase, ErrParse.
func ImportPKCS12(data []byte, pass string) (*Profile, []string, error) { return nil, nil, errTODO }

// ExportPKCS12 writes the profile's first pair as PKCS#12 with AES-256 and PBKDF2.
func ExportPKCS12(p *Profile, pass string) ([]byte, error) { return nil, errTODO }

// DN writes a name as operators read it: "C=DE,O=Example,CN=mx1.partner.example".
func DN(name pkix.Name) string { return "" }

// ParseAuthorities reads a list of authorities. The notes name duplicates and certificates that are no authority.
func ParseAuthorities(data []byte) ([]*x509.Certificate, []string, error) { return nil, nil, errTODO }

// EncodePEM writes certificates as PEM.
func EncodePEM(certs []*x509.Certificate) []byte { return nil }

// System returns the host system's list of authorities.
func System() (*x509.CertPool, []*x509.Certificate) { return nil, nil }
