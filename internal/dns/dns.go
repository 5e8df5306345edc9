// Package dns owns the appliance's questions to nameservers: mail exchangers, addresses, reverse names and whatever an
// operator asks with nslookup. It decides nothing about mail: what a null MX or a missing name means is for the caller.
// Everything may import it; it imports nothing of ours.
package dns

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"time"
)

// Resolver answers questions. It is safe for use by many goroutines at once. Names are taken with or without the final
// dot and in any case; names in answers are in lower case without it.
type Resolver interface {
	// MX returns a domain's mail exchangers, the lowest preference first. A domain without any is an *Error of kind
	// NoData, one that does not exist NotFound. A null MX (RFC 7505) is one record whose Host is NullMX.
	MX(ctx context.Context, domain string) ([]MX, error)

	// Addresses returns a host's IPv4 and IPv6 addresses, at least one when the error is nil.
	Addresses(ctx context.Context, host string) ([]Addr, error)

	// Reverse returns the names of an address as the PTR records say. They prove nothing until they are looked up again.
	Reverse(ctx context.Context, addr netip.Addr) ([]string, error)

	// Query returns the answer section for any type that has a name, such as "TXT"; for nslookup.
	Query(ctx context.Context, name, qtype string) ([]Record, error)

	// Text returns the TXT records of a name, the strings of each joined (RFC 7208 §3.3), at least one when the error
	// is nil. They may hold any bytes.
	Text(ctx context.Context, name string) ([]string, error)

	// TLSA returns the TLSA records of a name such as "_25._tcp.mx1.example.com", at least one when the error is nil.
	// What the error means for DANE depends on its kind, and on Error.Secure where the records are absent.
	TLSA(ctx context.Context, name string) (Answer, error)

	// Answering is false while none of the nameservers that Reverse would ask for an address answers anything. Who needs
	// the answer for little more than a log line does not wait for it then.
	Answering(addr netip.Addr) bool
}

// Caching is a Resolver with a memory.
type Caching interface {
	Resolver

	// Flush forgets every answer and returns how many there were.
	Flush() int
}

// NullMX is the host of a null MX record (RFC 7505 §3).
const NullMX = "."

// MX is one mail exchanger.
type MX struct {
	Preference int // 0 to 65535, the lowest is tried first
	Host       string
	TTL        time.Duration // what is left of it
	Secure     bool          // DNSSEC proves the answer, every CNAME on the way included
}

// Addr is one address of a host.
type Addr struct {
	Addr   netip.Addr
	TTL    time.Duration
	Name   string // the host's name after CNAMEs
	Secure bool   // DNSSEC proves the address and every CNAME on the way
}

// TLSA is the data of one TLSA record (RFC 6698 §2.1).
type TLSA struct {
	Usage, Selector, Matching uint8
	Data                      []byte
}

// Answer is what a name's TLSA records are.
type Answer struct {
	Name   string // where the records are, after CNAMEs
	TLSA   []TLSA
	TTL    time.Duration // what is left of it
	Secure bool          // DNSSEC proves the answer, every CNAME on the way included
}

// Record is one resource record in its text form.
type Record struct {
	Name string
	Type string // "MX"
	TTL  time.Duration
	Data string // "10 mx1.example.com"

	Secure bool // DNSSEC proves the answer, every CNAME on the way included
}

// Kind says what is wrong with an answer.
type Kind int

const (
	NotFound  Kind = iota + 1 // the name does not exist (NXDOMAIN)
	NoData                    // the name exists but has no record of the type
	Temporary                 // no server answered, or none could: asking later may help
	Bogus                     // the validating server refuses the answer (DNSSEC)
)

// String is the kind in words for a log line.
func (k Kind) String() string {
	switch k {
	case NotFound:
		return "NXDomain"
	case NoData:
		return "no data"
	case Bogus:
		return "DNSSEC bogus"
	default:
		return "temporary failure"
	}
}

// Error is a question without a usable answer.
type Error struct {
	Name string
	Type string // "MX"; empty where several types were asked
	Kind Kind
	Err  error // what lies beneath; may be nil

	Secure bool // DNSSEC proves that there is nothing; only with NotFound and NoData
}

// Error names the question, what is wrong, and what lies beneath.
func (e *Error) Error() string {
	text := "looking up " + e.Name
	if e.Type != "" {
		text += " (" + e.Type + ")"
	}
	text += ": " + e.Kind.String()
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap is what lies beneath.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of a resolver's error; an error of another type is Temporary, nil is 0.
func KindOf(err error) Kind {
	if err == nil {
		return 0
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Temporary
}

// Absent says that the answer is certain and negative: asking again soon changes nothing.
func Absent(err error) bool {
	k := KindOf(err)
	return k == NotFound || k == NoData
}

// ProvenAbsent says that DNSSEC proves that there is no such record.
func ProvenAbsent(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Secure && Absent(e)
}

// Canonical is a name in lower case without the final dot; the root stays ".".
func Canonical(name string) string {
	name = strings.ToLower(name)
	if name == "." {
		return name
	}
	return strings.TrimSuffix(name, ".")
}

// Server is one nameserver.
type Server struct {
	Address    string // IP, IP:PORT or [IPv6]:PORT; port 53 where none is given
	Priority   int    // the lowest is asked first
	Validating bool   // its word about DNSSEC (the AD bit, RFC 4035 §3.2.3) is believed; others beside it are not asked then
	Domain     string // asked only for this domain and what lies below it; empty: for everything
}
