package tlspolicy

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"

	"posthouse/internal/cause"
)

// classify says why an incoming handshake failed, and how OpenSSL says it; the empty cause where we ended it.
func (in *Incoming) classify(err error, flight []byte) (cause.ID, int, string) {
	if alert, ok := peerAlert(err, flight); ok {
		number, text := spell(alertPhrase(alert))
		return incomingAlert(alert), number, text
	}
	id := in.cause(err, flight)
	var verify *VerifyError
	p, ok := phraseOf(id, true)
	switch {
	case errors.As(err, &verify) && verify.Findings[0].Cause != cause.H11:
		p = phrase{clientCert, 134, "certificate verify failed"}
	case id == cause.H3 && isHTTP(flight):
		p = phrase{clientFirst, 156, "http request"}
	case !ok:
		number, text := OpenSSLError(err)
		return id, number, text
	}
	number, text := spell(p)
	return id, number, text
}

func (in *Incoming) cause(err error, flight []byte) cause.ID {
	var verify *VerifyError
	hello := in.hello
	switch {
	case isOurs(err):
		return ""
	case errors.As(err, &verify):
		return cause.H11
	case isTimeout(err):
		return cause.H5
	case isClosed(err) && (hello != nil || len(flight) > 0):
		return cause.H4
	case isClosed(err):
		return cause.S7
	case isFirstHeaderError(err) && isSSLv2(flight):
		return cause.H2
	case isFirstHeaderError(err):
		return cause.H3
	case hello == nil:
		return cause.H13
	}
	if id := in.server.nothingInCommon(hello); id != "" {
		return id
	}
	// Everything was agreed upon. crypto/tls says only in words that a certificate was demanded and none came, or one
	// that it cannot read; what else fails so late is a broken client.
	if _, local := localAlert(err); in.server.client == DemandClient && !local && len(in.state.PeerCertificates) == 0 {
		return cause.H11
	}
	// What is left after a client's certificate was looked at is its signature (RFC 8446 §4.4.3).
	if in.server.client != NoClient && len(in.state.PeerCertificates) > 0 && !in.state.DidResume {
		return cause.H10
	}
	return cause.H13
}

// incomingAlert is the cause of a client's alert: it refuses our certificate, or our choice.
func incomingAlert(alert int) cause.ID {
	switch {
	case alert >= 42 && alert <= 46, alert == 48:
		return cause.H8
	case alert == 70:
		return cause.H2
	case alert == 71:
		return cause.H1
	}
	return cause.H13
}

// nothingInCommon compares what the client offers with what we take, set by set.
func (s *Server) nothingInCommon(hello *tls.ClientHelloInfo) cause.ID {
	anyName := *hello
	anyName.ServerName = ""
	certs := s.named(hello.ServerName)
	switch {
	case !slices.ContainsFunc(hello.SupportedVersions, s.speaks.speaks):
		return cause.H2
	case onlyAnonymous(hello.CipherSuites):
		return cause.H6
	case !s.suiteInCommon(hello, certs):
		return cause.H1
	case len(hello.SupportedCurves) > 0 && !slices.ContainsFunc(hello.SupportedCurves, func(c tls.CurveID) bool { return knownCurve(uint16(c)) }):
		return cause.H7
	case len(certs) > 0 && !slices.ContainsFunc(certs, func(c tls.Certificate) bool { return anyName.SupportsCertificate(&c) == nil }):
		return cause.H7
	}
	return ""
}

// onlyAnonymous reports whether a client offers suites without certificates and no others.
func onlyAnonymous(suites []uint16) bool {
	found := false
	for _, id := range suites {
		if isSignal(id) {
			continue
		}
		if !anonymous(id) {
			return false
		}
		found = true
	}
	return found
}

// suiteInCommon asks for a suite of a version that both speak and for which we have a certificate's key.
func (s *Server) suiteInCommon(hello *tls.ClientHelloInfo, certs []tls.Certificate) bool {
	return slices.ContainsFunc(hello.CipherSuites, func(id uint16) bool {
		if !s.speaks.takes(id) {
			return false
		}
		if isTLS13(id) { // which says nothing of keys
			return slices.Contains(hello.SupportedVersions, tls.VersionTLS13)
		}
		return len(certs) == 0 || slices.ContainsFunc(certs, func(c tls.Certificate) bool { return isRSA(c) != needsECDSA(id) })
	})
}

func isRSA(c tls.Certificate) bool {
	leaf := leafOf(c)
	return leaf != nil && leaf.PublicKeyAlgorithm == x509.RSA
}

// isSSLv2 reports whether a client says hello in the form of SSL 2, as very old ones do even for TLS (RFC 5246 appendix E.2).
func isSSLv2(flight []byte) bool {
	return len(flight) > 2 && flight[0]&0x80 != 0 && flight[2] == messageClientHello
}

// isHTTP reports whether a client speaks HTTP, as scanners of port 25 do.
func isHTTP(flight []byte) bool {
	for _, verb := range []string{"GET ", "POST", "HEAD", "PUT ", "OPTI"} {
		if len(flight) >= 4 && string(flight[:4]) == verb {
			return true
		}
	}
	return false
}
