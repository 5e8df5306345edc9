package commands

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"posthouse/config"
	"posthouse/shell"
)

const (
	deliveryConcurrencyMost = 10000
	deliveryTimeoutMost     = 3600 // seconds
)

func deliveryConfig(*Appliance) *shell.Command {
	return &shell.Command{
		Name:    "deliveryconfig",
		Summary: "Configure mail delivery.",
		Roles:   shell.Readers,
		Batch: []string{
			"deliveryconfig setup [interface NAME|auto] [possible_delivery on|off] [concurrency N] [connect_timeout SECONDS|usual] " +
				"[reply_timeout SECONDS|usual] [handshake_timeout SECONDS|usual]",
			"deliveryconfig show",
		},
		Help: `The interface is where deliveries come from; its host name is what EHLO says. Auto leaves the choice to the host
system's routes.

Possible Delivery is about a connection that is lost after the final dot: the message may or may not have arrived. Off,
it is sent again and perhaps arrives twice. On, it counts as delivered and is logged as such, which may lose mail.

The timeouts say how long a peer may take: to accept a connection (usually 30 seconds), to send its banner or the answer to
a command (300), and for the TLS handshake (120).`,
		Commit: true,
		Documents: []shell.Document{
			{For: "deliveryconfig show", Value: deliveryJSON{}},
			shell.Says("deliveryconfig setup"),
		},
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			if len(args) > 0 {
				return dispatch("deliveryconfig", args, []subcommand{
					{"setup", 2, -1, func(rest []string) error { return deliverySettings(s, rest) }},
					{"show", 0, 0, func([]string) error { return showDelivery(s) }},
				})
			}
			if s.JSON {
				return showDelivery(s)
			}
			return s.Menu(shell.Menu{Items: []shell.MenuItem{
				{Keyword: "SETUP", What: "Configure mail delivery.", Do: with(s, setupDelivery)},
			}, Tight: true})
		},
		Complete: func(s *shell.Session, args []string) []string {
			if len(args) <= 1 {
				return startingWith(args, []string{"setup", "show"})
			}
			words := append([]string{"interface", "possible_delivery", "concurrency", "auto", "on", "off", "connect_timeout", "reply_timeout",
				"handshake_timeout", "usual"}, interfaceNames(s.Candidate())...)
			return startingWith(args, words)
		},
	}
}

func setupDelivery(s *shell.Session) error {
	c := s.Candidate()
	d := c.Delivery
	names := interfaceNames(c)
	lines := []string{"Auto"}
	for _, name := range names {
		lines = append(lines, interfaceLine(name, c.Interfaces[name]))
	}
	n, err := s.Choose("Choose the default interface to deliver mail.", lines, slices.Index(names, d.Interface)+2)
	if err != nil {
		return err
	}
	d.Interface = append([]string{""}, names...)[n-1]
	if d.PossibleDelivery, err = s.YesNo("Enable \"Possible Delivery\"?", d.PossibleDelivery); err != nil {
		return err
	}
	if d.PossibleDelivery {
		warnOfPossibleDelivery(s)
	}
	d.Concurrency, err = s.AskInt(shell.Question{
		Text:    "Please enter the default system wide maximum outbound message delivery concurrency",
		Default: fmt.Sprint(d.Concurrency),
	}, 1, deliveryConcurrencyMost)
	if err != nil {
		return err
	}
	return change(s, func(c *config.Config) error { c.Delivery = d; return nil })
}

func warnOfPossibleDelivery(s *shell.Session) {
	s.Say("Note: a message whose connection is lost after the final dot now counts as delivered. This may lose mail.")
}

func deliverySettings(s *shell.Session, words []string) error {
	c := s.Candidate()
	d := c.Delivery
	err := applySettings(words, []setting{
		{"interface", func(v string) (err error) {
			if strings.EqualFold(v, "auto") {
				d.Interface = ""
				return nil
			}
			d.Interface, err = interfaceNamed(c, v)
			return err
		}},
		{"possible_delivery", func(v string) (err error) {
			d.PossibleDelivery, err = switched("possible_delivery", v)
			return err
		}},
		{"concurrency", func(v string) (err error) {
			d.Concurrency, err = number("concurrency", v, 1, deliveryConcurrencyMost)
			return err
		}},
		timeoutSetting("connect_timeout", &d.ConnectTimeout),
		timeoutSetting("reply_timeout", &d.ReplyTimeout),
		timeoutSetting("handshake_timeout", &d.HandshakeTimeout),
	})
	if err != nil {
		return err
	}
	if d.PossibleDelivery && !c.Delivery.PossibleDelivery {
		warnOfPossibleDelivery(s)
	}
	return change(s, func(c *config.Config) error { c.Delivery = d; return nil })
}

// timeoutSetting is a number of seconds; 0 stands for the usual time.
func timeoutSetting(name string, seconds *int) setting {
	return setting{name, func(v string) (err error) {
		if strings.EqualFold(v, "usual") {
			*seconds = 0
			return nil
		}
		*seconds, err = number(name, v, 1, deliveryTimeoutMost)
		return err
	}}
}

// timeoutText is a timeout as it is shown.
func timeoutText(seconds int, usual time.Duration) string {
	if seconds == 0 {
		return fmt.Sprintf("%d seconds (usual)", int(usual.Seconds()))
	}
	return fmt.Sprintf("%d seconds", seconds)
}

type deliveryJSON struct {
	Interface        string `json:"interface" doc:"from which mail is delivered; empty: the system chooses"`
	PossibleDelivery bool   `json:"possible_delivery" doc:"a message is taken for delivered where the answer is missing"`
	Concurrency      int    `json:"concurrency" doc:"connections at once, in all"`
	Certificate      string `json:"certificate" doc:"the client certificate's profile"`
	ConnectTimeout   int    `json:"connect_timeout" doc:"seconds; 0: the usual ones"`
	ReplyTimeout     int    `json:"reply_timeout" doc:"seconds; 0: the usual ones"`
	HandshakeTimeout int    `json:"handshake_timeout" doc:"seconds; 0: the usual ones"`
}

func showDelivery(s *shell.Session) error {
	d := s.Candidate().Delivery
	if s.JSON {
		return s.PrintJSON(deliveryJSON{d.Interface, d.PossibleDelivery, d.Concurrency, d.Certificate, d.ConnectTimeout, d.ReplyTimeout, d.HandshakeTimeout})
	}
	from, possible := "Auto", "Disabled"
	if d.Interface != "" {
		from = d.Interface
	}
	if d.PossibleDelivery {
		possible = "Enabled"
	}
	s.Printf("Default interface to deliver mail: %s\n\"Possible Delivery\": %s\n", from, possible)
	s.Printf("Maximum outbound message delivery concurrency: %s\nClient certificate: %s\n", thousands(d.Concurrency), d.Certificate)
	s.Printf("Timeouts: connect %s, reply %s, handshake %s\n", timeoutText(d.ConnectTimeout, 30*time.Second),
		timeoutText(d.ReplyTimeout, 5*time.Minute), timeoutText(d.HandshakeTimeout, 2*time.Minute))
	return nil
}
