package commands

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"posthouse/mta"
	"posthouse/mta/tlsreport"
	"posthouse/shell"
)

func status(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "status",
		Summary: "Show the system's state.",
		Roles:   shell.Readers | shell.Guest | shell.Technician,
		Batch:   []string{"status", "status detail"},
		Help: `Counters are shown since the last reset, since the start, and since the first start ever. "status detail" adds
the completed recipients by outcome, the delivered ones by how their connection was protected, what happens an hour, as
seen over the last minute, 5 minutes and 15 minutes, and what the appliance takes of the machine's memory, processors and
disk.`,
		Documents: []shell.Document{
			{For: "status", Value: statusDocument{}},
		},
		Run: func(ctx context.Context, s *shell.Session, args []string) error {
			detail := len(args) == 1 && len(args[0]) > 0 && strings.HasPrefix("detail", strings.ToLower(args[0]))
			if len(args) > 0 && !detail {
				return shell.Usage("Invalid word %q: status takes nothing or detail.", args[0])
			}
			st := a.Engine.Status()
			var l *load
			if detail || s.JSON {
				found := machineLoad(ctx, a.Files)
				l = &found
			}
			if s.JSON {
				return s.PrintJSON(statusJSON(st, *l))
			}
			printStatus(s, st, l)
			if detail {
				printInClear(s, a.Reports)
			}
			return nil
		},
		Complete: func(_ *shell.Session, args []string) []string { return startingWith(args, []string{"detail"}) },
	}
}

// printStatus prints the short form, and with the machine's load the detailed one.
func printStatus(s *shell.Session, st mta.Status, l *load) {
	detail := l != nil
	if !detail {
		s.Say("\nEnter \"status detail\" for more information.")
	}
	s.Printf("\n%-31s%s\n", "Status as of:", stamp(st.At))
	s.Printf("%-31s%s (%s)\n", "Up since:", stamp(st.UpSince), compact(st.At.Sub(st.UpSince)))
	reset, oldest := "Never", "No Messages"
	if !st.LastReset.IsZero() {
		reset = stamp(st.LastReset)
	}
	if !st.OldestMessage.IsZero() {
		oldest = spelled(st.At.Sub(st.OldestMessage))
	}
	s.Printf("%-31s%s\n%-31s%s\n%-31s%s\n", "Last counter reset:", reset, "System status:", st.System, "Oldest Message:", oldest)
	s.Printf("\n%-28s%14s%16s%16s\n", "Counters:", "Reset", "Uptime", "Lifetime")
	for _, row := range statusCounters(st) {
		if !row.detail || detail {
			printCounter(s, row)
		}
	}
	s.Printf("  Current IDs\n%s%s%s", currentID("Message ID (MID)", st.MID),
		currentID("Injection Conn. ID (ICID)", st.ICID), currentID("Delivery Conn. ID (DCID)", st.DCID))
	if detail {
		printRates(s, st.Rates)
	}
	s.Printf("\n%-28s%13s\n", "Gauges:", "Current")
	if detail {
		s.Printf("  System\n%s%s%s", utilization("RAM", l.RAMPercent), utilization("CPU", l.CPUPercent), utilization("Disk", l.DiskPercent))
	}
	for _, row := range statusGauges(st) {
		switch {
		case row.detail && !detail:
		case row.value < 0:
			s.Printf("%s\n", row.title)
		default:
			s.Printf("%s%*s\n", row.title, 41-len(row.title), thousands(row.value))
		}
	}
}

// inClearShown is how many domains status detail names; tlsreport names all of them.
const inClearShown = 20

// printInClear lists whose mail went without TLS, the most first. Nobody is left out silently.
func printInClear(s *shell.Session, reports TLSReports) {
	if reports == nil {
		return
	}
	list := slices.DeleteFunc(reports.Deliveries(), func(d tlsreport.DomainDeliveries) bool { return d.Clear == 0 })
	slices.SortStableFunc(list, func(x, y tlsreport.DomainDeliveries) int { return cmp.Compare(y.Clear, x.Clear) })
	s.Printf("\nSent in clear since %s:\n", stamp(reports.Since()))
	if len(list) == 0 {
		s.Println("  Nothing")
	}
	for _, d := range list[:min(len(list), inClearShown)] {
		why := "TLS: No"
		if d.ClearCause != "" {
			why = fmt.Sprintf("%s, %s", d.ClearCause, causeTitle(string(d.ClearCause)))
		}
		s.Printf("  %-38s%s  (%s)\n", d.Domain, thousands(d.Clear), why)
	}
	if more := len(list) - inClearShown; more > 0 {
		s.Printf("  and %d more domains: see tlsreport\n", more)
	}
}

