// Package acme obtains certificates from an authority and renews them by itself (RFC 8555, RFC 9773): the account, the
// three challenges, when to renew, when to try again, and the next key's TLSA record (RFC 7671 §8.1) before that key is
// used. It decides neither which profiles are managed nor what serves where: settings come in by Apply, finished
// profiles go out by Options.Install. The engine may import it, and commands for what they show; it imports certstore
// and leaves.
package acme

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"sync"
	"time"

	"posthouse/certstore"
	"posthouse/internal/dns"
)

// The challenges (RFC 8555 §8, RFC 8737).
const (
	HTTP01    = "http-01"
	DNS01     = "dns-01"
	TLSALPN01 = "tls-alpn-01"
)

// What a caller of RenewNow tells apart.
var (
	ErrNotManaged = errors.New("the profile is not managed by ACME")
	ErrWaiting    = errors.New("waiting for the TLSA record of the next key")
	ErrStopped    = errors.New("ACME has ended")
)

// Settings are one configuration's account and managed profiles. They are immutable once applied.
type Settings struct {
	Directory   string        // https URL
	AccountKey  crypto.Signer // see NewAccountKey
	Contact     []string      // addresses
	TermsAgreed bool
	EABKey      string // external account binding (RFC 8555 §7.3.4): the key's id; empty for none
	EABSecret   string // and the key, base64url

	Address  string // where http-01 and tls-alpn-01 are answered: an IP address, without a port
	HTTPPort int    // 0 lets the system choose
	TLSPort  int

	DNSServer     string // HOST:PORT that takes dynamic updates (RFC 2136)
	DNSZone       string // empty: found by asking for the SOA
	TSIGName      string // empty: updates are not signed (RFC 8945)
	TSIGAlgorithm string // "hmac-sha256", "hmac-sha384", "hmac-sha512"; empty: the first
	TSIGSecret    string // base64

	Profiles []Managed // in order of name
}

// Managed is a profile that is obtained and renewed by itself.
type Managed struct {
	Name      string
	Names     []string // in lower case; the first is the common name
	Challenge string
	Key       certstore.KeyKind
	Pending   bool               // nothing was obtained yet: Current is a placeholder
	Current   *certstore.Profile // in service; nil for none
}

// Options are what a Manager needs of its surroundings.
type Options struct {
	Dir  string // the state is kept here, in acme.json
	Keys Keys   // keys and certificates that are not in service yet

	// Install puts p in service under the profile's name and is back when new handshakes get it.
	Install func(ctx context.Context, profile string, p *certstore.Profile) error
	TLSA    func(ctx context.Context, name string) (dns.Answer, error) // as dns.Resolver has it
	Roots   func() *x509.CertPool                                      // who may speak for the directory over HTTPS; nil pool: the system's list
	Log     func(line string)                                          // one line of system_logs
	Alert   func(Notice)                                               // tells the operators; does not wait
	Version string                                                     // of the product, for the authority's logs; may be empty
}

// Keys keeps content under a name made from it, and forgets what is no longer wanted; safefile.Vault is one.
type Keys interface {
	certstore.Vault
	Sweep(keep map[string]bool, olderThan time.Duration) error
}

// Severity is how grave a Notice is, in the words of the alerts.
type Severity string

const (
	Critical    Severity = "Critical"
	Warning     Severity = "Warning"
	Information Severity = "Information"
)

// Notice is what operators are told of.
type Notice struct {
	Severity Severity
	Profile  string
	Subject  string // one line
	Text     string // sentences
}

// Manager obtains and renews the certificates of the settings last applied, one order at a time. Its methods may be
// called at the same time, Run once.
type Manager struct {
	opt       Options
	authority authority
	ready     *certstore.Store // obtained and not installed yet
	wake      chan struct{}    // tells Run to look again

	mu       sync.Mutex // guards what follows
	settings *Settings
	state    state
	written  []byte                  // the state on disk
	asked    map[string][]chan error // by profile: who waits in RenewNow
	ordering string                  // the profile whose order is under way
	stopped  bool
}

// New returns a manager that goes on where the one before it has ended. A state that cannot be read is left behind:
// it only costs a renewal that may come too early.
func New(o Options) (*Manager, error) {
	s, err := readState(o.Dir)
	if err != nil {
		o.Log("ACME: the state of before is not used: " + oneLine(err))
	}
	m := &Manager{
		opt: o, ready: certstore.New(o.Keys), wake: make(chan struct{}, 1),
		settings: &Settings{}, state: s, asked: map[string][]chan error{},
	}
	m.authority = &client{roots: o.Roots, version: o.Version, accounts: m}
	return m, nil
}

// Apply puts settings in force; nil is for no account and no profiles. It never waits; an order that is under way ends under the settings it began with, and
// its certificate is installed only where the profile is still managed for the same names.
func (m *Manager) Apply(s *Settings) {
	if s == nil {
		s = &Settings{}
	}
	m.mu.Lock()
	m.settings = s
	m.state.forget(s)
	m.mu.Unlock()
	m.poke()
}

// poke makes Run look again.
func (m *Manager) poke() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// RenewNow obtains a profile's certificate now, whatever the schedule says, and waits until it is in service. The error
// wraps ErrNotManaged or ErrWaiting, or says what the authority or a challenge said.
func (m *Manager) RenewNow(ctx context.Context, profile string) error {
	done := make(chan error, 1)
	m.mu.Lock()
	switch {
	case m.stopped:
		m.mu.Unlock()
		return ErrStopped
	case m.settings.managed(profile) == nil:
		m.mu.Unlock()
		return ErrNotManaged
	}
	m.asked[profile] = append(m.asked[profile], done)
	m.mu.Unlock()
	m.poke()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// managed finds a profile by its name; nil for none.
func (s *Settings) managed(name string) *Managed {
	for i := range s.Profiles {
		if s.Profiles[i].Name == name {
			return &s.Profiles[i]
		}
	}
	return nil
}
