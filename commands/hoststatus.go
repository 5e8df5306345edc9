package commands

import (
	"context"
	"fmt"
	"strings"
	"time"

	"posthouse/internal/cause"
	"posthouse/internal/eventlog"
	"posthouse/mta"
	"posthouse/shell"
)

func hostStatus(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "hoststatus",
		Summary: "Show everything that is known of one destination.",
		Roles:   shell.Readers | shell.Guest | shell.HelpDesk,
		Batch:   []string{"hoststatus HOST"},
		Help: `Counters run since the start. "Last TLS" is how the latest connection was protected, or why it failed; the addresses and mail
exchangers are those of the latest look-up, with the time that they have left.

"Last Error" is the latest failure that is not the last 5XX reply: the host that was tried, what it or the network said, and
when; where the destination is down, also since when, whose fault that most likely is, and what helps. It is known after a restart too,
while mail waits because of it.`,
		Documents: []shell.Document{
			{For: "hoststatus", Value: hostStatusDocument{}},
		},
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			host, err := hostArgument(s, args)
			if err != nil {
				return err
			}
			status, ok := a.Engine.Host(host)
			if !ok {
				return unknownHost(host)
			}
			if s.JSON {
				return s.PrintJSON(hostStatusJSON(status))
			}
			printHostStatus(s, status)
			return nil
		},
		Complete: func(_ *shell.Session, args []string) []string { return startingWith(args, hostNames(a)) },
	}
}

// unknownHost refuses a destination of which nothing is known.
func unknownHost(host string) error {
	return shell.Fail("Unknown host %q: nothing was queued for it since the start.", host)
}

func hostArgument(s *shell.Session, args []string) (string, error) {
	switch len(args) {
	case 0:
		answer, err := s.Ask(shell.Question{Text: "Recipient host:", Required: true})
		return hostWord(answer), err
	case 1:
		return hostWord(args[0]), nil
	}
	return "", shell.Usage("Invalid word %q: hoststatus takes one host.", args[1])
}

func printHostStatus(s *shell.Session, h mta.HostStatus) {
	now := time.Now()
	s.Printf("\nHost mail status for: '%s'\n", h.Host)
	s.Printf("Status as of:         %s\n", stamp(now))
	s.Printf("Host up/down:         %s\n\n", h.State)
	s.Printf("Counters:\n")
	printFigures(s, hostCounters(h))
	s.Printf("\nGauges:\n")
	printFigures(s, hostGauges(h))
	oldest, activity, tls := "No Messages", "Never", "-"
	if !h.Oldest.IsZero() {
		oldest = spelled(now.Sub(h.Oldest))
	}
	if !h.LastActivity.IsZero() {
		activity = stamp(h.LastActivity)
	}
	if h.LastTLS != "" {
		tls = h.LastTLS
	}
	if title := causeTitle(h.LastCause); h.State == "down" && title != "" && !strings.HasPrefix(h.LastCause, "N") {
		tls = "failed: " + h.LastCause + " " + title
	}
	s.Printf("\n%-22s%s\n%-22s%s\n%-22s%s\n", "Oldest Message", oldest, "Last Activity", activity, "Last TLS", tls)
	printAddresses(s, h, now)
	printLast5XX(s, h)
	printLastError(s, h)
}

// figure is one counter or gauge; a negative value is a heading.
type figure struct {
	indent int
	title  string
	value  int
}

func hostCounters(h mta.HostStatus) []figure {
	return []figure{
		{2, "Queue", -1},
		{4, "Soft Bounced Events", h.SoftBounced},
		{2, "Completion", -1},
		{4, "Completed Recipients", h.HardBounced + h.Delivered + h.Deleted},
		{6, "Hard Bounced Recipients", h.HardBounced},
		{8, "DNS Hard Bounces", h.DNSHard},
		{8, "5XX Hard Bounces", h.FiveXXHard},
		{8, "Filter Hard Bounces", h.FilterHard},
		{8, "Expired Hard Bounces", h.ExpiredHard},
		{8, "Other Hard Bounces", h.OtherHard},
		{6, "Delivered Recipients", h.Delivered},
		{6, "Deleted Recipients", h.Deleted},
	}
}

func hostGauges(h mta.HostStatus) []figure {
	return []figure{
		{2, "Queue", -1},
		{4, "Active Recipients", h.Active},
		{6, "Unattempted Recipients", h.Unattempted},
		{6, "Attempted Recipients", h.Attempted},
		{2, "Connections", -1},
		{4, "Current Outbound Connections", h.Connections},
		{4, "Pending Outbound Connections", h.Pending},
	}
}

func printFigures(s *shell.Session, figures []figure) {
	for _, f := range figures {
		title := strings.Repeat(" ", f.indent) + f.title
		if f.value < 0 {
			s.Println(title)
			continue
		}
		s.Printf("%-35s%15s\n", title, thousands(f.value))
	}
}

func printAddresses(s *shell.Session, h mta.HostStatus, now time.Time) {
	if len(h.Addresses) > 0 {
		s.Printf("Ordered IP addresses: (expiring at %s)\n", stamp(h.AddressesExpire))
		s.Printf("    %-13s%s\n", "Preference", "IPs")
		for _, list := range h.Addresses {
			line := fmt.Sprintf("    %-13d", list.Preference)
			for _, address := range list.Addresses {
				line += fmt.Sprintf("%-16s ", address)
			}
			s.Println(strings.TrimRight(line, " "))
		}
	}
	if len(h.MX) > 0 {
		s.Printf("MX Records:\n    %-13s%-10s%s\n", "Preference", "TTL", "Hostname")
		for _, mx := range h.MX {
			s.Printf("    %-13d%-10s%s\n", mx.Preference, lifetime(mx.TTL), mx.Host)
		}
	}
}

