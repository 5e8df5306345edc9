package commands

import (
	"cmp"
	"context"
	"path"
	"slices"
	"strings"
	"time"

	"posthouse/config"
	"posthouse/mta"
	"posthouse/shell"
)

// hostStates is all that there are.
var hostStates = [...]mta.HostState{mta.HostUp, mta.HostDown, mta.HostUnknown, mta.HostSuspended}

func showHosts(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "showhosts",
		Summary: "Show every destination with its state, its TLS setting and its latest failure.",
		Roles:   shell.Readers | shell.HelpDesk,
		Batch:   []string{"showhosts [PATTERN] [down|up|unknown|suspended]"},
		Help: `PATTERN is a host name with * and ? or a part of one. One exact host name shows the recipients that are
queued for it as well. The TLS column is the destination control in force, the last one the latest cause of failure.`,
		Documents: []shell.Document{
			{For: "showhosts", Value: showHostsDocument{}},
		},
		Run: func(ctx context.Context, s *shell.Session, args []string) error {
			pattern, state, err := showHostsArguments(args)
			if err != nil {
				return err
			}
			hosts, exact := chooseHosts(a.Engine.Hosts(), pattern, state)
			running := a.Config.Running().Config
			switch {
			case s.JSON && exact:
				return streamRecipients(ctx, a, s, showHostsJSON(running, hosts, exact), mta.Filter{Host: hosts[0].Host})
			case s.JSON:
				return s.PrintJSON(showHostsJSON(running, hosts, exact))
			}
			printHosts(s, running, hosts)
			if exact {
				s.Println()
				return printRecipients(ctx, a, s, mta.Filter{Host: hosts[0].Host})
			}
			return nil
		},
		Complete: func(_ *shell.Session, args []string) []string { return startingWith(args, hostNames(a)) },
	}
}

func showHostsArguments(args []string) (pattern string, state mta.HostState, err error) {
	for _, word := range args {
		switch s := mta.HostState(strings.ToLower(word)); {
		case slices.Contains(hostStates[:], s):
			state = s
		case pattern == "" && !strings.HasPrefix(word, "-"): // no host's name begins so
			pattern = strings.ToLower(word)
			if _, err := path.Match(pattern, ""); err != nil {
				return "", "", shell.Usage("Invalid pattern %q: * and ? stand for any characters and for one.", word)
			}
		default:
			return "", "", shell.Usage("Invalid word %q: showhosts takes a pattern and one of down, up, unknown, suspended.", word)
		}
	}
	return pattern, state, nil
}

// chooseHosts is the hosts that fit, in order of name; exact says that the pattern is the name of one of them.
func chooseHosts(hosts []mta.HostSummary, pattern string, state mta.HostState) (fit []mta.HostSummary, exact bool) {
	for _, h := range hosts {
		if state != "" && h.State != state {
			continue
		}
		if h.Host == pattern {
			return []mta.HostSummary{h}, true
		}
		if whole, _ := path.Match(pattern, h.Host); whole || strings.Contains(h.Host, pattern) {
			fit = append(fit, h)
		}
	}
	slices.SortFunc(fit, func(x, y mta.HostSummary) int { return cmp.Compare(x.Host, y.Host) })
	return fit, false
}

func printHosts(s *shell.Session, running *config.Config, hosts []mta.HostSummary) {
	now := time.Now()
	table := shell.Table{
		Head:  []string{"Recipient Host", "State", "Active", "Conn.", "Oldest", "Next Attempt", "TLS", "Last Error"},
		Right: []bool{false, false, true, true},
		Min:   []int{24, 9, 6, 5, 9, 12, 6, 26},
		Rule:  "=",
		Free:  true,
	}
	for _, h := range hosts {
		oldest := "-"
		if !h.Oldest.IsZero() {
			oldest = compact(now.Sub(h.Oldest))
		}
		d, _ := running.Destination(h.Host)
		table.Rows = append(table.Rows, []string{h.Host, string(h.State), thousands(h.Active), thousands(h.Connections),
			oldest, nextAttempt(h, now), shortTLS(d.TLS), lastError(h)})
	}
	s.Table(table)
}

func nextAttempt(h mta.HostSummary, now time.Time) string {
	switch {
	case h.State == mta.HostSuspended || h.Active == 0:
		return "-"
	case h.NextAttempt.After(now):
		return "in " + compact(h.NextAttempt.Sub(now).Round(time.Second))
	}
	return "now"
}

// lastError is the cause's id and title, or the failure's own words where it has no cause of the catalogue.
func lastError(h mta.HostSummary) string {
	text := h.LastError
	if title := causeTitle(h.LastCause); title != "" {
		text = title
	}
	return cmp.Or(strings.TrimSpace(h.LastCause+" "+text), "-")
}

type shownHostJSON struct {
	topHostJSON
	Oldest      *time.Time          `json:"oldest" doc:"since when its oldest message waits"`
	NextAttempt *time.Time          `json:"next_attempt" doc:"when it is tried again; null: nothing waits, or at once"`
	TLS         string              `json:"tls" doc:"the TLS setting: no, preferred, required, preferred-verify, required-verify, required-verify-hosted"`
	LastCause   string              `json:"last_cause,omitempty" doc:"the id of the cause of the latest failure"`
	LastError   string              `json:"last_error,omitempty" doc:"its words, a reply with its code"`
	LastErrorAt *time.Time          `json:"last_error_at,omitempty" doc:"when it was"`
	LastHost    string              `json:"last_error_host,omitempty" doc:"the host that was tried"`
	Recipients  []shownRecipientRow `json:"recipients,omitzero" doc:"where one host was named in full"`
}

type showHostsDocument struct {
	At    time.Time       `json:"at" doc:"when that was so"`
	Hosts []shownHostJSON `json:"hosts" doc:"in order of name"`
}

func showHostsJSON(running *config.Config, hosts []mta.HostSummary, exact bool) showHostsDocument {
	document := showHostsDocument{time.Now(), []shownHostJSON{}}
	for _, h := range hosts {
		d, _ := running.Destination(h.Host)
		row := shownHostJSON{hostJSON(h), orNil(h.Oldest), orNil(h.NextAttempt), string(d.TLS), h.LastCause, h.LastError, orNil(h.LastErrorAt), h.LastErrorHost, nil}
		if exact {
			row.Recipients = []shownRecipientRow{}
		}
		document.Hosts = append(document.Hosts, row)
	}
	return document
}

// hostNames is what the completion of a destination proposes.
func hostNames(a *Appliance) []string {
	hosts := a.Engine.Hosts()
	names := make([]string, len(hosts))
	for i, h := range hosts {
		names[i] = h.Host
	}
	slices.Sort(names)
	return names
}