// utilization is one line of what the appliance takes of the machine.
func utilization(what string, percent int) string {
	value := "unknown"
	if percent >= 0 {
		value = fmt.Sprintf("%d%%", percent)
	}
	title := "    " + what + " Utilization"
	return fmt.Sprintf("%s%*s\n", title, 41-len(title), value)
}

// counterRow is one line of the counters; without a counter it is a heading. detail: only status detail shows it.
type counterRow struct {
	title   string
	counter *mta.Counter
	detail  bool
}

func statusCounters(st mta.Status) []counterRow {
	return []counterRow{
		{"  Receiving", nil, false},
		{"    Messages Received", &st.MessagesReceived, false},
		{"    Recipients Received", &st.RecipientsReceived, false},
		{"    Gen. Bounce Recipients", &st.GeneratedBounces, true},
		{"  Rejection", nil, false},
		{"    Rejected Recipients", &st.RejectedRecipients, false},
		{"    Dropped Messages", &st.DroppedMessages, false},
		{"  Queue", nil, false},
		{"    Soft Bounced Events", &st.SoftBouncedEvents, false},
		{"  Completion", nil, false},
		{"    Completed Recipients", &st.CompletedRecipients, false},
		{"      Hard Bounced Recipients", &st.HardBounced, true},
		{"        DNS Hard Bounces", &st.DNSHard, true},
		{"        5XX Hard Bounces", &st.FiveXXHard, true},
		{"        Filter Hard Bounces", &st.FilterHard, true},
		{"        Expired Hard Bounces", &st.ExpiredHard, true},
		{"        Other Hard Bounces", &st.OtherHard, true},
		{"      Delivered Recipients", &st.Delivered, true},
		{"        TLS, Verified", &st.TLSVerified, true},
		{"        TLS, Encrypted", &st.TLSEncrypted, true},
		{"        In Clear", &st.InClear, true},
		{"      Deleted Recipients", &st.Deleted, true},
	}
}

func printCounter(s *shell.Session, row counterRow) {
	if row.counter == nil {
		s.Println(row.title)
		return
	}
	s.Printf("%s%*s%16s%16s\n", row.title, 42-len(row.title), thousands(row.counter.Reset), thousands(row.counter.Uptime),
		thousands(row.counter.Lifetime))
}

// hourlyRow is one line of the rates; without a rate it is a heading.
type hourlyRow struct {
	title string
	rate  *mta.Rate
}

func printRates(s *shell.Session, r mta.Rates) {
	s.Printf("\n%-28s%14s%16s%16s\n", "Rates (Events Per Hour):", "1-Minute", "5-Minutes", "15-Minutes")
	for _, row := range []hourlyRow{
		{"  Receiving", nil},
		{"    Messages Received", &r.MessagesReceived},
		{"    Recipients Received", &r.RecipientsReceived},
		{"  Queue", nil},
		{"    Soft Bounced Events", &r.SoftBouncedEvents},
		{"  Completion", nil},
		{"    Completed Recipients", &r.CompletedRecipients},
		{"      Hard Bounced Recipients", &r.HardBounced},
		{"      Delivered Recipients", &r.Delivered},
	} {
		if row.rate == nil {
			s.Println(row.title)
			continue
		}
		s.Printf("%s%*s%16s%16s\n", row.title, 42-len(row.title), thousands(row.rate[0]), thousands(row.rate[1]), thousands(row.rate[2]))
	}
}

func currentID(title string, id uint64) string {
	return fmt.Sprintf("    %-30s%40d\n", title, id)
}

type gaugeRow struct {
	title  string
	value  int64 // negative: a heading
	detail bool
}

func statusGauges(st mta.Status) []gaugeRow {
	return []gaugeRow{
		{"  Connections", -1, false},
		{"    Current Inbound Conn.", int64(st.InboundConnections), false},
		{"    Current Outbound Conn.", int64(st.OutboundConnections), false},
		{"  Queue", -1, false},
		{"    Active Recipients", int64(st.ActiveRecipients), false},
		{"      Unattempted Recipients", int64(st.Unattempted), true},
		{"      Attempted Recipients", int64(st.Attempted), true},
		{"    Messages In Work Queue", int64(st.WorkQueue), false},
		{"    Destinations In Memory", int64(st.Destinations), true},
		{"    Kilobytes Used", st.KilobytesUsed, false},
		{"    Kilobytes Free", st.KilobytesFree, false},
		{"  Quarantine", -1, false},
		{"    Messages In Quarantine", -1, false},
		{"      Policy, Virus and Outbreak", 0, false},
		{"    Kilobytes In Quarantine", -1, false},
		{"      Policy, Virus and Outbreak", 0, false},
	}
}

