package tlspolicy

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"sync"

	"posthouse/certstore"
	"posthouse/internal/cause"
	"posthouse/internal/openssl"
)

// Incoming watches one incoming handshake.
type Incoming struct {
	server *Server
	config *tls.Config
	wire   *wire

	mu      sync.Mutex // guards what follows; crypto/tls calls back from its own goroutine
	hello   *tls.ClientHelloInfo
	state   tls.ConnectionState
	verdict verdict
	fault   *Finding // with which the client's certificate does not verify, or that there is none
}

// Accept prepares one handshake: tls.Server(in.Watch(conn), in.Config()).
func (s *Server) Accept() *Incoming {
	in := &Incoming{server: s, config: s.freshBase()}
	in.config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		in.set(func() { in.hello = hello })
		return nil, nil
	}
	in.config.VerifyConnection = in.verify
	return in
}

// verify looks at a client's certificates, in a fresh handshake and in a resumed session alike.
func (in *Incoming) verify(state tls.ConnectionState) error {
	var v verdict
	var fault *Finding
	switch {
	case in.server.client == NoClient:
	case len(state.PeerCertificates) == 0:
		fault = &Finding{Cause: cause.H11, Fatal: true, Reason: wordsNoClient}
	default:
		v = in.server.trust.examine(state.PeerCertificates, x509.ExtKeyUsageClientAuth)
		fault = v.fault()
	}
	in.set(func() { in.state, in.verdict, in.fault = state, v, fault })
	if fault != nil && in.server.client == DemandClient {
		return &VerifyError{Findings: []Finding{*fault}}
	}
	return nil
}

const wordsNoClient = "peer did not return a certificate"

func (in *Incoming) set(f func()) {
	in.mu.Lock()
	defer in.mu.Unlock()
	f()
}

// Config is what tls.Server takes for this one connection.
func (in *Incoming) Config() *tls.Config { return in.config }

// Watch wraps the connection once STARTTLS is answered. Without it the causes S7 and H4 are told apart less well.
func (in *Incoming) Watch(conn net.Conn) net.Conn {
	in.wire = &wire{Conn: conn, begun: true, written: true}
	return in.wire
}

// Outcome says what came of the handshake that returned err. It is called once.
//
// Where a client certificate was asked for, Client says what came, and Verified that it leads to an authority in force;
// where not, Cause, Number and Text say why, also of a handshake that succeeded: whether that matters is the policy's to
// say. PeerName is a verified client's subject.
func (in *Incoming) Outcome(err error) Outcome {
	in.mu.Lock()
	defer in.mu.Unlock()
	var flight []byte
	if in.wire != nil {
		flight, _ = in.wire.end(false)
	}
	o := Outcome{Begun: true, Findings: in.verdict.findings, Chain: in.verdict.chain, Client: in.clientCertificate()}
	if in.fault != nil && in.fault.Cause == cause.H11 {
		o.Findings = []Finding{*in.fault}
	}
	if err != nil {
		o.Closed, o.Reason = true, "cancelled"
		id, number, text := in.classify(err, flight)
		if o.Cause = id; id != "" {
			o.say(number, text)
		}
		o.Offers = in.offers(id)
		return o
	}
	o.Encrypted, o.Resumed = true, in.state.DidResume
	o.Protocol, o.Cipher = openssl.ProtocolName(in.state.Version), openssl.CipherName(in.state.CipherSuite)
	if in.fault != nil {
		id, number, text := in.classify(&VerifyError{Findings: []Finding{*in.fault}}, flight)
		o.Cause = id
		o.say(number, text)
	} else if o.Client != nil {
		o.Verified, o.PeerName = true, o.Client.Subject
	}
	return o
}

// clientCertificate describes what the client showed, nil for nothing.
func (in *Incoming) clientCertificate() *ClientCertificate {
	certs := in.state.PeerCertificates
	if in.server.client == NoClient || len(certs) == 0 {
		return nil
	}
	leaf := certs[0]
	c := &ClientCertificate{
		Subject: certstore.DN(leaf.Subject), CommonName: leaf.Subject.CommonName, DNSNames: leaf.DNSNames,
		Verified: in.fault == nil,
	}
	if !c.Verified {
		return c
	}
	c.Chain = in.verdict.path
	for _, authority := range c.Chain[1:] {
		c.Authorities = append(c.Authorities, certstore.DN(authority.Subject))
	}
	for _, link := range c.Chain {
		if in.server.trust.custom.holds(link) {
			c.CustomCAs = append(c.CustomCAs, link)
		}
	}
	c.Custom = len(c.CustomCAs) > 0
	return c
}
