package commands

import (
	"context"
	"net/netip"
	"slices"

	"posthouse/config"
	"posthouse/internal/dns"
	"posthouse/shell"
)

// peerRow is what one listener does with a peer that connects to it.
type peerRow struct {
	Listener string `json:"listener" doc:"its name"`
	Address  string `json:"address,omitempty" doc:"an IP address"`
	Name     string `json:"name,omitempty" doc:"as the DNS confirms it"`
	Group    string `json:"sender_group" doc:"that decides"`
	Matches  string `json:"matches" doc:"the member that matches"`
	Access   string `json:"access" doc:"accept, relay, reject, tcprefuse or continue"`
	TLS      string `json:"tls" doc:"what its policy says: off, preferred, required, or from the start"`
	Client   string `json:"client_certificate" doc:"whether one is asked for"`
}

type peerRowsJSON struct {
	Rows []peerRow `json:"rows" doc:"one for each listener and address"`
}

// peerRows says which row of each listener's host access table decides for a peer, by its address or its name. Nothing is
// connected to: it is the table of the running configuration that answers.
func peerRows(ctx context.Context, a *Appliance, s *shell.Session, args []string) error {
	if len(args) != 1 {
		return shell.Usage("Invalid number of words: tlsverify peer takes an address or a host name.")
	}
	peers, err := peersNamed(ctx, a.Engine.Resolver(), args[0])
	if err != nil {
		return err
	}
	rows := []peerRow{}
	running := a.Config.Running().Config
	for _, name := range listenerNames(running) {
		l := running.Listeners[name]
		table := l.HostAccess.Compile()
		for _, p := range peers {
			rows = append(rows, rowOf(name, l, table, p))
		}
	}
	if s.JSON {
		return s.PrintJSON(peerRowsJSON{rows})
	}
	out := shell.Table{Head: []string{"Listener", "Address", "Name", "Sender Group", "Matches", "Access", "TLS", "Client Certificate"}}
	for _, r := range rows {
		out.Rows = append(out.Rows, []string{r.Listener, orDash(r.Address), orDash(r.Name), r.Group, r.Matches, r.Access, r.TLS, r.Client})
	}
	s.Table(out)
	return nil
}

func rowOf(name string, l *config.Listener, table *config.AccessTable, p config.Peer) peerRow {
	group, pattern, behavior, params := table.Lookup(p)
	r := peerRow{Listener: name, Name: p.Name, Group: group, Matches: pattern, Access: string(behavior), TLS: string(params.TLS), Client: "not asked for"}
	if p.Addr.IsValid() {
		r.Address = p.Addr.String()
	}
	if l.ImplicitTLS {
		r.TLS = "from the start"
	}
	switch {
	case params.TLSVerify != nil && *params.TLSVerify:
		r.Client = "must verify"
	case table.NeedsCertificate():
		r.Client = "asked for; may give more rights"
	}
	return r
}

// peersNamed are the peers that a word means: an address with the name that the DNS confirms, or a name with each of its
// addresses. A name without an address is looked up by itself.
func peersNamed(ctx context.Context, r dns.Resolver, word string) ([]config.Peer, error) {
	if addr, err := netip.ParseAddr(word); err == nil {
		return []config.Peer{{Addr: addr.Unmap(), Name: confirmedName(ctx, r, addr.Unmap())}}, nil
	}
	host, err := domainWord(word)
	if err != nil {
		return nil, shell.Fail("Invalid peer %q: an address or a host name is accepted.", word)
	}
	found, err := r.Addresses(ctx, host)
	if err != nil && !dns.Absent(err) {
		return nil, shell.Fail("Unable to look up %s: %s", host, dns.KindOf(err))
	}
	peers := []config.Peer{}
	for _, a := range found {
		name := ""
		if confirmedName(ctx, r, a.Addr.Unmap()) == host {
			name = host
		}
		peers = append(peers, config.Peer{Addr: a.Addr.Unmap(), Name: name})
	}
	if len(peers) == 0 {
		peers = append(peers, config.Peer{Name: host})
	}
	return peers, nil
}

// confirmedName is an address's reverse name that leads back to it; empty for none, as in the host access table.
func confirmedName(ctx context.Context, r dns.Resolver, addr netip.Addr) string {
	names, err := r.Reverse(ctx, addr)
	if err != nil {
		return ""
	}
	for _, name := range names {
		found, err := r.Addresses(ctx, name)
		if err == nil && slices.ContainsFunc(found, func(a dns.Addr) bool { return a.Addr.Unmap() == addr }) {
			return name
		}
	}
	return ""
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