// counterJSON is a counter in its three reaches.
type counterJSON struct {
	Reset    uint64 `json:"reset" doc:"since the last resetcounters"`
	Uptime   uint64 `json:"uptime" doc:"since the start"`
	Lifetime uint64 `json:"lifetime" doc:"since the first start ever"`
}

// rateJSON is a rate in events an hour, by what it was seen over.
type rateJSON struct {
	One     uint64 `json:"minutes_1" doc:"over the last minute"`
	Five    uint64 `json:"minutes_5" doc:"over the last 5"`
	Fifteen uint64 `json:"minutes_15" doc:"over the last 15"`
}

func ratesJSON(r mta.Rates) map[string]rateJSON {
	rates := make(map[string]rateJSON)
	for name, rate := range map[string]mta.Rate{
		"messages_received": r.MessagesReceived, "recipients_received": r.RecipientsReceived, "soft_bounced_events": r.SoftBouncedEvents,
		"completed_recipients": r.CompletedRecipients, "hard_bounced_recipients": r.HardBounced, "delivered_recipients": r.Delivered,
	} {
		rates[name] = rateJSON{rate[0], rate[1], rate[2]}
	}
	return rates
}

type statusDocument struct {
	At            time.Time              `json:"at" doc:"when that was so"`
	UpSince       time.Time              `json:"up_since" doc:"the start"`
	LastReset     *time.Time             `json:"last_counter_reset" doc:"null: never"`
	System        string                 `json:"system_status" doc:"Online, Offline and so on"`
	OldestMessage *time.Time             `json:"oldest_message" doc:"when it came in; null: the queue is empty"`
	Counters      map[string]counterJSON `json:"counters" doc:"by name"`
	Rates         map[string]rateJSON    `json:"rates_per_hour" doc:"events an hour, by name"`
	MID           uint64                 `json:"mid" doc:"the latest"`
	ICID          uint64                 `json:"icid" doc:"the latest"`
	DCID          uint64                 `json:"dcid" doc:"the latest"`
	Inbound       int                    `json:"inbound_connections" doc:"open now"`
	Outbound      int                    `json:"outbound_connections" doc:"open now"`
	Active        int                    `json:"active_recipients" doc:"that wait or are under way"`
	Unattempted   int                    `json:"unattempted_recipients" doc:"of them, never tried"`
	Attempted     int                    `json:"attempted_recipients" doc:"of them, tried"`
	WorkQueue     int                    `json:"work_queue_messages" doc:"that wait for work"`
	Destinations  int                    `json:"destinations" doc:"in memory"`
	BytesUsed     int64                  `json:"queue_bytes_used" doc:"bytes"`
	BytesFree     int64                  `json:"queue_bytes_free" doc:"bytes"`
	RAM           int64                  `json:"ram_bytes" doc:"bytes that the process has; -1: the system does not tell"`
	RAMPercent    int                    `json:"ram_percent" doc:"-1: the system does not tell"`
	CPUPercent    int                    `json:"cpu_percent" doc:"-1: the system does not tell"`
	DiskPercent   int                    `json:"disk_percent" doc:"-1: the system does not tell"`
}

func statusJSON(st mta.Status, l load) statusDocument {
	counters := make(map[string]counterJSON)
	for name, c := range map[string]mta.Counter{
		"messages_received": st.MessagesReceived, "recipients_received": st.RecipientsReceived,
		"rejected_recipients": st.RejectedRecipients, "dropped_messages": st.DroppedMessages,
		"soft_bounced_events": st.SoftBouncedEvents, "completed_recipients": st.CompletedRecipients,
		"hard_bounced_recipients": st.HardBounced, "delivered_recipients": st.Delivered, "deleted_recipients": st.Deleted,
		"generated_bounce_recipients": st.GeneratedBounces, "dns_hard_bounces": st.DNSHard, "smtp_5xx_hard_bounces": st.FiveXXHard,
		"filter_hard_bounces": st.FilterHard, "expired_hard_bounces": st.ExpiredHard, "other_hard_bounces": st.OtherHard,
		"delivered_tls_verified": st.TLSVerified, "delivered_tls_encrypted": st.TLSEncrypted, "delivered_in_clear": st.InClear,
	} {
		counters[name] = counterJSON(c)
	}
	return statusDocument{st.At, st.UpSince, orNil(st.LastReset), st.System, orNil(st.OldestMessage), counters, ratesJSON(st.Rates), st.MID, st.ICID, st.DCID,
		st.InboundConnections, st.OutboundConnections, st.ActiveRecipients, st.Unattempted, st.Attempted, st.WorkQueue,
		st.Destinations, st.KilobytesUsed * 1024, st.KilobytesFree * 1024, l.RAM, l.RAMPercent, l.CPUPercent, l.DiskPercent}
}
