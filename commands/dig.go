package commands

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"posthouse/internal/dns"
	"posthouse/internal/eventlog"
	"posthouse/shell"
)

func dig(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "dig",
		Summary: "Ask one nameserver and show its whole answer.",
		Batch:   []string{"dig [@SERVER] NAME [TYPE] [+dnssec] [+tcp] [+short]", "dig [@SERVER] -x ADDRESS [+dnssec] [+tcp] [+short]"},
		Help: `SERVER is an address, an address with a port, or a host name; where it is not said, the first nameserver that the running
configuration has for NAME, else the first of the host system. TYPE is A where it is not said. +dnssec asks for signatures, +tcp
does not try UDP first, +short prints the answers' data alone. The flag ad says that the server has validated the answer. nslookup
asks as deliveries do, with their cache.`,
		Documents: []shell.Document{{For: "dig", Value: digDocument{}}},
		Roles:     shell.Readers | shell.Technician | shell.HelpDesk,
		Run: func(ctx context.Context, s *shell.Session, args []string) error {
			d, err := digArguments(s, args)
			if err != nil {
				return err
			}
			return d.run(ctx, a, s)
		},
		Complete: func(_ *shell.Session, args []string) []string {
			return startingWith(args, append(recordTypes[:], "+dnssec", "+tcp", "+short"))
		},
	}
}

// digging is one run of dig.
type digging struct {
	server string
	ask    dns.Inquiry
	short  bool
}

func digArguments(s *shell.Session, args []string) (d *digging, err error) {
	d = &digging{ask: dns.Inquiry{Type: "A"}}
	if len(args) == 0 {
		d.ask.Name, err = s.Ask(shell.Question{Text: "Enter the name to ask for.", Required: true})
		if err != nil {
			return d, err
		}
		d.ask.Type, err = s.Ask(shell.Question{Text: "Enter the record type.", Default: "A", Check: func(t string) error { _, err := digType(t); return err }})
		return d, err
	}
	plain := 0
	for i := 0; i < len(args); i++ {
		word := args[i]
		switch {
		case strings.HasPrefix(word, "@") && len(word) > 1:
			d.server = word[1:]
		case strings.EqualFold(word, "+dnssec"):
			d.ask.DNSSEC = true
		case strings.EqualFold(word, "+tcp"):
			d.ask.TCP = true
		case strings.EqualFold(word, "+short"):
			d.short = true
		case word == "-x" && i+1 < len(args):
			i++
			addr, err := netip.ParseAddr(args[i])
			if err != nil {
				return d, shell.Usage("Invalid address %q: an IP address is wanted behind -x.", args[i])
			}
			d.ask.Name, _ = dns.ReverseName(addr)
			d.ask.Type = "PTR"
			plain++
		case strings.HasPrefix(word, "+") || strings.HasPrefix(word, "-"):
			return d, shell.Usage("Invalid option %q: accepted are -x, +dnssec, +tcp, +short.", word)
		case plain == 0:
			d.ask.Name = word
			plain++
		case plain == 1:
			if d.ask.Type, err = digType(word); err != nil {
				return d, err
			}
			plain++
		default:
			return d, shell.Usage("Invalid word %q: dig takes a name and a type.", word)
		}
	}
	if plain == 0 {
		return d, shell.Usage("Invalid command: the name to ask for is missing.")
	}
	return d, nil
}

func digType(word string) (string, error) {
	word = strings.ToUpper(word)
	if !slices.Contains(dns.Types(), word) {
		return "", shell.Fail("Invalid record type %q: a type such as A, AAAA, MX, TXT, TLSA, DNSKEY or ANY is accepted.", word)
	}
	return word, nil
}

func (d *digging) run(ctx context.Context, a *Appliance, s *shell.Session) error {
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	server, err := d.address(ctx, a)
	if err != nil {
		return err
	}
	d.ask.Server = server
	reply, err := d.ask.Ask(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return shell.Fail("Unable to ask %s: %w.", server, err)
	}
	switch {
	case s.JSON:
		return s.PrintJSON(digJSON(server, reply))
	case d.short:
		for _, r := range reply.Answer {
			s.Println(eventlog.Escape(r.Data))
		}
	default:
		printReply(s, server, reply)
	}
	return nil
}

