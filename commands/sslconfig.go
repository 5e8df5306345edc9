package commands

import (
	"context"
	"slices"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

func sslConfig(*Appliance) *shell.Command {
	return &shell.Command{
		Name:    "sslconfig",
		Summary: "Configure the TLS versions and cipher suites of each service.",
		Roles:   shell.Readers,
		Batch: []string{
			"sslconfig show",
			"sslconfig gui METHODS CIPHERS",
			"sslconfig inbound METHODS CIPHERS",
			"sslconfig outbound METHODS CIPHERS",
			"sslconfig verify CIPHERS",
		},
		Help: `METHODS is a number or a range from 1 (TLS v1.0) to 4 (TLS v1.3), such as 3-4, or names such as
tlsv1_2,tlsv1_3. They must be next to each other: a gap cannot be negotiated.

CIPHERS is OpenSSL's language: names of suites and classes of them, joined by ":"; "+" within a word means both, "-" takes
away, "!" takes away for good. It governs TLS v1.0 to v1.2; the suites of TLS v1.3 are fixed. What a string chooses and
cannot be spoken here is listed by "verify" as not available. What only orders ("+WORD", @STRENGTH) is accepted and not
applied. RC4 and 3DES are used only where they are named.`,
		Commit: true,
		Complete: func(_ *shell.Session, args []string) []string {
			if len(args) > 1 {
				return nil
			}
			return startingWith(args, []string{"show", "gui", "inbound", "outbound", "verify"})
		},
		Documents: []shell.Document{
			{For: "sslconfig show", Value: sslJSON{}},
			{For: "sslconfig verify", Value: verifiedCiphersJSON{}},
			shell.Says("sslconfig gui, inbound, outbound"),
		},
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			c := &sslSettings{s}
			switch {
			case len(args) > 0:
				return c.batch(args)
			case s.JSON:
				return c.show()
			}
			return c.menu()
		},
	}
}

// sslSettings is one run of sslconfig on the session's candidate.
type sslSettings struct{ s *shell.Session }

// sslService is one of the three services, as the screens name it.
type sslService struct {
	title, inQuestion string
	of                func(c *config.Config) *config.SSLService
}

// sslServices are in the order of the screens.
var sslServices = [...]sslService{
	{"GUI HTTPS", "GUI HTTPS", func(c *config.Config) *config.SSLService { return &c.SSL.GUI }},
	{"Inbound SMTP", "inbound SMTP", func(c *config.Config) *config.SSLService { return &c.SSL.Inbound }},
	{"Outbound SMTP", "outbound SMTP", func(c *config.Config) *config.SSLService { return &c.SSL.Outbound }},
}

func (c *sslSettings) menu() error {
	edit := func(service sslService) func(context.Context) error {
		return plainly(func() error { return c.edit(service) })
	}
	return c.s.Menu(shell.Menu{
		State: c.print,
		Items: []shell.MenuItem{
			{Keyword: "GUI", What: "Edit GUI HTTPS ssl settings.", Do: edit(sslServices[0])},
			{Keyword: "INBOUND", What: "Edit Inbound SMTP ssl settings.", Do: edit(sslServices[1])},
			{Keyword: "OUTBOUND", What: "Edit Outbound SMTP ssl settings.", Do: edit(sslServices[2])},
			{Keyword: "VERIFY", What: "Verify and show ssl cipher list.", Do: plainly(c.askVerify)},
		},
	})
}

func (c *sslSettings) batch(args []string) error {
	set := func(service sslService) func([]string) error {
		return func(rest []string) error { return c.set(service, rest[0], rest[1]) }
	}
	return dispatch("sslconfig", args, []subcommand{
		{"show", 0, 0, func([]string) error { return c.show() }},
		{"gui", 2, 2, set(sslServices[0])},
		{"inbound", 2, 2, set(sslServices[1])},
		{"outbound", 2, 2, set(sslServices[2])},
		{"verify", 1, 1, func(rest []string) error { return c.verify(rest[0]) }},
	})
}

type sslJSON struct {
	GUI      sslServiceJSON `json:"gui" doc:"the web interface"`
	Inbound  sslServiceJSON `json:"inbound" doc:"mail that comes in"`
	Outbound sslServiceJSON `json:"outbound" doc:"mail that goes out"`
}

type sslServiceJSON struct {
	Methods []string `json:"methods" doc:"tlsv1_0, tlsv1_1, tlsv1_2, tlsv1_3"`
	Ciphers string   `json:"ciphers" doc:"OpenSSL's cipher string"`
}

func (c *sslSettings) show() error {
	ssl := c.s.Candidate().SSL
	if c.s.JSON {
		return c.s.PrintJSON(sslJSON{sslServiceJSON(ssl.GUI), sslServiceJSON(ssl.Inbound), sslServiceJSON(ssl.Outbound)})
	}
	c.print()
	return nil
}

func (c *sslSettings) print() {
	c.s.Println("sslconfig settings:")
	for _, service := range sslServices {
		has := service.of(c.s.Candidate())
		c.s.Printf("  %s method:  %s\n  %s ciphers:\n", service.title, strings.Join(has.Methods, " "), service.title)
		for word := range strings.SplitSeq(has.Ciphers, ":") {
			c.s.Printf("        %s\n", word)
		}
	}
}

func (c *sslSettings) edit(service sslService) error {
	has := service.of(c.s.Candidate())
	var list strings.Builder
	for _, m := range sslMethods {
		list.WriteString("\n" + m.title)
	}
	methods, err := c.s.Ask(shell.Question{
		Text:    "Enter the " + service.inQuestion + " ssl method you want to use." + list.String(),
		Default: methodRange(has.Methods),
		Check:   func(answer string) error { _, err := readMethods(answer); return err },
	})
	if err != nil {
		return err
	}
	ciphers, err := c.s.Ask(shell.Question{
		Text:    "Enter the " + service.inQuestion + " ssl cipher you want to use.",
		Default: has.Ciphers,
		Check:   func(answer string) error { _, err := readCiphers(answer); return err },
	})
	if err != nil {
		return err
	}
	return c.set(service, methods, ciphers)
}

// set puts a service's new settings into the candidate and says what of them is not obeyed to the letter, unless they are
// those that it has.
func (c *sslSettings) set(service sslService, methods, ciphers string) error {
	versions, err := readMethods(methods)
	if err != nil {
		return err
	}
	list, err := readCiphers(ciphers)
	if err != nil {
		return err
	}
	before := *service.of(c.s.Candidate())
	err = change(c.s, func(conf *config.Config) error {
		*service.of(conf) = config.SSLService{Methods: versions, Ciphers: ciphers}
		return nil
	})
	if err != nil || slices.Equal(before.Methods, versions) && before.Ciphers == ciphers {
		return err
	}
	c.note(versions, list)
	return nil
}
