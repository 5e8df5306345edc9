package commands

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"posthouse/mta"
	"posthouse/shell"
)

// hostOrder is one way to sort tophosts.
type hostOrder struct {
	word, title string
	value       func(mta.HostSummary) int
}

var hostOrders = [...]hostOrder{
	{"active", "Active Recipients", func(h mta.HostSummary) int { return h.Active }},
	{"conn", "Connections Out", func(h mta.HostSummary) int { return h.Connections }},
	{"deliv", "Delivered Recipients", func(h mta.HostSummary) int { return h.Delivered }},
	{"hard", "Hard Bounced Recipients", func(h mta.HostSummary) int { return h.HardBounced }},
	{"soft", "Soft Bounced Events", func(h mta.HostSummary) int { return h.SoftBounced }},
}

const topHostsShown = 20

func topHosts(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "tophosts",
		Summary: "Show the destinations with the most mail.",
		Roles:   shell.Readers | shell.Guest,
		Batch:   []string{"tophosts [active|conn|deliv|hard|soft] [N]"},
		Help: `Lists destinations, sorted by the recipients that wait for them, by open connections, or by what was
delivered, hard bounced or soft bounced since the start. N is how many are shown; 20 where it is not said.
A '*' behind the number marks a destination that was down at the last attempt.`,
		Documents: []shell.Document{
			{For: "tophosts", Value: topHostsJSON{}},
		},
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			order, n, err := topHostsArguments(s, args)
			if err != nil {
				return err
			}
			hosts := sortHosts(a.Engine.Hosts(), order)
			if len(hosts) > n {
				hosts = hosts[:n]
			}
			return printTopHosts(s, hosts)
		},
		Complete: func(_ *shell.Session, args []string) []string {
			return startingWith(args, []string{"active", "conn", "deliv", "hard", "soft"})
		},
	}
}

func topHostsArguments(s *shell.Session, args []string) (hostOrder, int, error) {
	n := topHostsShown
	if len(args) > 2 {
		return hostOrder{}, 0, shell.Usage("Invalid word %q: tophosts takes an order and a number.", args[2])
	}
	if len(args) == 2 {
		var err error
		if n, err = number("count", args[1], 1, 1000000); err != nil {
			return hostOrder{}, 0, err
		}
	}
	if len(args) > 0 {
		order, err := hostOrderNamed(args[0])
		return order, n, err
	}
	if s.JSON {
		return hostOrders[0], n, nil
	}
	titles := make([]string, len(hostOrders))
	for i, o := range hostOrders {
		titles[i] = o.title
	}
	i, err := s.Choose("Sort results by:\n", titles, 1)
	if err != nil {
		return hostOrder{}, 0, err
	}
	return hostOrders[i-1], n, nil
}

func hostOrderNamed(word string) (hostOrder, error) {
	for _, o := range hostOrders {
		if len(word) > 0 && len(word) <= len(o.word) && strings.EqualFold(o.word[:len(word)], word) {
			return o, nil
		}
	}
	return hostOrder{}, shell.Usage("Invalid order %q: accepted are active, conn, deliv, hard, soft.", word)
}

// sortHosts sorts by the order's value, the largest first, and by name where values are equal.
func sortHosts(hosts []mta.HostSummary, order hostOrder) []mta.HostSummary {
	hosts = slices.Clone(hosts)
	slices.SortFunc(hosts, func(x, y mta.HostSummary) int {
		return cmp.Or(cmp.Compare(order.value(y), order.value(x)), cmp.Compare(x.Host, y.Host))
	})
	return hosts
}

// topHostJSON is one destination in tophosts --json and the beginning of one in showhosts --json.
type topHostJSON struct {
	Host                  string `json:"host" doc:"a destination's name"`
	State                 string `json:"state" doc:"up, down, unknown or suspended"`
	ActiveRecipients      int    `json:"active_recipients" doc:"that wait or are under way"`
	Connections           int    `json:"connections_out" doc:"open to it now"`
	DeliveredRecipients   int    `json:"delivered_recipients" doc:"since the start"`
	SoftBouncedEvents     int    `json:"soft_bounced_events" doc:"since the start"`
	HardBouncedRecipients int    `json:"hard_bounced_recipients" doc:"since the start"`
}

type topHostsJSON struct {
	At    time.Time     `json:"at" doc:"when that was so"`
	Hosts []topHostJSON `json:"hosts" doc:"sorted as was asked for"`
}

func hostJSON(h mta.HostSummary) topHostJSON {
	return topHostJSON{h.Host, string(h.State), h.Active, h.Connections, h.Delivered, h.SoftBounced, h.HardBounced}
}

func printTopHosts(s *shell.Session, hosts []mta.HostSummary) error {
	now := time.Now()
	if s.JSON {
		document := topHostsJSON{now, []topHostJSON{}}
		for _, h := range hosts {
			document.Hosts = append(document.Hosts, hostJSON(h))
		}
		return s.PrintJSON(document)
	}
	s.Printf("\nStatus as of:                  %s\n", stamp(now))
	s.Say("Hosts marked with '*' were down as of the last delivery attempt.\n")
	width := 24
	for _, h := range hosts {
		width = max(width, utf8.RuneCountInString(h.Host))
	}
	// The first line of the head stands one column to the left of the second: that is the table that scripts know.
	s.Printf("%-*s%9s%7s%11s%11s%11s\n", width+6, "", "Active", "Conn.", "Deliv.", "Soft", "Hard")
	s.Printf("  #   %-*s%10s%7s%11s%11s%11s\n", width, "Recipient Host", "Recip.", "Out", "Recip.", "Bounced", "Bounced")
	for i, h := range hosts {
		down := " "
		if h.State == mta.HostDown {
			down = "*"
		}
		s.Printf("%3d%s  %-*s%10s%7s%11s%11s%11s\n", i+1, down, width, h.Host, thousands(h.Active), thousands(h.Connections),
			thousands(h.Delivered), thousands(h.SoftBounced), thousands(h.HardBounced))
	}
	return nil
}
