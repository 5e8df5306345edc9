package commands

import (
	"cmp"
	"context"
	"slices"
	"time"
	"unicode/utf8"

	"posthouse/internal/eventlog"
	"posthouse/mta"
	"posthouse/shell"
)

func topIn(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "topin",
		Summary: "Show who has the most connections to the listeners.",
		Roles:   shell.Readers | shell.Guest,
		Batch:   []string{"topin [N]"},
		Help: `Lists the addresses from which connections are open now, those with the most of them first, with the listener and the
name that the address goes by. N is how many are shown; 20 where it is not said.`,
		Documents: []shell.Document{
			{For: "topin", Value: peersDocument{}},
		},
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			n := topHostsShown
			var err error
			switch {
			case len(args) > 1:
				return shell.Usage("Invalid word %q: topin takes a number.", args[1])
			case len(args) == 1:
				if n, err = number("count", args[0], 1, 1000000); err != nil {
					return err
				}
			}
			peers := sortPeers(a.Engine.Peers())
			return printPeers(s, peers[:min(n, len(peers))])
		},
	}
}

// sortPeers sorts by the number of connections, the most first, then by address and listener.
func sortPeers(peers []mta.Peer) []mta.Peer {
	slices.SortFunc(peers, func(x, y mta.Peer) int {
		return cmp.Or(cmp.Compare(y.Count, x.Count), x.Addr.Compare(y.Addr), cmp.Compare(x.Listener, y.Listener))
	})
	return peers
}

func printPeers(s *shell.Session, peers []mta.Peer) error {
	now := time.Now()
	if s.JSON {
		return s.PrintJSON(peersJSON(now, peers))
	}
	name, addr, listener := 25, 16, 14
	for _, p := range peers {
		name = max(name, utf8.RuneCountInString(peerName(p)))
		addr, listener = max(addr, len(p.Addr.String())), max(listener, len(p.Listener))
	}
	s.Printf("Status as of:                   %s\n\n", stamp(now))
	s.Printf("%-3s%-*s  %-*s  %-*s  %8s\n", "#", name, "Remote hostname", addr, "Remote IP addr.", listener, "listener", "Conn. In")
	for i, p := range peers {
		s.Printf("%-3d%-*s  %-*s  %-*s  %8d\n", i+1, name, peerName(p), addr, p.Addr, listener, p.Listener, p.Count)
	}
	return nil
}

// peerName is what a peer's address goes by.
func peerName(p mta.Peer) string {
	if p.Name == "" {
		return "unknown"
	}
	return eventlog.Escape(p.Name)
}

type peersDocument struct {
	At    time.Time  `json:"at" doc:"when that was so"`
	Peers []peerJSON `json:"peers" doc:"those with the most connections first"`
}

type peerJSON struct {
	Host        *string `json:"remote_host" doc:"null where it is not known"`
	Address     string  `json:"remote_address" doc:"whose connections these are"`
	Listener    string  `json:"listener" doc:"its name"`
	Connections int     `json:"connections_in" doc:"open now"`
}

func peersJSON(now time.Time, peers []mta.Peer) peersDocument {
	document := peersDocument{now, []peerJSON{}}
	for _, p := range peers {
		row := peerJSON{nil, p.Addr.String(), p.Listener, p.Count}
		if p.Name != "" {
			row.Host = &p.Name
		}
		document.Peers = append(document.Peers, row)
	}
	return document
}
