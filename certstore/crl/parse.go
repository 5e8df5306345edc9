package crl

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// maxSize is the largest list that is read, in bytes: some hundred thousand certificates.
const maxSize = 32 << 20

// list is one revocation list. It is immutable, but for what is known of its signers.
type list struct {
	raw                    []byte // DER
	issuer                 pkix.Name
	rawIssuer              string
	number                 *big.Int // nil: none
	ThisUpdate, NextUpdate time.Time
	fetched                time.Time
	revoked                map[string]entry // by the serial number's bytes
	scope                  scope

	parsed *x509.RevocationList // without its entries; for checking signatures

	signers sync.Map // sha256 of a certificate -> *x509.Certificate that signed it, or nil where its key did not
	proven  atomic.Pointer[[]*x509.Certificate]
}

type entry struct {
	at     int64 // seconds since 1970
	reason int   // RFC 5280 §5.3.1
}

// scope says for which certificates a list speaks (RFC 5280 §5.2.5).
type scope struct {
	users, authorities bool     // only those
	points             []string // only those that name one of these URLs; none: all
}

var (
	oidDelta       = asn1.ObjectIdentifier{2, 5, 29, 27}
	oidScope       = asn1.ObjectIdentifier{2, 5, 29, 28}
	oidEntryIssuer = asn1.ObjectIdentifier{2, 5, 29, 29}
	oidNumber      = asn1.ObjectIdentifier{2, 5, 29, 20}
	oidKey         = asn1.ObjectIdentifier{2, 5, 29, 35}
)

// What is refused by name.
var (
	ErrDelta    = errors.New("it is a delta CRL; a complete one is needed")
	ErrIndirect = errors.New("it is an indirect CRL; one of the issuer itself is needed")
)

// read reads a revocation list in DER or PEM and says whether it can be used here. Its error wraps ErrDelta or ErrIndirect
// for those two kinds.
func read(data []byte) (*x509.RevocationList, scope, error) {
	if len(data) > maxSize {
		return nil, scope{}, fmt.Errorf("it is larger than %d MB", maxSize>>20)
	}
	der := data
	if i := bytes.Index(data, []byte("-----BEGIN ")); i >= 0 && (len(data) == 0 || data[0] != 0x30) {
		block, _ := pem.Decode(data[i:])
		if block == nil {
			return nil, scope{}, errors.New("its PEM form is not whole")
		}
		if block.Type != "X509 CRL" {
			return nil, scope{}, fmt.Errorf("it holds %.40q and no CRL", block.Type)
		}
		der = block.Bytes
	}
	parsed, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, scope{}, errors.New("it is no CRL in DER or PEM form")
	}
	sc, err := check(parsed)
	return parsed, sc, err
}

// check refuses what would be read wrongly: a critical extension that is not understood means that the list is not what it
// seems (RFC 5280 §5.2).
func check(parsed *x509.RevocationList) (sc scope, err error) {
	for _, e := range parsed.Extensions {
		switch {
		case e.Id.Equal(oidDelta):
			return sc, ErrDelta
		case e.Id.Equal(oidScope):
			if sc, err = parseScope(e.Value); err != nil {
				return sc, err
			}
		case e.Critical && !e.Id.Equal(oidNumber) && !e.Id.Equal(oidKey):
			return sc, fmt.Errorf("it has the critical extension %v, which is not known here", e.Id)
		}
	}
	for _, r := range parsed.RevokedCertificateEntries {
		for _, e := range r.Extensions {
			if e.Id.Equal(oidEntryIssuer) {
				return sc, ErrIndirect
			}
			if e.Critical {
				return sc, fmt.Errorf("an entry has the critical extension %v, which is not known here", e.Id)
			}
		}
	}
	return sc, nil
}

// issuingPoint is the IssuingDistributionPoint of RFC 5280 §5.2.5.
type issuingPoint struct {
	Point       distributionPoint `asn1:"optional,tag:0"`
	Users       bool              `asn1:"optional,tag:1"`
	Authorities bool              `asn1:"optional,tag:2"`
	Reasons     asn1.BitString    `asn1:"optional,tag:3"`
	Indirect    bool              `asn1:"optional,tag:4"`
	Attributes  bool              `asn1:"optional,tag:5"`
}

type distributionPoint struct {
	FullName []asn1.RawValue `asn1:"optional,tag:0"`
	Relative asn1.RawValue   `asn1:"optional,tag:1"`
}

func parseScope(der []byte) (scope, error) {
	var p issuingPoint
	rest, err := asn1.Unmarshal(der, &p)
	switch {
	case err != nil || len(rest) > 0:
		return scope{}, errors.New("its distribution point cannot be read")
	case p.Indirect:
		return scope{}, ErrIndirect
	case p.Attributes:
		return scope{}, errors.New("it is a CRL of attribute certificates")
	case p.Reasons.BitLength > 0:
		return scope{}, errors.New("it is a CRL of some reasons only; a complete one is needed")
	}
	sc := scope{users: p.Users, authorities: p.Authorities}
	for _, name := range p.Point.FullName {
		if name.Class == asn1.ClassContextSpecific && name.Tag == 6 { // uniformResourceIdentifier
			sc.points = append(sc.points, string(name.Bytes))
		}
	}
	return sc, nil
}

// newList makes a list for looking up.
func newList(data []byte, fetched time.Time) (*list, error) {
	parsed, sc, err := read(data)
	if err != nil {
		return nil, err
	}
	l := &list{
		raw: parsed.Raw, issuer: parsed.Issuer, rawIssuer: string(parsed.RawIssuer), number: parsed.Number,
		ThisUpdate: parsed.ThisUpdate, NextUpdate: parsed.NextUpdate, fetched: fetched, scope: sc, parsed: parsed,
		revoked: make(map[string]entry, len(parsed.RevokedCertificateEntries)),
	}
	for _, r := range parsed.RevokedCertificateEntries {
		l.revoked[string(r.SerialNumber.Bytes())] = entry{r.RevocationTime.Unix(), r.ReasonCode}
	}
	parsed.RevokedCertificateEntries = nil
	return l, nil
}

// signedBy says whether the certificate's key signed the list, and remembers it: the check costs more than the rest.
func (l *list) signedBy(c *x509.Certificate) bool {
	if string(c.RawSubject) != l.rawIssuer {
		return false
	}
	key := sha256.Sum256(c.Raw)
	if known, ok := l.signers.Load(key); ok {
		return known.(bool)
	}
	ok := l.parsed.CheckSignatureFrom(c) == nil
	if _, raced := l.signers.LoadOrStore(key, ok); ok && !raced {
		l.prove(c)
	}
	return ok
}

// mostIssuers bounds what strangers' chains can make us remember of one list.
const mostIssuers = 8

func (l *list) prove(c *x509.Certificate) {
	for {
		old := l.proven.Load()
		var have []*x509.Certificate
		if old != nil {
			have = *old
		}
		if len(have) >= mostIssuers {
			return
		}
		next := append(slices.Clone(have), c)
		if l.proven.CompareAndSwap(old, &next) {
			return
		}
	}
}

// issuers are the certificates whose key is known to have signed the list.
func (l *list) issuers() []*x509.Certificate {
	if p := l.proven.Load(); p != nil {
		return *p
	}
	return nil
}

// staleAt says whether the list is too old. One that does not say when it ends is good for two intervals and an hour.
func (l *list) staleAt(now time.Time, interval time.Duration) bool {
	if l.NextUpdate.IsZero() {
		return now.After(l.fetched.Add(2*interval + time.Hour))
	}
	return now.After(l.NextUpdate)
}
