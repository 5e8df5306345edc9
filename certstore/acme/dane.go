package acme

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"posthouse/certstore"
	"posthouse/internal/dns"
)

const (
	lookUsual   = 24 * time.Hour // between two looks at TLSA records where nothing is awaited
	lookWaiting = time.Hour      // where the next key's record is
	tellAgain   = 7 * 24 * time.Hour
)

// pins are the names of a profile whose published TLSA records hold its key in service: a certificate with another key
// would break them (RFC 7671 §8.1).
type pins struct {
	names   []string
	missing []string      // those of names without a record of the next key
	ttl     time.Duration // the longest of the records
}

// lookup finds the pins of the key in service. An answer that DNSSEC does not prove counts too: whether peers can prove
// it is for them to say, and waiting for nothing costs less than a mismatch.
func (m *Manager) lookup(ctx context.Context, p *Managed, next *nextKey) (pins, error) {
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	der, err := spki(p.Current.Leaf().PublicKey)
	if err != nil {
		return pins{}, err
	}
	var found pins
	for _, name := range p.Names {
		if strings.HasPrefix(name, "*.") {
			continue // no record can be asked for
		}
		a, err := m.opt.TLSA(ctx, tlsaName(name))
		if dns.Absent(err) {
			continue
		}
		if err != nil {
			return pins{}, fmt.Errorf("TLSA records of %s: %w", name, err)
		}
		found.take(name, a, der, next)
	}
	return found, nil
}

// take notes what a name's records hold of the key in service and of the next one.
func (f *pins) take(name string, a dns.Answer, der []byte, next *nextKey) {
	pinned, announced := false, false
	for _, r := range a.TLSA {
		if r.Usage != 3 || r.Selector != 1 {
			continue
		}
		if want := matching(r.Matching, der); want != nil && string(want) == string(r.Data) {
			pinned = true
		}
		if next != nil && r.Matching == 1 && fmt.Sprintf("%x", r.Data) == next.SPKI {
			announced = true
		}
	}
	if !pinned {
		return
	}
	f.names = append(f.names, name)
	f.ttl = max(f.ttl, a.TTL)
	if !announced {
		f.missing = append(f.missing, name)
	}
}

func tlsaName(name string) string { return "_25._tcp." + name }

// record is what the operator publishes for the next key.
func (k *nextKey) record(name string) string {
	return fmt.Sprintf("%s. IN TLSA 3 1 1 %s", tlsaName(name), k.SPKI)
}

// records are those for every name that needs one.
func (k *nextKey) records() []string {
	var all []string
	for _, name := range k.At {
		all = append(all, k.record(name))
	}
	return all
}

// watch makes the next key ready, long before it is needed, where records pin the one in service, and notes since when
// its own are there. It reports whether records do pin it; then there is a next key, unless an error says why not.
func (m *Manager) watch(ctx context.Context, p *Managed, w *progress) (pinned bool, err error) {
	now := time.Now()
	w.Look = now.Add(lookWaiting)
	if w.Next != nil && w.Next.Kind != string(p.Key) {
		w.Next = nil // the operator has chosen another kind since
	}
	found, err := m.lookup(ctx, p, w.Next)
	if err != nil {
		return false, err
	}
	if len(found.names) == 0 {
		w.Look = now.Add(lookUsual - spread(time.Hour))
		return false, nil
	}
	if w.Next == nil {
		if err := m.makeNext(p, w); err != nil {
			return true, err
		}
		found.missing = found.names
	}
	w.Next.At = found.names
	m.note(p, w, found, now)
	return true, nil
}

// note says what is missing, or since when nothing is.
func (m *Manager) note(p *Managed, w *progress, found pins, now time.Time) {
	k := w.Next
	if len(found.missing) > 0 {
		k.Seen, k.TTL = time.Time{}, 0
		if now.Sub(k.Told) >= tellAgain {
			k.Told = now
			m.tellNext(p, w)
		}
		return
	}
	k.TTL = max(k.TTL, found.ttl)
	if k.Seen.IsZero() {
		k.Seen = now
		m.log(p.Name, "the next key's TLSA record is in the DNS; the key may be used from %s", stamp(k.usable()))
	}
	w.Look = now.Add(lookUsual - spread(time.Hour))
	if now.Before(k.usable()) {
		w.Look = k.usable()
	}
}

// usable is from when no cache holds records without the next key's: twice the time to live behind the first sight of
// it, as a secondary may have been late too (RFC 7671 §8.1).
func (k *nextKey) usable() time.Time { return k.Seen.Add(2 * k.TTL) }