func printLast5XX(s *shell.Session, h mta.HostStatus) {
	s.Printf("Last 5XX Error:\n----------\n")
	if h.Last5XX == "" {
		s.Println("none")
	} else {
		s.Printf("%s\n(at %s)\n", eventlog.Escape(h.Last5XX), stamp(h.Last5XXAt))
	}
	s.Println("----------")
}

// printLastError prints the latest failure, unless the last 5XX error has told it.
func printLastError(s *shell.Session, h mta.HostStatus) {
	if lastError(h.HostSummary) == "-" || h.State != mta.HostDown && h.LastError == h.Last5XX {
		return
	}
	s.Say("Last Error:\n----------\n%s", eventlog.Escape(strings.TrimPrefix(h.LastErrorHost+": "+h.LastError, ": ")))
	if !h.LastErrorAt.IsZero() {
		s.Printf("(at %s)\n", stamp(h.LastErrorAt))
	}
	if !h.DownSince.IsZero() {
		s.Printf("Down since:  %s\n", stamp(h.DownSince))
	}
	if c, known := cause.Lookup(cause.ID(h.LastCause)); known {
		s.SayBeside("Cause:       ", string(c.ID)+", "+c.Title)
		if h.State != mta.HostUp {
			s.SayBeside("Whose fault: ", c.Fault)
			s.SayBeside("What helps:  ", c.Helps)
		}
	}
	s.Println("----------")
}

type mxJSON struct {
	Preference int    `json:"preference" doc:"the smaller, the earlier"`
	TTLSeconds int64  `json:"ttl_seconds" doc:"for how long it may still be kept"`
	Host       string `json:"host" doc:"a mail exchanger"`
}

type preferenceJSON struct {
	Preference int      `json:"preference" doc:"the smaller, the earlier"`
	Addresses  []string `json:"addresses" doc:"IP addresses"`
}

type hostStatusDocument struct {
	topHostJSON
	At              time.Time        `json:"at" doc:"when that was so"`
	Oldest          *time.Time       `json:"oldest" doc:"since when its oldest message waits"`
	NextAttempt     *time.Time       `json:"next_attempt" doc:"when it is tried again; null: nothing waits, or at once"`
	LastActivity    *time.Time       `json:"last_activity" doc:"when something was last sent"`
	LastTLS         string           `json:"last_tls" doc:"how the latest connection was protected"`
	LastCause       string           `json:"last_cause" doc:"the id of the cause of the latest failure"`
	LastError       string           `json:"last_error" doc:"its words, a reply with its code"`
	LastErrorAt     *time.Time       `json:"last_error_at" doc:"when it was"`
	LastErrorHost   string           `json:"last_error_host" doc:"the host that was tried"`
	LastTitle       string           `json:"last_cause_title" doc:"what the catalogue says of its cause; empty, as the next two, where it has none"`
	LastFault       string           `json:"last_cause_fault" doc:"whose fault that is, most likely"`
	LastHelps       string           `json:"last_cause_helps" doc:"what helps"`
	DownSince       *time.Time       `json:"down_since" doc:"null: it is not down"`
	DNSHard         int              `json:"dns_hard_bounces" doc:"recipients"`
	FiveXXHard      int              `json:"smtp_5xx_hard_bounces" doc:"recipients"`
	FilterHard      int              `json:"filter_hard_bounces" doc:"recipients"`
	ExpiredHard     int              `json:"expired_hard_bounces" doc:"recipients"`
	OtherHard       int              `json:"other_hard_bounces" doc:"recipients"`
	Deleted         int              `json:"deleted_recipients" doc:"since the start"`
	Unattempted     int              `json:"unattempted_recipients" doc:"of them, never tried"`
	Attempted       int              `json:"attempted_recipients" doc:"of them, tried"`
	Pending         int              `json:"pending_connections" doc:"that are being opened"`
	Addresses       []preferenceJSON `json:"addresses" doc:"as they were last found"`
	AddressesExpire *time.Time       `json:"addresses_expire" doc:"when they are looked up again"`
	MX              []mxJSON         `json:"mx" doc:"mail exchangers"`
	Last5XX         string           `json:"last_5xx" doc:"the latest permanent refusal"`
	Last5XXAt       *time.Time       `json:"last_5xx_at" doc:"when it came"`
}

func hostStatusJSON(h mta.HostStatus) hostStatusDocument {
	known, _ := cause.Lookup(cause.ID(h.LastCause))
	document := hostStatusDocument{hostJSON(h.HostSummary), time.Now(), orNil(h.Oldest), orNil(h.NextAttempt), orNil(h.LastActivity), h.LastTLS, h.LastCause,
		h.LastError, orNil(h.LastErrorAt), h.LastErrorHost, known.Title, known.Fault, known.Helps, orNil(h.DownSince),
		h.DNSHard, h.FiveXXHard, h.FilterHard, h.ExpiredHard, h.OtherHard, h.Deleted, h.Unattempted, h.Attempted,
		h.Pending, []preferenceJSON{}, orNil(h.AddressesExpire), []mxJSON{}, h.Last5XX, orNil(h.Last5XXAt)}
	for _, list := range h.Addresses {
		document.Addresses = append(document.Addresses, preferenceJSON(list))
	}
	for _, mx := range h.MX {
		document.MX = append(document.MX, mxJSON{mx.Preference, int64(mx.TTL / time.Second), mx.Host})
	}
	return document
}
