package mta

import (
	"context"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"posthouse/certstore"
	"posthouse/certstore/acme"
	"posthouse/certstore/crl"
	"posthouse/config"
	"posthouse/internal/dns"
	"posthouse/mta/inbound"
	"posthouse/mta/tlspolicy"
)

// world is what one configuration was made into. It is built whole before it is put in force, and never changes; with
// it come new session caches and ticket keys, so that no TLS session outlives the trust under which it was made.
type world struct {
	conf     *config.Config
	trust    *tlspolicy.Trust
	resolver dns.Caching
	roots    *x509.CertPool               // the lists of authorities in force
	servers  map[string]servers           // by listener
	profiles map[string][]tls.Certificate // certificates by profile
	lists    crl.Settings
	managed  *acme.Settings // nil where nothing is obtained by itself
}

// servers are the incoming sides of one listener: without and with asking the client for a certificate.
type servers struct{ plain, asking *tlspolicy.Server }

// build makes a world of a configuration, or says what is missing. The resolver and its cache are kept where the
// nameservers are the same.
func (e *Engine) build(before *world, conf *config.Config) (*world, error) {
	w := &world{conf: conf, servers: map[string]servers{}, profiles: map[string][]tls.Certificate{}}
	var err error
	if w.trust, err = tlspolicy.NewTrust(conf, e.opt.Certs, e.lists); err != nil {
		return nil, err
	}
	if before != nil {
		w.trust.Inherit(before.trust)
	}
	for name := range conf.Certificates {
		p, err := e.opt.Certs.Get(conf.Refs[config.CertificateRef(name)])
		if err != nil {
			return nil, fmt.Errorf("certificate profile %q: %w", name, err)
		}
		w.profiles[name] = p.TLSCertificates()
	}
	for name, l := range conf.Listeners {
		if w.servers[name], err = w.serversOf(l); err != nil {
			return nil, fmt.Errorf("listener %q: %w", name, err)
		}
	}
	if before != nil && reflect.DeepEqual(before.conf.DNS, conf.DNS) {
		w.resolver = before.resolver
	} else {
		w.resolver = e.newResolver(conf.DNS)
	}
	if err := e.trusted(w); err != nil {
		return nil, err
	}
	w.managed, err = e.managed(conf)
	return w, err
}

// serversOf makes the incoming sides of a listener.
func (w *world) serversOf(l *config.Listener) (s servers, err error) {
	o := tlspolicy.ServerOptions{
		Certificates: w.certificates(l.Certificates), Names: map[string][]tls.Certificate{},
		Client: tlspolicy.NoClient, Trust: w.trust, SSL: w.conf.SSL.Inbound,
	}
	for name, profiles := range l.ServerNames {
		o.Names[name] = w.certificates(profiles)
	}
	if s.plain, err = tlspolicy.NewServer(o); err != nil {
		return s, err
	}
	o.Client = tlspolicy.AskClient
	s.asking, err = tlspolicy.NewServer(o)
	return s, err
}

// certificates are the pairs of the profiles. The first that a client can use is taken, so those with small keys stand
// before RSA, whatever the order in which they were chosen.
func (w *world) certificates(profiles []string) (certs []tls.Certificate) {
	for _, profile := range profiles {
		certs = append(certs, w.profiles[profile]...)
	}
	slices.SortStableFunc(certs, func(a, b tls.Certificate) int { return keyRank(a) - keyRank(b) })
	return certs
}

func keyRank(c tls.Certificate) int {
	if _, ok := c.PrivateKey.(*rsa.PrivateKey); ok {
		return 1
	}
	return 0
}

// trusted loads what others than mail's peers are verified against: the lists in force as a whole.
func (e *Engine) trusted(w *world) error {
	var inForce []*x509.Certificate
	if w.conf.Authorities.System {
		_, system := certstore.System()
		inForce = append(inForce, system...)
	}
	if id := w.conf.Refs[config.AuthoritiesRef]; id != "" && w.conf.Authorities.Custom {
		custom, err := e.opt.Certs.GetAuthorities(id)
		if err != nil {
			return fmt.Errorf("custom certificate authorities: %w", err)
		}
		inForce = append(inForce, custom...)
	}
	w.roots = x509.NewCertPool()
	for _, c := range inForce {
		w.roots.AddCert(c)
	}
	w.lists.Authorities = inForce
	for _, name := range slices.Sorted(maps.Keys(w.conf.Revocation.Sources)) {
		if s := w.conf.Revocation.Sources[name]; !s.Disabled {
			w.lists.Sources = append(w.lists.Sources, crl.Source{Name: name, URL: s.URL, Interval: time.Duration(s.Interval) * time.Minute})
		}
	}
	return nil
}

