package commands

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

const priorityMost = 65535

func dnsConfig(*Appliance) *shell.Command {
	return &shell.Command{
		Name:    "dnsconfig",
		Summary: "Configure the nameservers.",
		Roles:   shell.Readers,
		Batch: []string{
			"dnsconfig list",
			"dnsconfig new ADDRESS[:PORT] [PRIORITY] [validating on|off] [domain DOMAIN]",
			"dnsconfig edit ADDRESS key value ...",
			"dnsconfig delete ADDRESS",
			"dnsconfig setup servers system",
		},
		Help: `Without a server of their own, the host system's nameservers are used; "setup servers system" goes back to them.
The lowest priority is asked first. A server with a domain is asked for that domain and what lies below it only.

"validating on" says that the server checks DNSSEC and that the way to it is safe: its AD bit is believed then.
Where a server for a name validates, those that do not are not asked for it: their answers would prove nothing.
Keys of edit: address, priority, validating, domain (none takes it back).`,
		Commit: true,
		Documents: []shell.Document{
			{For: "dnsconfig list", Value: nameserversJSON{}},
			shell.Says("dnsconfig new, edit, delete, setup"),
		},
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			d := &nameservers{s}
			if len(args) > 0 {
				return d.batch(args)
			}
			if s.JSON {
				return d.list()
			}
			return d.menu()
		},
		Complete: func(s *shell.Session, args []string) []string {
			switch {
			case len(args) <= 1:
				return startingWith(args, []string{"list", "new", "edit", "delete", "setup"})
			case len(args) == 2 && (args[0] == "edit" || args[0] == "delete"):
				return startingWith(args, (&nameservers{s}).addresses())
			}
			return startingWith(args, []string{"validating", "domain", "priority", "address", "servers", "on", "off", "system"})
		},
	}
}

// nameservers is one run of dnsconfig on the session's candidate.
type nameservers struct{ s *shell.Session }

func (d *nameservers) servers() []config.DNSServer { return d.s.Candidate().DNS.Servers }

func (d *nameservers) addresses() []string {
	var list []string
	for _, server := range d.servers() {
		list = append(list, server.Address)
	}
	return list
}

func (d *nameservers) batch(args []string) error {
	return dispatch("dnsconfig", args, []subcommand{
		{"list", 0, 0, func([]string) error { return d.list() }},
		{"new", 1, -1, d.batchNew},
		{"edit", 3, -1, d.batchEdit},
		{"delete", 1, 1, func(rest []string) error { return d.remove(rest[0]) }},
		{"setup", 2, 2, func(rest []string) error {
			return applySettings(rest, []setting{{"servers", func(v string) error {
				if _, err := oneOf("servers", v, "system"); err != nil {
					return err
				}
				return d.put(nil)
			}}})
		}},
	})
}

func (d *nameservers) menu() error {
	none := func() bool { return len(d.servers()) == 0 }
	return d.s.Menu(shell.Menu{
		Tight: true,
		State: d.print,
		Items: []shell.MenuItem{
			{Keyword: "NEW", What: "Add a new server.", Do: plainly(d.create)},
			{Keyword: "EDIT", What: "Edit a server.", Do: plainly(d.edit), Hidden: none},
			{Keyword: "DELETE", What: "Remove a server.", Do: plainly(d.askRemove), Hidden: none},
			{Keyword: "SETUP", What: "Configure general settings.", Do: plainly(d.setup)},
		},
	})
}

func (d *nameservers) print() {
	if len(d.servers()) == 0 {
		d.s.Say("Currently using the nameservers of the host system.")
		return
	}
	d.s.Say("Currently using the local DNS cache servers:")
	d.s.Print(numbered(d.lines()))
}

func (d *nameservers) lines() []string {
	var lines []string
	for _, server := range d.servers() {
		line := fmt.Sprintf("Priority: %d  %s", server.Priority, server.Address)
		if server.Domain != "" {
			line += "  for " + server.Domain
		}
		if server.Validating {
			line += "  (validating)"
		}
		lines = append(lines, line)
	}
	return lines
}

type nameserversJSON struct {
	Servers []nameserverJSON `json:"servers" doc:"in the order in which they are asked; none: those of the host system"`
}

type nameserverJSON struct {
	Address    string `json:"address" doc:"with its port where that is not 53"`
	Priority   int    `json:"priority" doc:"the smaller, the earlier"`
	Validating bool   `json:"validating" doc:"its word on DNSSEC is believed"`
	Domain     string `json:"domain" doc:"the domain that it is asked about alone; empty: everything"`
}

func (d *nameservers) list() error {
	if !d.s.JSON {
		d.print()
		return nil
	}
	list := []nameserverJSON{}
	for _, s := range d.servers() {
		list = append(list, nameserverJSON(s))
	}
	return d.s.PrintJSON(nameserversJSON{list})
}

func (d *nameservers) create() error {
	server := config.DNSServer{}
	if err := d.ask(&server); err != nil {
		return err
	}
	return d.add(server)
}

