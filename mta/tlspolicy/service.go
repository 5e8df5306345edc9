package tlspolicy

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"posthouse/internal/cause"
)

// Service is a server that is no mail host, such as one that logs are pushed to.
type Service struct {
	Host string // a name or an address; its certificate has to have it

	// Fingerprint is the SHA-256 of its certificate in hexadecimal digits, where it is known by that: neither authorities nor names count then.
	Fingerprint string
}

// ServiceError is why TLS with a service failed.
type ServiceError struct {
	Cause       cause.ID // empty where it is known by a fingerprint, and has another
	Reason      string   // as in mail_logs behind "TLS failed: "
	Detail      string   // which certificate, names wanted and found; empty where Reason says all
	Fingerprint string   // of the certificate that it showed; empty where it did not come to that
}

func (e *ServiceError) Error() string { return e.Reason }

// Secure does the handshake with a service over the connection. What goes wrong is a *ServiceError, also in a read later on: in
// TLS 1.3 the server refuses us only then. Where it fails for other reasons than the server's, the error is that.
func (t *Trust) Secure(ctx context.Context, conn net.Conn, s Service) (net.Conn, error) {
	c, h := t.ClientConfig(Query{Facts: Facts{Domain: s.Host, Host: s.Host, Routed: true}}, nil)
	// The settings of sslconfig are for mail.
	c.MinVersion, c.MaxVersion, c.CipherSuites, c.CurvePreferences = tls.VersionTLS12, 0, nil, nil
	c.ClientSessionCache = nil
	shown, look := "", c.VerifyConnection
	c.VerifyConnection = func(state tls.ConnectionState) error {
		if err := look(state); err != nil {
			return err
		}
		shown = fingerprintOf(state.PeerCertificates[0])
		return h.knows(s, state.PeerCertificates[0], shown)
	}
	secured := tls.Client(h.Watch(conn), c)
	err := secured.HandshakeContext(ctx)
	if err == nil {
		h.Outcome(nil)
		return &serviceConn{secured, h}, nil
	}
	if ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil, ctx.Err()
	}
	failed := serviceError(h.Outcome(err))
	failed.Fingerprint = shown
	if stranger := (*ServiceError)(nil); errors.As(err, &stranger) {
		return nil, stranger
	}
	if wrong := (*VerifyError)(nil); errors.As(err, &wrong) {
		first := wrong.Findings[0]
		failed.Cause, failed.Reason, failed.Detail = first.Cause, wrong.Error(), first.Detail
	}
	return nil, failed
}

// knows says why a certificate is not that of the service.
func (h *Handshake) knows(s Service, leaf *x509.Certificate, shown string) error {
	if s.Fingerprint != "" {
		if shown != s.Fingerprint {
			return &ServiceError{Fingerprint: shown, Reason: fmt.Sprintf("its certificate has the fingerprint %s, another one is known", shown)}
		}
		return nil
	}
	h.mu.Lock()
	fault := h.verdict.fault()
	h.mu.Unlock()
	if fault != nil {
		return &VerifyError{Findings: []Finding{*fault}}
	}
	if leaf.VerifyHostname(s.Host) == nil {
		return nil
	}
	found := namesFound(leaf)
	if _, err := netip.ParseAddr(s.Host); err == nil {
		for _, ip := range leaf.IPAddresses {
			found = append(found, ip.String())
		}
	}
	return &VerifyError{Findings: []Finding{{
		Cause: cause.V5, Fatal: true, Reason: wordsHostname, Detail: fmt.Sprintf("wanted %s, found %s", s.Host, listNames(found)),
	}}}
}

func fingerprintOf(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

func serviceError(o Outcome) *ServiceError {
	return &ServiceError{Cause: o.Cause, Reason: o.Reason, Detail: o.Offers}
}

// serviceConn is a connection that is secured.
type serviceConn struct {
	*tls.Conn
	handshake *Handshake
}

// Read is net.Conn's.
func (c *serviceConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil {
		if o, late := c.handshake.Late(err); late {
			err = serviceError(o)
		}
	}
	return n, err
}
