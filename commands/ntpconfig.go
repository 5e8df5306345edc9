package commands

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"posthouse/shell"
)

// clockFiles are where the programs that keep a host's clock have their servers, and how they call them there.
var clockFiles = []struct {
	program, pattern string
	words            []string // with which a line of a server begins
}{
	{"chrony", "/etc/chrony/chrony.conf", []string{"server", "pool", "peer"}},
	{"chrony", "/etc/chrony/conf.d/*.conf", []string{"server", "pool", "peer"}},
	{"chrony", "/etc/chrony/sources.d/*.sources", []string{"server", "pool", "peer"}},
	{"chrony", "/etc/chrony.conf", []string{"server", "pool", "peer"}},
	{"ntpd", "/etc/ntpsec/ntp.conf", []string{"server", "pool", "peer"}},
	{"ntpd", "/etc/ntp.conf", []string{"server", "pool", "peer"}},
	{"openntpd", "/etc/openntpd/ntpd.conf", []string{"server", "servers"}},
	{"systemd-timesyncd", "/etc/systemd/timesyncd.conf", []string{"NTP=", "FallbackNTP="}},
	{"systemd-timesyncd", "/etc/systemd/timesyncd.conf.d/*.conf", []string{"NTP=", "FallbackNTP="}},
}

const ntpLimit = 10 * time.Second

func ntpConfig(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "ntpconfig",
		Summary: "Show who keeps the clock, and how far it is off.",
		Batch:   []string{"ntpconfig list", "ntpconfig query SERVER[:PORT]"},
		Help: `The clock and its time servers belong to the host system: list shows what can be found there, query asks one server once by SNTP
(RFC 4330) and says how far this clock is from that one. Servers are changed in the files that list names.`,
		Documents: []shell.Document{
			{For: "ntpconfig list", Value: clockDocument{}}, {For: "ntpconfig query", Value: offsetDocument{}},
		},
		Roles: shell.Readers | shell.Technician,
		Run: func(ctx context.Context, s *shell.Session, args []string) error {
			if len(args) > 0 {
				return ntpBatch(ctx, a, s, args)
			}
			if s.JSON {
				return s.PrintJSON(findClock())
			}
			return ntpMenu(ctx, a, s)
		},
		Complete: func(_ *shell.Session, args []string) []string {
			if len(args) > 1 {
				return nil
			}
			return startingWith(args, []string{"list", "query"})
		},
	}
}

func ntpBatch(ctx context.Context, a *Appliance, s *shell.Session, args []string) error {
	foreign := func([]string) error {
		return shell.Fail("Unable to change time servers: they belong to the host system; edit %s there.", clockPlace(findClock()))
	}
	return dispatch("ntpconfig", args, []subcommand{
		{"list", 0, 0, func([]string) error {
			clock := findClock()
			if s.JSON {
				return s.PrintJSON(clock)
			}
			printClock(s, clock)
			return nil
		}},
		{"query", 1, 1, func(args []string) error { return queryClock(ctx, a, s, args[0]) }},
		{"new", 0, -1, foreign},
		{"edit", 0, -1, foreign},
		{"delete", 0, -1, foreign},
	})
}

func ntpMenu(ctx context.Context, a *Appliance, s *shell.Session) error {
	clock := findClock()
	return s.Menu(shell.Menu{
		State: func() { printClock(s, clock) },
		Items: []shell.MenuItem{
			{Keyword: "QUERY", What: "Ask a time server how far the clock is off.", Do: plainly(func() error {
				usual := ""
				if len(clock.Servers) > 0 {
					usual = clock.Servers[0]
				}
				server, err := s.Ask(shell.Question{Text: "Please enter the hostname or IP address of the NTP server.", Default: usual, Required: true})
				if err != nil {
					return err
				}
				return queryClock(ctx, a, s, server)
			})},
		},
	})
}

