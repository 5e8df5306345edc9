package commands

import (
	"cmp"
	"fmt"
	"strings"
	"unicode/utf8"

	"posthouse/config"
	"posthouse/shell"
)

// destinationJSON is one entry as list and detail give it to programs; null and the empty string are inherited.
type destinationJSON struct {
	Domain           string `json:"domain" doc:"a domain, .domain, or DEFAULT"`
	Concurrency      *int   `json:"concurrency" doc:"connections at once; null: inherited"`
	Messages         *int   `json:"messages_per_connection" doc:"null: inherited"`
	Recipients       *int   `json:"recipient_limit" doc:"recipients in that time; null: none of its own"`
	RecipientMinutes *int   `json:"recipient_minutes" doc:"the time for recipient_limit"`
	LimitPer         string `json:"limit_per" doc:"domain or mx"`
	LimitApply       string `json:"limit_apply" doc:"system or vg"`
	TLS              string `json:"tls" doc:"no, preferred, required, preferred-verify, required-verify, required-verify-hosted; empty: inherited"`
	DANE             string `json:"dane" doc:"none, opportunistic, mandatory; empty: inherited"`
	Certificate      string `json:"certificate" doc:"the client certificate's profile; empty: inherited"`
	BounceProfile    string `json:"bounce_profile" doc:"empty: inherited"`
	IPSort           string `json:"ip_sort_preference" doc:"prefer-v6, require-v6, prefer-v4, require-v4; empty: inherited"`
	MTASTS           string `json:"mta_sts" doc:"on, off; empty: inherited"`
	Alert            string `json:"alert" doc:"on or empty"`
}

type destinationsJSON struct {
	Destinations []destinationJSON `json:"destinations" doc:"in order of name, DEFAULT last"`
}

func (d *destinations) entryJSON(name string) destinationJSON {
	e := d.config().Destinations[name]
	return destinationJSON{name, e.Concurrency, e.Messages, e.Recipients, e.RecipientMinutes, e.LimitPer, e.LimitApply,
		string(e.TLS), e.DANE, e.Certificate, e.BounceProfile, e.IPSort, e.MTASTS, e.Alert}
}

func (d *destinations) printJSON(names []string) error {
	document := destinationsJSON{Destinations: []destinationJSON{}}
	for _, name := range names {
		document.Destinations = append(document.Destinations, d.entryJSON(name))
	}
	return d.s.PrintJSON(document)
}

// list prints the summary: every entry, the default last.
func (d *destinations) list() error {
	names := append(d.entries(), config.DefaultDestination)
	if d.s.JSON {
		return d.printJSON(names)
	}
	table := shell.Table{
		Head: []string{"Domain", "Limiting", "TLS", "DANE", "Profile"},
		Min:  []int{18, 8, 7, 8, 9},
		Rule: "=",
	}
	width := table.Min[0]
	for _, name := range names {
		e := d.config().Destinations[name]
		rate, profile := "Default", cmp.Or(e.BounceProfile, "Default")
		if e.Concurrency != nil || e.Recipients != nil {
			rate = "On"
		}
		if name == config.DefaultDestination {
			name, profile = "(Default)", "("+profile+")"
		}
		width = max(width, utf8.RuneCountInString(name))
		table.Rows = append(table.Rows, []string{name, rate, shortTLS(e.TLS), shortDANE(e.DANE), profile})
	}
	d.s.Printf("%-*s  %-27s  %s\n", width, "", "Rate", "Bounce")
	d.s.Table(table)
	return nil
}

func (d *destinations) detail() error {
	const question = "Enter the domain name to view, or enter DEFAULT to view details for the default, or enter ALL to view details for all:"
	answer, err := d.s.Ask(shell.Question{
		Text:     question,
		Required: true,
		Check:    func(answer string) error { _, err := d.shown(answer); return err },
		Complete: func() []string { return append(d.entries(), config.DefaultDestination, "ALL") },
	})
	if err != nil {
		return err
	}
	return d.printDetails(answer)
}

// shown is the entries that the answer chooses.
func (d *destinations) shown(answer string) ([]string, error) {
	if strings.EqualFold(answer, "all") {
		return append(d.entries(), config.DefaultDestination), nil
	}
	name, err := d.known(answer)
	return []string{name}, err
}

func (d *destinations) printDetails(answer string) error {
	names, err := d.shown(answer)
	if err != nil {
		return err
	}
	if d.s.JSON {
		return d.printJSON(names)
	}
	for _, name := range names {
		d.printEntry(name)
	}
	return nil
}

func (d *destinations) printEntry(name string) {
	e := d.config().Destinations[name]
	unset, title := "Default", name
	certificate, profile := cmp.Or(e.Certificate, "Default"), cmp.Or(e.BounceProfile, "Default")
	if name == config.DefaultDestination {
		unset, title = "No limit", "Default"
		certificate = cmp.Or(e.Certificate, d.config().Delivery.Certificate)
	}
	messages := unset
	if e.Messages != nil {
		messages = fmt.Sprint(*e.Messages)
	}
	d.s.Printf("\n%s\n Maximum messages per connection: %s\n", title, messages)
	d.printLimits(e, unset)
	d.s.Printf(" TLS: %s\n DANE: %s\n Client Certificate: %s\n Bounce Profile: %s\n", longTLS(e.TLS), longDANE(e.DANE), certificate, profile)
	if e.IPSort != "" {
		d.s.Printf(" IP Sort Preference: %s\n", longIPSort(e.IPSort))
	}
	d.s.Printf(" MTA-STS: %s\n", longSwitch(e.MTASTS))
	if name != config.DefaultDestination && e.Alert != "" {
		d.s.Printf(" Alerts: %s\n", longSwitch(e.Alert))
	}
}

func (d *destinations) printLimits(e *config.Destination, unset string) {
	if e.Concurrency == nil && e.Recipients == nil {
		d.s.Printf(" Rate Limiting: %s\n", unset)
		return
	}
	d.s.Printf(" Rate Limiting:\n")
	if e.Concurrency != nil {
		d.s.Printf("  %d concurrent connections\n", *e.Concurrency)
	}
	if e.Recipients != nil {
		d.s.Printf("  %d recipients per %d minutes\n", *e.Recipients, valueOr(e.RecipientMinutes, minutesMost))
	}
	if e.LimitPer == "mx" {
		d.s.Printf("  Limits applied to each mail exchanger IP address\n")
	} else {
		d.s.Printf("  Limits applied to entire domain\n")
	}
}