// makeNext makes the next key and keeps it.
func (m *Manager) makeNext(p *Managed, w *progress) error {
	key, err := newKey(p.Key)
	if err != nil {
		return err
	}
	der, err := spki(key.Public())
	if err != nil {
		return err
	}
	content, err := encodeKey(key)
	if err != nil {
		return err
	}
	id, err := m.opt.Keys.Put(kindKey, content)
	if err != nil {
		return fmt.Errorf("keep the next key: %w", err)
	}
	w.Next = &nextKey{ID: id, Kind: string(p.Key), SPKI: hash256(der)}
	return nil
}

// tellNext tells the operator which records to publish beside those that are there.
func (m *Manager) tellNext(p *Managed, w *progress) {
	for _, record := range w.Next.records() {
		m.log(p.Name, "publish the next key's TLSA record, beside the present one: %s", record)
	}
	n := Notice{
		Severity: Information, Profile: p.Name,
		Subject: fmt.Sprintf("TLSA record of the next key of certificate profile \"%s\"", p.Name),
		Text: fmt.Sprintf("Publish beside the records that are there, before the renewal at %s:\n%s",
			stamp(w.Schedule.Renew), strings.Join(w.Next.records(), "\n")),
	}
	if w.Waiting || !time.Now().Before(w.Schedule.Renew) {
		n.Severity = Warning
	}
	m.opt.Alert(n)
}

// chooseKey is the key of the certificate that is ordered now: a fresh one, unless published TLSA records pin the one
// in service. Then it is the next key once its own records are everywhere; until then the error wraps ErrWaiting. Where
// there is no time to wait the present key serves once more, which breaks nothing.
func (m *Manager) chooseKey(ctx context.Context, p *Managed, w *progress) (crypto.Signer, error) {
	if p.Current == nil {
		return newKey(p.Key)
	}
	pinned, err := m.watch(ctx, p, w)
	if err == nil && !pinned {
		return newKey(p.Key)
	}
	if err == nil {
		if key := m.announced(p, w); key != nil {
			return key, nil
		}
	}
	leaf := p.Current.Leaf()
	switch now := time.Now(); {
	case p.incomplete(): // the operator waits for the certificate, and the present key breaks nothing
		return p.Current.Pairs[0].Key, nil
	case w.Schedule.urgent(leaf, now):
		m.log(p.Name, "the present key is used once more: the next key's TLSA record is not in the DNS, and the certificate ends at %s", stamp(leaf.NotAfter))
		return p.Current.Pairs[0].Key, nil
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrWaiting, err)
	case w.Next == nil:
		return nil, errors.New("the next key is lost")
	default:
		m.tellWaiting(p, w, now)
		return nil, fmt.Errorf("%w: %s", ErrWaiting, strings.Join(w.Next.records(), "; "))
	}
}

// announced is the next key where it may be used by now, else nil. A key that is lost is forgotten, and the next look
// makes another.
func (m *Manager) announced(p *Managed, w *progress) crypto.Signer {
	k := w.Next
	if k == nil || k.Seen.IsZero() || time.Now().Before(k.usable()) {
		return nil
	}
	content, err := m.opt.Keys.Get(k.ID)
	if err == nil {
		var key crypto.Signer
		if key, err = certstore.ParseKey(content); err == nil {
			return key
		}
	}
	m.log(p.Name, "the next key is lost: %s", oneLine(err))
	w.Next, w.Look = nil, time.Time{}
	return nil
}

// tellWaiting says once that a renewal waits, and how long it can.
func (m *Manager) tellWaiting(p *Managed, w *progress, now time.Time) {
	k := w.Next
	if w.Waiting && now.Sub(k.Told) < lookUsual {
		return
	}
	k.Told = now
	leaf := p.Current.Leaf()
	limit := latest(leaf)
	m.log(p.Name, "the renewal waits until %s for the next key's TLSA record: %s", stamp(limit), strings.Join(k.records(), "; "))
	n := Notice{
		Severity: Warning, Profile: p.Name,
		Subject: fmt.Sprintf("The renewal of certificate profile \"%s\" waits for a TLSA record", p.Name),
		Text: fmt.Sprintf("Publish beside the records that are there:\n%s\nThe certificate in service is valid until %s. "+
			"From %s on it is renewed with the present key.", strings.Join(k.records(), "\n"), stamp(leaf.NotAfter), stamp(limit)),
	}
	if leaf.NotAfter.Sub(now) < life(leaf)/5 {
		n.Severity = Critical
	}
	m.opt.Alert(n)
}

// isNext reports whether a profile has the next key.
func isNext(k *nextKey, p *certstore.Profile) bool {
	der, err := spki(p.Leaf().PublicKey)
	return err == nil && hash256(der) == k.SPKI
}

func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return ' '
}
