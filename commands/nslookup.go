package commands

import (
	"context"
	"encoding/hex"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"posthouse/internal/dns"
	"posthouse/internal/eventlog"
	"posthouse/shell"
)

const lookupLimit = 30 * time.Second

// recordTypes are what nslookup asks for.
var recordTypes = [...]string{"A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "TLSA", "TXT"}

func nsLookup(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "nslookup",
		Summary: "Ask the nameservers.",
		Roles:   shell.Readers | shell.Technician,
		Batch:   []string{"nslookup NAME [A|AAAA|CNAME|MX|NS|PTR|SOA|TLSA|TXT]"},
		Help: `Asks the nameservers of the running configuration. Without a type A is asked for a name and PTR for an address.
TTL is what the answer has left.`,
		Documents: []shell.Document{
			{For: "nslookup", Value: lookedUpJSON{}},
		},
		Run: func(ctx context.Context, s *shell.Session, args []string) error {
			name, kind, err := lookupArguments(s, args)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(ctx, lookupLimit)
			defer cancel()
			records, err := a.Engine.Resolver().Query(ctx, questionName(name, kind), kind)
			if err != nil {
				return unresolved(name, kind, err)
			}
			return printRecords(s, name, records)
		},
		Complete: func(_ *shell.Session, args []string) []string {
			if len(args) != 2 {
				return nil
			}
			return startingWith(args, recordTypes[:])
		},
	}
}

// unresolved says why a look-up of name has no answer; what is the kind of record, or addresses.
func unresolved(name, what string, err error) error {
	switch dns.KindOf(err) {
	case dns.NotFound:
		return shell.Fail("Unable to resolve %q: there is no such name.", name)
	case dns.NoData:
		return shell.Fail("Unable to resolve %q: the name has no %s record.", name, what)
	}
	return shell.Fail("Unable to resolve %q: %w.", name, err)
}

func lookupArguments(s *shell.Session, args []string) (name, kind string, err error) {
	switch len(args) {
	case 0:
		return askLookup(s)
	case 1:
		return args[0], usualType(args[0]), nil
	case 2:
		kind, err = oneOf("record type", args[1], recordTypes[:]...)
		return args[0], kind, err
	}
	return "", "", shell.Usage("Invalid word %q: nslookup takes a name and a type.", args[2])
}

func usualType(name string) string {
	if _, err := netip.ParseAddr(name); err == nil {
		return "PTR"
	}
	return "A"
}

func askLookup(s *shell.Session) (name, kind string, err error) {
	name, err = s.Ask(shell.Question{Text: "Please enter the host or IP address to resolve.", Required: true})
	if err != nil {
		return "", "", err
	}
	n, err := s.Pick(shell.Choice{
		Options:  recordTypes[:],
		Question: "Choose the query type:",
		Default:  1 + slices.Index(recordTypes[:], usualType(name)),
	})
	if err != nil {
		return "", "", err
	}
	return name, recordTypes[n-1], nil
}

// questionName is the name to ask for: an address is asked under its reverse name (RFC 1035 §3.5, RFC 3596 §2.5).
func questionName(name, kind string) string {
	addr, err := netip.ParseAddr(name)
	if err != nil || kind != "PTR" {
		return name
	}
	var labels []string
	suffix := "in-addr.arpa"
	if addr = addr.Unmap(); addr.Is4() {
		for _, b := range addr.AsSlice() {
			labels = append(labels, strconv.Itoa(int(b)))
		}
	} else {
		suffix = "ip6.arpa"
		labels = strings.Split(hex.EncodeToString(addr.AsSlice()), "")
	}
	slices.Reverse(labels)
	return strings.Join(append(labels, suffix), ".")
}

type lookedUpJSON struct {
	Question string       `json:"question" doc:"the name that was asked for"`
	Records  []recordJSON `json:"records" doc:"of the answer"`
}

type recordJSON struct {
	Name string `json:"name" doc:"of the record"`
	Type string `json:"type" doc:"A, MX and so on"`
	TTL  int64  `json:"ttl_seconds" doc:"for how long it may still be kept"`
	Data string `json:"data" doc:"as a zone file has it"`
}

func printRecords(s *shell.Session, name string, records []dns.Record) error {
	if s.JSON {
		list := []recordJSON{}
		for _, r := range records {
			list = append(list, recordJSON{r.Name, r.Type, int64(r.TTL / time.Second), r.Data})
		}
		return s.PrintJSON(lookedUpJSON{name, list})
	}
	for _, r := range records {
		s.Printf("%s=%s TTL=%s\n", r.Type, eventlog.Escape(r.Data), lifetime(r.TTL))
	}
	return nil
}
