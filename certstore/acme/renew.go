package acme

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"posthouse/certstore"
)

// authority is what the manager asks of a certificate authority; client is one.
type authority interface {
	// order obtains a certificate for the names: the chain, leaf first. replaces is the certificate that it follows, or nil.
	order(ctx context.Context, s *Settings, o order) ([]*x509.Certificate, error)
	// advice says when to renew a certificate; an error where it cannot or does not.
	advice(ctx context.Context, s *Settings, leaf *x509.Certificate) (advice, error)
}

// order is one certificate that is asked for.
type order struct {
	names     []string
	challenge string
	key       crypto.Signer
	replaces  *x509.Certificate // which this authority has issued (RFC 9773 §5)
}

// renew obtains a certificate, or takes the one that could not be installed before, and puts it in service.
func (m *Manager) renew(ctx context.Context, s *Settings, p *Managed, w *progress) error {
	if ready := m.obtained(p, w); ready != nil {
		return m.install(ctx, p, w, ready)
	}
	key, err := m.chooseKey(ctx, p, w)
	if err != nil {
		return err
	}
	w.Tried = time.Now()
	o := order{names: p.Names, challenge: p.Challenge, key: key}
	// After a failure the order goes without: authorities refuse a predecessor that they do not take for one.
	if w.Schedule.Directory == s.Directory && !p.incomplete() && w.Failures == 0 {
		o.replaces = p.Current.Leaf()
	}
	chain, err := m.authority.order(ctx, s, o)
	if err != nil {
		return err
	}
	fresh, err := assemble(o, chain)
	if err != nil {
		return fmt.Errorf("the authority's certificate: %w", err)
	}
	w.Hasty = time.Since(w.Got) < 2*leastService(fresh.Leaf()) && sameNames(w.GotNames, p.Names)
	w.Got, w.GotNames = time.Now(), p.Names
	if w.Obtained, err = m.ready.Put(fresh); err != nil {
		return err
	}
	m.keep(p.Name, w)
	return m.install(ctx, p, w, fresh)
}

// assemble puts key and chain together, where the certificate is the one that was asked for.
func assemble(o order, chain []*x509.Certificate) (*certstore.Profile, error) {
	p, _, err := certstore.Assemble(o.key, chain)
	if err != nil {
		return nil, err
	}
	leaf := p.Leaf()
	for _, name := range o.names {
		if !slices.Contains(leaf.DNSNames, name) {
			return nil, fmt.Errorf("it is not for %q", name)
		}
	}
	if !leaf.NotAfter.After(time.Now()) {
		return nil, fmt.Errorf("it has expired at %s", stamp(leaf.NotAfter))
	}
	return p, nil
}

// obtained is a certificate that was obtained and could not be put in service yet, and still fits; nil for none. So a
// disk that is full for an hour does not spend the authority's limits.
func (m *Manager) obtained(p *Managed, w *progress) *certstore.Profile {
	if w.Obtained == "" {
		return nil
	}
	ready, err := m.ready.Get(w.Obtained)
	w.Obtained = ""
	if err != nil {
		return nil
	}
	leaf := ready.Leaf()
	if p.Current != nil && p.Current.Leaf().Equal(leaf) && !p.Pending {
		return nil // it was put in service by a process that ended before it could say so
	}
	if !sameNames(w.GotNames, p.Names) || time.Until(leaf.NotAfter) < life(leaf)/2 {
		return nil
	}
	return ready
}

// install puts a certificate in service, unless the profile is no longer managed for the same names.
func (m *Manager) install(ctx context.Context, p *Managed, w *progress, fresh *certstore.Profile) error {
	m.mu.Lock()
	now := m.settings.managed(p.Name)
	m.mu.Unlock()
	if now == nil || !sameNames(now.Names, p.Names) {
		w.Obtained = ""
		return errors.New("the profile was changed while its certificate was obtained")
	}
	id, err := m.ready.Put(fresh)
	if err != nil {
		return err
	}
	w.Obtained = id
	if err := m.opt.Install(ctx, p.Name, fresh); err != nil {
		return fmt.Errorf("put in service: %w", err)
	}
	w.Obtained = ""
	if w.Next != nil && isNext(w.Next, fresh) {
		w.Next = nil
	}
	m.inService(p.Name, fresh)
	m.tellIssued(p, fresh)
	return nil
}

// inService notes what was installed, for the time until Apply brings it too.
func (m *Manager) inService(profile string, fresh *certstore.Profile) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := *m.settings
	s.Profiles = slices.Clone(s.Profiles)
	if p := s.managed(profile); p != nil {
		p.Current, p.Pending = fresh, false
	}
	m.settings = &s
}

func (m *Manager) tellIssued(p *Managed, fresh *certstore.Profile) {
	text := fmt.Sprintf("certificate for %s issued by %s, valid until %s, is in service",
		strings.Join(p.Names, ", "), fresh.Issuer(), stamp(fresh.NotAfter()))
	m.log(p.Name, "%s", text)
	m.opt.Alert(Notice{
		Severity: Information, Profile: p.Name,
		Subject: fmt.Sprintf("Certificate profile \"%s\" was renewed", p.Name),
		Text:    fmt.Sprintf("The %s.", text),
	})
}

// conclude notes how an attempt has ended.
func (m *Manager) conclude(p *Managed, w *progress, err error) {
	switch {
	case err == nil:
		w.Failures, w.Error, w.Waiting = 0, "", false
		w.Retry, w.Hold, w.Look = time.Time{}, time.Time{}, time.Time{}
	case errors.Is(err, ErrWaiting):
		w.Waiting, w.Failures, w.Error, w.Retry = true, 0, "", time.Time{}
		w.Hold = w.Look
	default:
		m.fail(p, w, err)
	}
	m.keep(p.Name, w)
	m.sweep()
}

// fail notes a failure, says so and chooses when to try again.
func (m *Manager) fail(p *Managed, w *progress, err error) {
	now := time.Now()
	w.Failures++
	w.Error = oneLine(err)
	w.Retry = now.Add(backoff(w.Failures))
	m.log(p.Name, "no certificate for %s by %s: %s; failures in a row: %d, next try %s",
		strings.Join(p.Names, ", "), p.Challenge, w.Error, w.Failures, stamp(w.Retry))
	n := Notice{
		Severity: Warning, Profile: p.Name,
		Subject: fmt.Sprintf("Certificate profile \"%s\" cannot be renewed", p.Name),
		Text: fmt.Sprintf("No certificate for %s was obtained by %s: %s. Failures in a row: %d. The next try is at %s.",
			strings.Join(p.Names, ", "), p.Challenge, w.Error, w.Failures, stamp(w.Retry)),
	}
	if !p.incomplete() {
		leaf := p.Current.Leaf()
		n.Text += fmt.Sprintf(" The certificate in service is valid until %s.", stamp(leaf.NotAfter))
		if leaf.NotAfter.Sub(now) < life(leaf)/6 {
			n.Severity = Critical
		}
	}
	m.opt.Alert(n)
}

// oneLine is an error's text for logs and screens: peers have a hand in it, so it is one printable line of bounded
// length.
func oneLine(err error) string {
	const most = 500
	text := strings.Join(strings.Fields(strings.Map(printable, strings.ToValidUTF8(err.Error(), "?"))), " ")
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "..."
	}
	return text
}