// address is where to ask.
func (d *digging) address(ctx context.Context, a *Appliance) (string, error) {
	if d.server == "" {
		return usualServer(a, d.ask.Name), nil
	}
	if addr, err := dns.ParseServer(d.server); err == nil {
		return addr, nil
	}
	found, err := a.Engine.Resolver().Addresses(ctx, d.server)
	if err != nil || len(found) == 0 {
		return "", unresolved(d.server, "A or AAAA", err)
	}
	return dns.ParseServer(found[0].Addr.String())
}

// usualServer is the first nameserver that deliveries would ask for a name.
func usualServer(a *Appliance, name string) string {
	var servers []dns.Server
	for _, c := range a.Config.Running().Config.DNS.Servers {
		servers = append(servers, dns.Server{Address: c.Address, Priority: c.Priority, Validating: c.Validating, Domain: c.Domain})
	}
	if first := dns.FirstServer(servers, name); first != "" {
		return first
	}
	return dns.SystemServer()
}

func printReply(s *shell.Session, server string, r *dns.Reply) {
	s.Printf(";; status: %s, flags: %s\n", r.Status, strings.Join(r.Flags, " "))
	s.Printf("\n;; QUESTION\n;%-38s IN  %s\n", eventlog.Escape(r.Name), r.Type)
	for _, section := range []struct {
		name    string
		records []dns.Record
	}{{"ANSWER", r.Answer}, {"AUTHORITY", r.Authority}, {"ADDITIONAL", r.Additional}} {
		if len(section.records) > 0 {
			s.Printf("\n;; %s\n", section.name)
		}
		for _, x := range section.records {
			s.Printf("%-30s %8d IN  %-7s %s\n", eventlog.Escape(x.Name), int64(x.TTL/time.Second), x.Type, eventlog.Escape(x.Data))
		}
	}
	transport := "UDP"
	if r.TCP {
		transport = "TCP"
	}
	s.Printf("\n;; server: %s (%s), %d ms, %d bytes, %s\n", server, transport, r.Took.Milliseconds(), r.Bytes, stamp(time.Now()))
}

// digDocument is what dig --json prints.
type digDocument struct {
	Server        string      `json:"server" doc:"who was asked, ADDRESS:PORT"`
	Transport     string      `json:"transport" doc:"udp or tcp"`
	Status        string      `json:"status" doc:"NOERROR, NXDOMAIN and so on"`
	Flags         []string    `json:"flags" doc:"of the header: qr, aa, tc, rd, ra, ad, cd"`
	Authenticated bool        `json:"authenticated" doc:"the flag ad: the server says that DNSSEC proves the answer"`
	Question      string      `json:"question" doc:"the name that was asked for"`
	Type          string      `json:"type" doc:"A, MX and so on"`
	Answer        []digRecord `json:"answer" doc:"records of the answer"`
	Authority     []digRecord `json:"authority" doc:"records of who is responsible"`
	Additional    []digRecord `json:"additional" doc:"records that may help"`
	Milliseconds  int64       `json:"milliseconds" doc:"until the answer came"`
	Bytes         int         `json:"bytes" doc:"of the answer"`
}

type digRecord struct {
	Name string `json:"name" doc:"of the record"`
	Type string `json:"type" doc:"A, MX and so on"`
	TTL  int64  `json:"ttl_seconds" doc:"for how long it may be kept"`
	Data string `json:"data" doc:"as a zone file has it"`
}

func digJSON(server string, r *dns.Reply) digDocument {
	transport := "udp"
	if r.TCP {
		transport = "tcp"
	}
	return digDocument{
		Server: server, Transport: transport, Status: r.Status, Flags: r.Flags, Authenticated: slices.Contains(r.Flags, "ad"),
		Question: r.Name, Type: r.Type, Answer: digRecords(r.Answer), Authority: digRecords(r.Authority),
		Additional: digRecords(r.Additional), Milliseconds: r.Took.Milliseconds(), Bytes: r.Bytes,
	}
}

func digRecords(list []dns.Record) []digRecord {
	out := []digRecord{}
	for _, r := range list {
		out = append(out, digRecord{r.Name, r.Type, int64(r.TTL / time.Second), r.Data})
	}
	return out
}