// ask asks for everything that is said of a server.
func (d *nameservers) ask(server *config.DNSServer) (err error) {
	present := server.Address
	server.Address, err = d.s.Ask(shell.Question{
		Text:     "Please enter the IP address of your DNS server, with its port where that is not 53 (Ex: 192.0.2.53 or 192.0.2.53:5353).",
		Default:  present,
		Required: true,
		Check: func(answer string) error {
			answer = serverAddress(answer)
			if answer != present && slices.Contains(d.addresses(), answer) {
				return shell.Fail("Invalid address %q: it is in the list already.", answer)
			}
			return d.acceptable(config.DNSServer{Address: answer})
		},
	})
	if err != nil {
		return err
	}
	server.Address = serverAddress(server.Address)
	server.Priority, err = d.s.AskInt(shell.Question{
		Text:    "Please enter the priority for " + server.Address + ". A value of 0 has the highest priority.",
		Default: fmt.Sprint(server.Priority),
	}, 0, priorityMost)
	if err != nil {
		return err
	}
	if server.Validating, err = d.s.YesNo("Does it validate DNSSEC, and may its word be believed?", server.Validating); err != nil {
		return err
	}
	return d.askDomain(server)
}

func (d *nameservers) askDomain(server *config.DNSServer) error {
	only, err := d.s.YesNo("Is it to be asked for one domain only?", server.Domain != "")
	if err != nil || !only {
		server.Domain = ""
		return err
	}
	server.Domain, err = d.s.Ask(shell.Question{
		Text:     "Please enter the domain this server is authoritative for.",
		Default:  server.Domain,
		Required: true,
		Check: func(answer string) error {
			return d.acceptable(config.DNSServer{Address: server.Address, Domain: hostWord(answer)})
		},
	})
	server.Domain = hostWord(server.Domain)
	return err
}

// acceptable judges a server as if it were the only one.
func (d *nameservers) acceptable(server config.DNSServer) error {
	return acceptable(d.s, func(c *config.Config) { c.DNS.Servers = []config.DNSServer{server} })
}

// put stores the list in order of priority, then as entered.
func (d *nameservers) put(list []config.DNSServer) error {
	slices.SortStableFunc(list, func(x, y config.DNSServer) int { return x.Priority - y.Priority })
	return change(d.s, func(c *config.Config) error { c.DNS.Servers = list; return nil })
}

func (d *nameservers) add(server config.DNSServer) error {
	if slices.Contains(d.addresses(), server.Address) {
		return shell.Fail("Invalid address %q: it is in the list already.", server.Address)
	}
	return d.put(append(slices.Clone(d.servers()), server))
}

// choose asks for a server of the list.
func (d *nameservers) choose(question string) (int, error) {
	n, err := d.s.Pick(shell.Choice{Options: d.lines(), Question: question})
	return n - 1, err
}

func (d *nameservers) edit() error {
	i, err := d.choose("Enter the number of the server you wish to edit.")
	if err != nil {
		return err
	}
	list := slices.Clone(d.servers())
	if err := d.ask(&list[i]); err != nil {
		return err
	}
	return d.put(list)
}

func (d *nameservers) askRemove() error {
	i, err := d.choose("Enter the number of the server you wish to remove.")
	if err != nil {
		return err
	}
	return d.put(slices.Delete(slices.Clone(d.servers()), i, i+1))
}

func (d *nameservers) setup() error {
	system, err := d.s.YesNo("Do you want to use the nameservers of the host system instead of a list of your own?", len(d.servers()) == 0)
	if err != nil || !system {
		return err
	}
	return d.put(nil)
}

// serverAddress writes a nameserver's address in one way: without the usual port.
func serverAddress(word string) string {
	const usual = 53
	if with, err := netip.ParseAddrPort(word); err == nil && with.Port() == usual {
		return with.Addr().String()
	}
	return word
}

// find is the place of the server with that address.
func (d *nameservers) find(address string) (int, error) {
	i := slices.Index(d.addresses(), serverAddress(address))
	if i < 0 {
		return 0, shell.Fail("Unknown server %q: dnsconfig list shows the servers.", address)
	}
	return i, nil
}

func (d *nameservers) remove(address string) error {
	i, err := d.find(address)
	if err != nil {
		return err
	}
	return d.put(slices.Delete(slices.Clone(d.servers()), i, i+1))
}

func (d *nameservers) batchNew(rest []string) error {
	server := config.DNSServer{Address: serverAddress(rest[0])}
	rest = rest[1:]
	if len(rest) > 0 && strings.IndexFunc(rest[0], func(r rune) bool { return r < '0' || r > '9' }) < 0 {
		rest = append([]string{"priority"}, rest...)
	}
	if err := applySettings(rest, serverSettings(&server)); err != nil {
		return err
	}
	if err := d.acceptable(server); err != nil {
		return err
	}
	return d.add(server)
}

func (d *nameservers) batchEdit(rest []string) error {
	i, err := d.find(rest[0])
	if err != nil {
		return err
	}
	list := slices.Clone(d.servers())
	if err := applySettings(rest[1:], serverSettings(&list[i])); err != nil {
		return err
	}
	if err := d.acceptable(list[i]); err != nil {
		return err
	}
	return d.put(list)
}

func serverSettings(server *config.DNSServer) []setting {
	return []setting{
		{"address", func(v string) error { server.Address = serverAddress(v); return nil }},
		{"priority", func(v string) (err error) { server.Priority, err = number("priority", v, 0, priorityMost); return err }},
		{"validating", func(v string) (err error) { server.Validating, err = switched("validating", v); return err }},
		{"domain", func(v string) error {
			server.Domain = hostWord(v)
			if server.Domain == "none" {
				server.Domain = ""
			}
			return nil
		}},
	}
}
