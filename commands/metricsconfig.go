package commands

import (
	"cmp"
	"context"
	"net/netip"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

func metricsConfig(*Appliance) *shell.Command {
	return &shell.Command{
		Name:    "metricsconfig",
		Summary: "Configure where numbers are served for programs.",
		Roles:   shell.Readers,
		Batch: []string{
			"metricsconfig show",
			"metricsconfig ADDRESS:PORT",
			"metricsconfig off",
		},
		Help: `The numbers are those of Prometheus's text format, at http://ADDRESS:PORT/metrics: connections and what came of their
TLS, causes by their ids, deliveries by protection, the queue, the days of certificates. They name no peer and no domain.
They are served without encryption and without a password.`,
		Commit: true,
		Complete: func(_ *shell.Session, args []string) []string {
			if len(args) > 1 {
				return nil
			}
			return startingWith(args, []string{"show", metricsOff})
		},
		Documents: []shell.Document{
			{For: "metricsconfig show", Value: metricsJSON{}},
			shell.Says("metricsconfig ADDRESS:PORT, off"),
		},
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			switch {
			case len(args) > 1:
				return shell.Usage("Invalid word %q: metricsconfig takes one.", args[1])
			case len(args) == 0 && !s.JSON:
				return askMetrics(s)
			case len(args) == 0 || strings.EqualFold(args[0], "show"):
				return showMetrics(s)
			}
			return setMetrics(s, args[0])
		},
	}
}

const metricsOff = "off"

type metricsJSON struct {
	Address string `json:"address" doc:"ADDRESS:PORT; empty: metrics are not served"`
}

func showMetrics(s *shell.Session) error {
	address := s.Candidate().Metrics.Address
	if s.JSON {
		return s.PrintJSON(metricsJSON{address})
	}
	if address == "" {
		s.Say("Metrics are not served.")
		return nil
	}
	s.Say("Metrics are served at http://%s/metrics.", address)
	return nil
}

func askMetrics(s *shell.Session) error {
	if err := showMetrics(s); err != nil {
		return err
	}
	answer, err := s.Ask(shell.Question{
		Text:    "\nEnter the ADDRESS:PORT at which metrics are served, or off.",
		Default: cmp.Or(s.Candidate().Metrics.Address, metricsOff),
		Check:   func(answer string) error { _, err := metricsAddress(answer); return err },
	})
	if err != nil {
		return err
	}
	return setMetrics(s, answer)
}

// metricsAddress reads ADDRESS:PORT; off is "".
func metricsAddress(word string) (string, error) {
	if strings.EqualFold(word, metricsOff) {
		return "", nil
	}
	address, err := netip.ParseAddrPort(word)
	if err != nil {
		return "", shell.Fail("Invalid address %q: ADDRESS:PORT such as 127.0.0.1:9090, or off, is accepted.", word)
	}
	return address.String(), nil
}

func setMetrics(s *shell.Session, word string) error {
	address, err := metricsAddress(word)
	if err != nil {
		return err
	}
	if err := change(s, func(c *config.Config) error { c.Metrics.Address = address; return nil }); err != nil {
		return err
	}
	if a, err := netip.ParseAddrPort(address); err == nil && !a.Addr().IsLoopback() {
		s.Say("Note: metrics are served without encryption and without a password; let only a network that you trust reach them.")
	}
	return nil
}
