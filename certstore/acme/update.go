package acme

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	protocol "github.com/mholt/acmez/v3/acme"
	mdns "github.com/miekg/dns"
)

const (
	exchangeLimit  = 10 * time.Second // one question or update
	cleanUpLimit   = 3 * time.Second  // to remove a record, even when the process is about to end
	visibleLimit   = 5 * time.Minute  // until the nameserver shows what it was sent
	visiblePoll    = time.Second
	challengeTTL   = 60  // seconds; nobody is to remember a challenge
	tsigFudge      = 300 // seconds that the clocks may differ (RFC 8945 §10)
	aliasesAtMost  = 8   // CNAMEs from the challenge's name to its record
	othersAtMost   = 20  // nameservers that are asked beside the one that takes updates
	challengeLabel = "_acme-challenge."
)

// updater answers dns-01 (RFC 8555 §8.4) by dynamic updates (RFC 2136), signed where there is a key (RFC 8945).
type updater struct {
	server    string
	zone      string // empty: found
	key       string // the TSIG key's name; empty: unsigned
	algorithm string
	secret    string // base64
	port      string // of the zone's other nameservers

	mu    sync.Mutex // guards what follows
	added map[string]challengeRecord
}

// challengeRecord is one TXT record that was added, and the zone that it is in.
type challengeRecord struct {
	zone string
	txt  *mdns.TXT
}

func newUpdater(s *Settings) (*updater, error) {
	if s.DNSServer == "" {
		return nil, errors.New("dns-01: there is no server that takes updates")
	}
	u := &updater{server: s.DNSServer, port: "53", added: map[string]challengeRecord{}}
	if s.DNSZone != "" {
		u.zone = mdns.CanonicalName(s.DNSZone)
	}
	if s.TSIGName == "" {
		return u, nil
	}
	if decoded, err := base64.StdEncoding.DecodeString(s.TSIGSecret); err != nil || len(decoded) == 0 {
		return nil, errors.New("dns-01: the TSIG secret is missing or is not base64")
	}
	u.key, u.secret = mdns.CanonicalName(s.TSIGName), s.TSIGSecret
	u.algorithm = mdns.HmacSHA256
	if s.TSIGAlgorithm != "" {
		u.algorithm = mdns.Fqdn(s.TSIGAlgorithm)
	}
	return u, nil
}

// Present is acmez.Solver's: it adds the record. A second challenge for the same name, as a wildcard has, adds another.
func (u *updater) Present(ctx context.Context, c protocol.Challenge) error {
	owner, err := u.owner(ctx, challengeLabel+c.Identifier.Value)
	if err != nil {
		return err
	}
	zone, err := u.zoneOf(ctx, owner)
	if err != nil {
		return err
	}
	txt := &mdns.TXT{
		Hdr: mdns.RR_Header{Name: owner, Rrtype: mdns.TypeTXT, Class: mdns.ClassINET, Ttl: challengeTTL},
		Txt: []string{c.DNS01KeyAuthorization()},
	}
	update := new(mdns.Msg).SetUpdate(zone)
	update.Insert([]mdns.RR{txt})
	// What may have arrived is removed again, even where the answer was lost.
	u.mu.Lock()
	u.added[c.Token] = challengeRecord{zone, txt}
	u.mu.Unlock()
	return u.send(ctx, update, owner)
}

// Wait is acmez.Waiter's: it is back when the nameserver shows the record, and so do the zone's others as far as they
// answer: the authority asks any of them, and a copy may be late.
func (u *updater) Wait(ctx context.Context, c protocol.Challenge) error {
	u.mu.Lock()
	record := u.added[c.Token]
	u.mu.Unlock()
	if record.txt == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, visibleLimit)
	defer cancel()
	missing := append([]string{u.server}, u.others(ctx, record.zone)...)
	for {
		var fault error
		missing = slices.DeleteFunc(missing, func(server string) bool {
			shown, err := u.shows(ctx, server, record.txt)
			if server == u.server {
				fault = err
				return shown
			}
			return shown || err != nil && !over(ctx)
		})
		if len(missing) == 0 {
			return nil
		}
		timer := time.NewTimer(visiblePoll)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(fmt.Errorf("dns-01: %s does not show the TXT record of %s", strings.Join(missing, ", "), record.txt.Hdr.Name), fault)
		}
	}
}

// over says that the time is up. The network notices a deadline a moment before the context does.
func over(ctx context.Context) bool {
	end, limited := ctx.Deadline()
	return ctx.Err() != nil || limited && !time.Now().Before(end)
}

// others are the addresses of the zone's nameservers as far as the server knows them.
func (u *updater) others(ctx context.Context, zone string) []string {
	reply, err := u.ask(ctx, u.server, zone, mdns.TypeNS)
	if err != nil {
		return nil
	}
	var all []string
	for _, rr := range reply.Answer {
		if ns, ok := rr.(*mdns.NS); ok {
			all = append(all, u.addresses(ctx, ns.Ns)...)
		}
	}
	slices.Sort(all)
	all = slices.DeleteFunc(slices.Compact(all), func(at string) bool { return at == u.server })
	return all[:min(len(all), othersAtMost)]
}

// addresses are where a nameserver is asked.
func (u *updater) addresses(ctx context.Context, host string) []string {
	var all []string
	for _, kind := range []uint16{mdns.TypeA, mdns.TypeAAAA} {
		reply, err := u.ask(ctx, u.server, host, kind)
		if err != nil {
			continue
		}
		for _, rr := range reply.Answer {
			switch rr := rr.(type) {
			case *mdns.A:
				all = append(all, net.JoinHostPort(rr.A.String(), u.port))
			case *mdns.AAAA:
				all = append(all, net.JoinHostPort(rr.AAAA.String(), u.port))
			}
		}
	}
	return all
}