// clientCertificates is what a profile offers to peers that ask for a certificate.
func (w *world) clientCertificates(profile string) ([]tls.Certificate, error) {
	certs, ok := w.profiles[profile]
	if !ok {
		return nil, fmt.Errorf("no certificate profile %q", profile)
	}
	return certs, nil
}

func (e *Engine) newResolver(conf config.DNS) dns.Caching {
	var servers []dns.Server
	for _, s := range conf.Servers {
		servers = append(servers, dns.Server(s))
	}
	return dns.New(servers, e.resolved)
}

// incoming prepares the next handshake on a listener.
func (e *Engine) incoming(listener string, askClient bool) (inbound.Handshake, error) {
	s, ok := e.live.Load().servers[listener]
	if !ok {
		return nil, fmt.Errorf("listener %q is gone", listener)
	}
	if askClient {
		return s.asking.Accept(), nil
	}
	return s.plain.Accept(), nil
}

// resolver asks the nameservers of the configuration in force, whenever it is asked.
type resolver struct{ e *Engine }

func (r resolver) now() dns.Resolver { return r.e.live.Load().resolver }

// MX is dns.Resolver's.
func (r resolver) MX(ctx context.Context, domain string) ([]dns.MX, error) {
	return r.now().MX(ctx, domain)
}

// Addresses is dns.Resolver's.
func (r resolver) Addresses(ctx context.Context, host string) ([]dns.Addr, error) {
	return r.now().Addresses(ctx, host)
}

// Reverse is dns.Resolver's.
func (r resolver) Reverse(ctx context.Context, addr netip.Addr) ([]string, error) {
	return r.now().Reverse(ctx, addr)
}

// Query is dns.Resolver's.
func (r resolver) Query(ctx context.Context, name, qtype string) ([]dns.Record, error) {
	return r.now().Query(ctx, name, qtype)
}

// TLSA is dns.Resolver's.
func (r resolver) TLSA(ctx context.Context, name string) (dns.Answer, error) {
	return r.now().TLSA(ctx, name)
}

// Answering is dns.Resolver's.
func (r resolver) Answering(addr netip.Addr) bool { return r.now().Answering(addr) }

// Text is dns.Resolver's.
func (r resolver) Text(ctx context.Context, name string) ([]string, error) {
	return r.now().Text(ctx, name)
}

// newListener makes a listener that goes by the configuration in force.
func (e *Engine) newListener(name string) *inbound.Listener {
	o := inbound.Options{
		Name: name, Config: e.config, TLS: e.incoming, Spool: inbound.Store(e.spool), Sink: e.work, Names: resolver{e},
		Log: e.opt.Log, System: e.opt.System, ICID: e.icid.Next, Counters: e.injected,
		Ended: e.metrics.Incoming,
	}
	if e.opt.Logs != nil {
		o.Tap = e.tapIn
	}
	return inbound.New(o)
}

// change is a configuration that is prepared: everything that can fail has been done.
type change struct {
	e       *Engine
	world   *world
	sockets map[string]*socket
	lists   *crl.Change
}

// Prepare loads the certificates and opens the ports of a configuration, and changes nothing yet. Until Commit or
// Abort no other change can be prepared and no listener suspended or resumed.
func (e *Engine) Prepare(_ context.Context, _, next *config.Config) (config.Prepared, error) {
	w, err := e.build(e.live.Load(), next)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	sockets, err := e.prepareSockets(next)
	if err != nil {
		e.mu.Unlock()
		return nil, err
	}
	return &change{e, w, sockets, e.lists.Prepare(w.lists)}, nil
}

// Commit puts the prepared configuration in force: new connections, handshakes and delivery attempts go by it.
func (c *change) Commit() {
	c.lists.Commit()
	c.e.live.Store(c.world)
	c.e.adopt(c.sockets)
	c.e.mu.Unlock()
	c.e.acme.Apply(c.world.managed)
	c.e.deliver.Committed()
	select {
	case c.e.committed <- struct{}{}:
	default: // it is about to be looked at already
	}
}

// Abort gives back what was prepared.
func (c *change) Abort() {
	c.lists.Abort()
	c.e.drop(c.sockets)
	c.e.mu.Unlock()
}

// Addresses is where each listener that is not suspended is bound.
func (e *Engine) Addresses() map[string][]string {
	e.mu.Lock()
	defer e.mu.Unlock()
	bound := map[string][]string{}
	for name, s := range e.sockets {
		bound[name] = []string{s.Addr().(*net.TCPAddr).String()}
	}
	return bound
}
