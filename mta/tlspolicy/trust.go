package tlspolicy

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"posthouse/certstore"
	"posthouse/config"
)

// customAuthorities is the path of the setting whose content is the custom list.
const customAuthorities = "certificate_authorities.custom"

// Trust is what peers are verified against: the lists in force. It is made anew for every commit, and with it the
// session cache, so that no session outlives the trust under which it was made; sessions are checked again besides.
// Its methods may be called at the same time.
type Trust struct {
	pool     *x509.CertPool
	inForce  list
	others   list // known, and switched off
	sessions tls.ClientSessionCache
	now      func() time.Time
	speaks   settings  // with servers
	youngest time.Time // when the newest authority in force begins to be valid: no right clock is before it
	custom   list      // the custom list, where it is in force

	crl                    Revocation // nil: none
	crlServers, crlClients bool       // whose certificates are looked up

	mu      sync.Mutex           // guards what follows
	issuers list                 // intermediates of chains that verified; with them a missing one is told from a strange one
	small   map[string]time.Time // hosts that fail at a large ClientHello, and until when that is believed
}

// list finds certificates by the name of their subject.
type list map[string][]*x509.Certificate

func newList(certs []*x509.Certificate) list {
	l := list{}
	for _, c := range certs {
		l.add(c)
	}
	return l
}

func (l list) add(c *x509.Certificate) {
	l[string(c.RawSubject)] = append(l[string(c.RawSubject)], c)
}

func (l list) holds(c *x509.Certificate) bool {
	for _, have := range l[string(c.RawSubject)] {
		if have.Equal(c) {
			return true
		}
	}
	return false
}

// issuer returns the list's certificate that issued c, nil for none.
func (l list) issuer(c *x509.Certificate) *x509.Certificate {
	for _, have := range l[string(c.RawIssuer)] {
		if certstore.Issued(have, c) {
			return have
		}
	}
	return nil
}

// NewTrust loads the lists that the configuration puts in force. crl is asked about revoked certificates where the
// configuration wants it, and may be nil.
func NewTrust(c *config.Config, certs *certstore.Store, crl Revocation) (*Trust, error) {
	speaks, err := compile(c.SSL.Outbound)
	if err != nil {
		return nil, fmt.Errorf("outbound: %w", err)
	}
	_, system := certstore.System()
	var custom []*x509.Certificate
	if id := c.Refs[customAuthorities]; id != "" {
		if custom, err = certs.GetAuthorities(id); err != nil {
			return nil, fmt.Errorf("custom certificate authorities: %w", err)
		}
	}
	var inForce, others []*x509.Certificate
	for _, l := range []struct {
		on    bool
		certs []*x509.Certificate
	}{{c.Authorities.System, system}, {c.Authorities.Custom, custom}} {
		if l.on {
			inForce = append(inForce, l.certs...)
		} else {
			others = append(others, l.certs...)
		}
	}
	t := trustIn(speaks, inForce, others)
	t.crl, t.crlServers, t.crlClients = crl, c.Revocation.Outbound, c.Revocation.Inbound
	if c.Authorities.Custom {
		t.custom = newList(custom)
	}
	return t, nil
}

// trustIn makes a Trust of the authorities in force, and those that are known and not in force.
func trustIn(speaks settings, inForce, others []*x509.Certificate) *Trust {
	t := &Trust{
		speaks:   speaks,
		pool:     x509.NewCertPool(),
		inForce:  newList(inForce),
		others:   newList(others),
		sessions: tls.NewLRUClientSessionCache(1000),
		now:      time.Now,
		issuers:  list{},
		small:    map[string]time.Time{},
	}
	for _, c := range inForce {
		t.pool.AddCert(c)
		if c.NotBefore.After(t.youngest) {
			t.youngest = c.NotBefore
		}
	}
	return t
}

const maxRemembered = 2000 // issuers and hosts each; the world's mail servers have a few hundred issuers

// learn remembers the intermediates of a chain that verified.
func (t *Trust) learn(intermediates []*x509.Certificate) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range intermediates {
		if len(t.issuers) < maxRemembered && !t.issuers.holds(c) {
			t.issuers.add(c)
		}
	}
}

// learnt returns the remembered issuer of c, nil for none.
func (t *Trust) learnt(c *x509.Certificate) *x509.Certificate {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.issuers.issuer(c)
}

// Inherit takes over what old learnt of issuers and of hosts that need a small ClientHello. It explains failures and
// trusts nobody, so it may outlive a commit.
func (t *Trust) Inherit(old *Trust) {
	if old == nil || old == t {
		return
	}
	old.mu.Lock()
	issuers, small := slices.Concat(slices.Collect(maps.Values(old.issuers))...), maps.Clone(old.small)
	old.mu.Unlock()
	t.learn(issuers)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.small = small
}

// smallFor is how long a host is spared the large ClientHello before it is offered again.
const smallFor = 24 * time.Hour

func (t *Trust) rememberSmall(host string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.small) >= maxRemembered {
		clear(t.small)
	}
	t.small[host] = t.now().Add(smallFor)
}

func (t *Trust) needsSmall(host string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.now().Before(t.small[host])
}

// sessionCache is the part of the trust's sessions that one decision may use: a session made for another domain, host
// or level proves nothing here. It belongs to one connection.
type sessionCache struct {
	all      tls.ClientSessionCache
	decision string

	mu   sync.Mutex // guards what follows
	key  string     // under which crypto/tls looked for a session
	over bool       // nothing of this connection is to be resumed
}

func (t *Trust) sessionsFor(q Query) *sessionCache {
	return &sessionCache{all: t.sessions, decision: q.sessionKey()}
}

// Get and Put add the decision to crypto/tls's key, which is the server's name or address.
func (c *sessionCache) Get(key string) (*tls.ClientSessionState, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.key = c.decision + key
	return c.all.Get(c.key)
}

func (c *sessionCache) Put(key string, session *tls.ClientSessionState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		c.all.Put(c.decision+key, session)
	}
}

// forget takes the connection's session back: a peer that refused us afterwards is asked anew, so that the next try sees
// all that this one saw.
func (c *sessionCache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	if c.key != "" {
		c.all.Put(c.key, nil)
	}
}
