package tlspolicy

import (
	"crypto/x509"

	"posthouse/internal/cause"
)

// Revocation knows which certificates their authorities took back. It answers from what it has and never waits.
type Revocation interface {
	// Revoked looks at a chain, the leaf first and the authority in force last. V7 says that one of them is revoked, V14
	// that the list that would say so is stale or cannot be had, the empty id that nothing stands against the chain; words
	// name the certificate and the list.
	Revoked(chain []*x509.Certificate) (id cause.ID, words string)
}

// The words of OpenSSL's X509_verify_cert_error_string.
const (
	wordsRevoked = "certificate revoked"
	wordsCRL     = "unable to get certificate CRL"
)

// revocation asks about a chain that leads to an authority in force; of others there is enough to be said.
func (e *examination) revocation(path []*x509.Certificate, trusted bool) {
	if !trusted || e.trust.crl == nil {
		return
	}
	if e.usage == x509.ExtKeyUsageServerAuth && !e.trust.crlServers || e.usage == x509.ExtKeyUsageClientAuth && !e.trust.crlClients {
		return
	}
	switch id, words := e.trust.crl.Revoked(path); id {
	case "":
	case cause.V7:
		e.blame(e.certs[0], cause.V7, true, wordsRevoked, "%s", plain(words))
	default:
		e.blame(e.certs[0], id, false, wordsCRL, "%s", plain(words))
	}
}
