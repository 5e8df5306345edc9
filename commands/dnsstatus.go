package commands

import (
	"context"
	"time"

	"posthouse/mta"
	"posthouse/shell"
)

func dnsStatus(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "dnsstatus",
		Summary: "Show what is asked of the nameservers.",
		Roles:   shell.Readers | shell.Guest,
		Batch:   []string{"dnsstatus"},
		Help: `Counters are shown since the last reset, since the start, and since the first start ever. DNS requests are the
questions that the appliance had; each was found in the cache (hits), found there as a name or record that does not exist
(exceptions), found there but too old (expired), or not found (misses). Network requests are the questions that were sent to
nameservers: fewer, where several wait for one answer, or more, where a server does not answer.`,
		Documents: []shell.Document{
			{For: "dnsstatus", Value: dnsStatusDocument{}},
		},
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			if err := noWords("dnsstatus", args); err != nil {
				return err
			}
			st := a.Engine.DNS()
			if s.JSON {
				return s.PrintJSON(dnsStatusJSON(st))
			}
			s.Printf("\nStatus as of:                  %s\n\n%-28s%14s%16s%16s\n", stamp(st.At), "Counters:", "Reset", "Uptime", "Lifetime")
			for _, row := range []counterRow{
				{title: "  DNS Requests", counter: &st.Requests}, {title: "  Network Requests", counter: &st.Network},
				{title: "  Cache Hits", counter: &st.Hits}, {title: "  Cache Misses", counter: &st.Misses},
				{title: "  Cache Exceptions", counter: &st.Exceptions}, {title: "  Cache Expired", counter: &st.Expired},
			} {
				printCounter(s, row)
			}
			return nil
		},
	}
}

type dnsStatusDocument struct {
	At         time.Time   `json:"at" doc:"when that was so"`
	Requests   counterJSON `json:"dns_requests" doc:"questions that the appliance had"`
	Network    counterJSON `json:"network_requests" doc:"questions sent to nameservers"`
	Hits       counterJSON `json:"cache_hits" doc:"questions answered from the cache"`
	Misses     counterJSON `json:"cache_misses" doc:"questions that were not there"`
	Exceptions counterJSON `json:"cache_exceptions" doc:"questions whose answer in the cache is that there is none"`
	Expired    counterJSON `json:"cache_expired" doc:"questions whose answer there was too old"`
}

func dnsStatusJSON(st mta.DNSStatus) dnsStatusDocument {
	return dnsStatusDocument{st.At, counterJSON(st.Requests), counterJSON(st.Network), counterJSON(st.Hits), counterJSON(st.Misses),
		counterJSON(st.Exceptions), counterJSON(st.Expired)}
}