func (u *updater) shows(ctx context.Context, server string, txt *mdns.TXT) (bool, error) {
	reply, err := u.ask(ctx, server, txt.Hdr.Name, mdns.TypeTXT)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(reply.Answer, func(rr mdns.RR) bool {
		have, ok := rr.(*mdns.TXT)
		return ok && strings.Join(have.Txt, "") == txt.Txt[0]
	}), nil
}

// CleanUp is acmez.Solver's: it removes the record, also when the order has been given up.
func (u *updater) CleanUp(ctx context.Context, c protocol.Challenge) error {
	u.mu.Lock()
	record, ok := u.added[c.Token]
	delete(u.added, c.Token)
	u.mu.Unlock()
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpLimit)
	defer cancel()
	update := new(mdns.Msg).SetUpdate(record.zone)
	update.Remove([]mdns.RR{mdns.Copy(record.txt)})
	return u.send(ctx, update, record.txt.Hdr.Name)
}

// close is solver's; CleanUp has removed the records.
func (u *updater) close() {}

// owner follows the aliases with which a zone hands its challenges to another.
func (u *updater) owner(ctx context.Context, name string) (string, error) {
	name = mdns.CanonicalName(name)
	for range aliasesAtMost {
		reply, err := u.ask(ctx, u.server, name, mdns.TypeCNAME)
		if err != nil {
			return "", err
		}
		next := ""
		for _, rr := range reply.Answer {
			if alias, ok := rr.(*mdns.CNAME); ok && mdns.CanonicalName(alias.Hdr.Name) == name {
				next = mdns.CanonicalName(alias.Target)
			}
		}
		if next == "" {
			return name, nil
		}
		name = next
	}
	return "", fmt.Errorf("dns-01: too many aliases from %s on", name)
}

// zoneOf is the zone that a name is in: the configured one where it fits, else the one whose SOA the server shows.
func (u *updater) zoneOf(ctx context.Context, owner string) (string, error) {
	if u.zone != "" && mdns.IsSubDomain(u.zone, owner) {
		return u.zone, nil
	}
	for _, at := range mdns.Split(owner) {
		reply, err := u.ask(ctx, u.server, owner[at:], mdns.TypeSOA)
		if err != nil {
			return "", err
		}
		for _, rr := range slices.Concat(reply.Answer, reply.Ns) {
			if soa, ok := rr.(*mdns.SOA); ok && mdns.IsSubDomain(soa.Hdr.Name, owner) {
				return mdns.CanonicalName(soa.Hdr.Name), nil
			}
		}
	}
	return "", fmt.Errorf("dns-01: %s knows no zone that %s is in", u.server, owner)
}

// ask asks a server; the absence of what is asked for is an answer too.
func (u *updater) ask(ctx context.Context, server, name string, kind uint16) (*mdns.Msg, error) {
	question := new(mdns.Msg).SetQuestion(mdns.Fqdn(name), kind)
	reply, err := u.exchange(ctx, server, question)
	if err != nil {
		return nil, fmt.Errorf("dns-01: %s %s at %s: %w", mdns.TypeToString[kind], name, server, err)
	}
	if reply.Rcode != mdns.RcodeSuccess && reply.Rcode != mdns.RcodeNameError {
		return nil, fmt.Errorf("dns-01: %s %s at %s: %s", mdns.TypeToString[kind], name, server, mdns.RcodeToString[reply.Rcode])
	}
	return reply, nil
}

// send sends an update, signed where there is a key.
func (u *updater) send(ctx context.Context, update *mdns.Msg, owner string) error {
	if u.key != "" {
		update.SetTsig(u.key, u.algorithm, tsigFudge, time.Now().Unix())
	}
	reply, err := u.exchange(ctx, u.server, update)
	if reply != nil {
		if t := reply.IsTsig(); t != nil && t.Error != 0 {
			return fmt.Errorf("dns-01: update of %s at %s: %s (%s)", owner, u.server, mdns.RcodeToString[reply.Rcode], tsigFault(t.Error))
		}
	}
	if err != nil {
		return fmt.Errorf("dns-01: update of %s at %s: %w", owner, u.server, err)
	}
	if reply.Rcode != mdns.RcodeSuccess {
		return fmt.Errorf("dns-01: update of %s at %s: %s", owner, u.server, mdns.RcodeToString[reply.Rcode])
	}
	return nil
}

// tsigFault is what a server has against a signature (RFC 8945 §3).
func tsigFault(code uint16) string {
	switch code {
	case mdns.RcodeBadSig:
		return "BADSIG: the TSIG secret is another"
	case mdns.RcodeBadKey:
		return "BADKEY: the TSIG key's name or algorithm is not known there"
	case mdns.RcodeBadTime:
		return "BADTIME: the clocks differ"
	}
	return fmt.Sprintf("TSIG error %d", code)
}

// exchange is over TCP: no answer is cut, and nobody can put another in its place without the connection.
func (u *updater) exchange(ctx context.Context, server string, m *mdns.Msg) (*mdns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, exchangeLimit)
	defer cancel()
	client := &mdns.Client{Net: "tcp", Timeout: exchangeLimit}
	if u.key != "" {
		client.TsigSecret = map[string]string{u.key: u.secret}
	}
	reply, _, err := client.ExchangeContext(ctx, m, server)
	return reply, err
}
