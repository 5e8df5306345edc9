package certstore

import (
	"crypto/x509"
	"fmt"
	"os"
	"slices"
	"time"
)

// ParseAuthorities reads a list of authorities, in the forms that ParsePEMChain reads. The notes name duplicates, which
// are left out, and certificates that have expired or are no authority: such a one is trusted for itself alone.
func ParseAuthorities(data []byte) ([]*x509.Certificate, []string, error) {
	certs, err := ParsePEMChain(data)
	if err != nil {
		return nil, nil, err
	}
	list, notes := distinct(certs)
	now := time.Now()
	for _, c := range list {
		if !IsAuthority(c) {
			notes = append(notes, fmt.Sprintf("No authority, trusted for itself alone: %s.", DN(c.Subject)))
		}
		if now.After(c.NotAfter) {
			notes = append(notes, fmt.Sprintf("Expired on %s: %s.", c.NotAfter.UTC().Format(time.DateOnly), DN(c.Subject)))
		}
	}
	return list, notes, nil
}

// IsAuthority reports whether the certificate may issue others. Roots older than version 3 say nothing of it and may.
func IsAuthority(c *x509.Certificate) bool {
	if c.Version < 3 {
		return SelfSigned(c)
	}
	return c.BasicConstraintsValid && c.IsCA && (c.KeyUsage == 0 || c.KeyUsage&x509.KeyUsageCertSign != 0)
}

// InBoth names the authorities of list that are in the system's as well: there they are trusted without being imported.
func InBoth(list, system []*x509.Certificate) (notes []string) {
	for _, c := range list {
		if slices.ContainsFunc(system, c.Equal) {
			notes = append(notes, fmt.Sprintf("In the system list as well: %s.", DN(c.Subject)))
		}
	}
	return notes
}

// System returns the host system's list of authorities, as a pool and one by one in the order of its file. Both are
// empty where the host has none. The certificates are shared by nobody else.
func System() (*x509.CertPool, []*x509.Certificate) {
	pool := x509.NewCertPool()
	list := readSystem()
	for _, c := range list {
		pool.AddCert(c)
	}
	return pool, list
}

// readSystem reads the first of the files in which the distributions keep their list. A block that cannot be read is
// passed over: one odd root in the host's list is no reason to trust none.
func readSystem() []*x509.Certificate {
	for _, file := range []string{
		os.Getenv("SSL_CERT_FILE"),
		"/etc/ssl/certs/ca-certificates.crt",
		"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
		"/etc/pki/tls/certs/ca-bundle.crt",
		"/etc/ssl/ca-bundle.pem",
		"/etc/ssl/cert.pem",
	} {
		if file == "" {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if list := tolerant(data); len(list) > 0 {
			return list
		}
	}
	return nil
}

func tolerant(data []byte) (list []*x509.Certificate) {
	blocks, _ := splitPEM(data)
	for _, block := range blocks {
		if c, err := x509.ParseCertificate(block.Bytes); err == nil && block.Type == pemCertificate {
			list = append(list, c)
		}
	}
	once, _ := distinct(list)
	return once
}