// clockDocument is what ntpconfig list --json prints.
type clockDocument struct {
	Synchronized *bool    `json:"synchronized" doc:"what the kernel says; null where it says nothing"`
	Program      string   `json:"program" doc:"that keeps the clock; empty: none was found"`
	Files        []string `json:"files" doc:"in which its servers stand"`
	Servers      []string `json:"servers" doc:"as they stand there"`
}

// findClock looks for the program that keeps the host's clock; the first that names servers counts.
func findClock() clockDocument {
	d := clockDocument{Files: []string{}, Servers: []string{}}
	var state unix.Timex
	if status, err := unix.Adjtimex(&state); err == nil {
		const unsynchronized = 5 // TIME_ERROR of adjtimex(2)
		d.Synchronized = new(status != unsynchronized)
	}
	for _, place := range clockFiles {
		if d.Program != "" && d.Program != place.program {
			continue
		}
		paths, _ := filepath.Glob(place.pattern)
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				continue
			}
			if servers := timeServers(string(text), place.words); len(servers) > 0 {
				d.Program = place.program
				d.Files = append(d.Files, path)
				d.Servers = append(d.Servers, servers...)
			}
		}
	}
	return d
}

// timeServers are the hosts on lines that begin with one of the words; a word with = has a list behind it.
func timeServers(text string, words []string) []string {
	var list []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		for _, word := range words {
			if rest, ok := strings.CutPrefix(line, word); ok && strings.HasSuffix(word, "=") {
				list = append(list, strings.Fields(rest)...)
			}
		}
		if fields := strings.Fields(line); len(fields) > 1 && slices.Contains(words, fields[0]) {
			list = append(list, fields[1])
		}
	}
	return list
}

func clockPlace(d clockDocument) string {
	if len(d.Files) == 0 {
		return "the configuration of its time service"
	}
	return strings.Join(d.Files, ", ")
}

func printClock(s *shell.Session, d clockDocument) {
	s.Say("The clock belongs to the host system.")
	switch {
	case d.Synchronized == nil:
	case *d.Synchronized:
		s.Say("The host says that it is synchronized.")
	default:
		s.Say("The host says that it is not synchronized.")
	}
	if len(d.Servers) == 0 {
		s.Say("No time servers were found in the host's files.")
		return
	}
	s.Printf("Time servers of %s (%s):\n", d.Program, clockPlace(d))
	for i, server := range d.Servers {
		s.Printf("%d. %s\n", i+1, server)
	}
}

// offsetDocument is what ntpconfig query --json prints.
type offsetDocument struct {
	Server  string  `json:"server" doc:"as it was typed"`
	Stratum int     `json:"stratum" doc:"how far it is from a reference clock"`
	Offset  float64 `json:"offset_seconds" doc:"what has to be added to this clock"`
	Delay   float64 `json:"delay_seconds" doc:"of the question and its answer"`
}

func queryClock(ctx context.Context, a *Appliance, s *shell.Session, server string) error {
	ctx, cancel := context.WithTimeout(ctx, ntpLimit)
	defer cancel()
	at, err := ntpAddress(ctx, a, server)
	if err != nil {
		return err
	}
	d, err := askClock(ctx, at)
	if err != nil {
		return shell.Fail("Unable to ask %s: %w.", server, withoutAddress(err))
	}
	d.Server = server
	if s.JSON {
		return s.PrintJSON(d)
	}
	direction := "behind"
	if d.Offset < 0 {
		direction = "ahead"
	}
	s.Say("%s (stratum %d): this clock is %.3f s %s, measured over %.3f s.", server, d.Stratum, max(d.Offset, -d.Offset), direction, d.Delay)
	return nil
}

func ntpAddress(ctx context.Context, a *Appliance, server string) (netip.AddrPort, error) {
	if ap, err := netip.ParseAddrPort(server); err == nil {
		return ap, nil
	}
	list, err := calling{host: server}.addresses(ctx, a.Engine.Resolver())
	if err != nil || len(list) == 0 {
		return netip.AddrPort{}, unresolved(server, "A or AAAA", err)
	}
	return netip.AddrPortFrom(list[0], 123), nil
}
