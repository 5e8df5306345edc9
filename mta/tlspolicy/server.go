package tlspolicy

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"posthouse/certstore"
	"posthouse/config"
)

// ClientMode is what a listener wants of its clients' certificates.
type ClientMode int

const (
	NoClient     ClientMode = iota // none is asked for
	AskClient                      // one is asked for; the handshake succeeds whatever comes, and Outcome.Client says what
	DemandClient                   // a handshake without one that verifies fails (H11)
)

// ServerOptions are what a listener offers.
type ServerOptions struct {
	Certificates []tls.Certificate            // in the order of preference; ECDSA and RSA may stand side by side
	Names        map[string][]tls.Certificate // for clients that ask for one of these names; "*.example.com" is for one label
	Client       ClientMode
	Trust        *Trust
	SSL          config.SSLService // empty: as on a new appliance
}

// Server is the incoming side for one listener and one of its policies. It is made anew for every commit, and with it
// the keys of the session tickets, so that no session outlives the trust under which it was made.
type Server struct {
	base   *tls.Config
	certs  []tls.Certificate
	names  map[string][]tls.Certificate
	client ClientMode
	trust  *Trust
	speaks settings

	mu      sync.Mutex // guards what follows
	keys    [][32]byte // of tickets; the first makes them, all read them
	renewed time.Time
}

// ticketKeyLife is how long one key makes tickets. It reads them as long again; crypto/tls does the same by itself for
// a configuration that is not cloned.
const ticketKeyLife = 24 * time.Hour

// NewServer returns the incoming side of a listener. An error says what of the settings cannot be spoken.
func NewServer(o ServerOptions) (*Server, error) {
	speaks, err := compile(o.SSL)
	if err != nil {
		return nil, fmt.Errorf("inbound: %w", err)
	}
	s := &Server{certs: withLeaves(o.Certificates), names: map[string][]tls.Certificate{}, client: o.Client, trust: o.Trust, speaks: speaks}
	for name, certs := range o.Names {
		s.names[strings.ToLower(strings.TrimSuffix(name, "."))] = withLeaves(certs)
	}
	s.base = &tls.Config{Certificates: s.certs, GetCertificate: s.certificate, ClientAuth: tls.NoClientCert}
	if o.Client != NoClient {
		// A certificate that is missing or bad is found in VerifyConnection, which is called for resumed sessions too and
		// can say why.
		s.base.ClientAuth = tls.RequestClientCert
	}
	s.speaks.suites = s.fitting(speaks.suites)
	s.speaks.apply(s.base)
	return s, nil
}

// fitting leaves out the suites that encrypt to the certificate's own key where no certificate permits that: clients have
// to refuse them then (RFC 5246 §7.4.2).
func (s *Server) fitting(suites []uint16) []uint16 {
	if slices.ContainsFunc(s.certs, enciphers) {
		return suites
	}
	for _, certs := range s.names {
		if slices.ContainsFunc(certs, enciphers) {
			return suites
		}
	}
	return slices.DeleteFunc(slices.Clone(suites), func(id uint16) bool {
		return strings.HasPrefix(tls.CipherSuiteName(id), "TLS_RSA_WITH_")
	})
}

// enciphers says whether an RSA certificate may be encrypted to; one without a key usage may be used for everything.
func enciphers(c tls.Certificate) bool {
	leaf := leafOf(c)
	return isRSA(c) && (leaf.KeyUsage == 0 || leaf.KeyUsage&x509.KeyUsageKeyEncipherment != 0)
}

// withLeaves parses every leaf once, where crypto/tls would do it in each handshake.
func withLeaves(certs []tls.Certificate) []tls.Certificate {
	certs = slices.Clone(certs)
	for i, c := range certs {
		if c.Leaf == nil && len(c.Certificate) > 0 {
			certs[i].Leaf, _ = x509.ParseCertificate(c.Certificate[0])
		}
	}
	return certs
}

// errNoCertificate ends the handshakes of a listener that has none.
var errNoCertificate = errors.New("no certificate is configured")

// certificate chooses by the name that the client asks for, then by what it can check. A name that nobody has gets the
// listener's own: many mail servers ask for whatever name the MX record has, and are content with any certificate.
func (s *Server) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	certs := s.named(hello.ServerName)
	if len(certs) == 0 {
		return nil, errNoCertificate
	}
	if len(certs) == 1 {
		return &certs[0], nil
	}
	anyName := *hello
	anyName.ServerName = ""
	for i := range certs {
		if anyName.SupportsCertificate(&certs[i]) == nil {
			return &certs[i], nil
		}
	}
	return &certs[0], nil
}

// named are the certificates for the name, exactly or with a wildcard for its first label.
func (s *Server) named(name string) []tls.Certificate {
	if len(s.names) == 0 || name == "" {
		return s.certs
	}
	host, err := certstore.HostName(name)
	if err != nil {
		return s.certs
	}
	if certs := s.names[host]; len(certs) > 0 {
		return certs
	}
	if _, parent, ok := strings.Cut(host, "."); ok {
		if certs := s.names["*."+parent]; len(certs) > 0 {
			return certs
		}
	}
	return s.certs
}

// freshBase is a copy of the configuration with ticket keys that are shared by all connections and renewed in time.
func (s *Server) freshBase() *tls.Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.Sub(s.renewed) > ticketKeyLife {
		var key [32]byte
		rand.Read(key[:]) // never fails
		s.keys = append([][32]byte{key}, s.keys[:min(len(s.keys), 1)]...)
		s.renewed = now
		s.base.SetSessionTicketKeys(s.keys)
	}
	return s.base.Clone()
}
