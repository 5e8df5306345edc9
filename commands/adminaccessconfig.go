package commands

import (
	"context"
	"strconv"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

const timeoutMost = 1440 // minutes

func adminAccessConfig(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "adminaccessconfig",
		Summary: "Configure the login banner, the welcome text, who may connect and how long a session may be idle.",
		Batch: []string{
			"adminaccessconfig show",
			"adminaccessconfig banner [TEXT]",
			"adminaccessconfig banner import FILE",
			"adminaccessconfig welcome [TEXT]",
			"adminaccessconfig welcome import FILE",
			"adminaccessconfig ipaccess all",
			"adminaccessconfig ipaccess list CIDR,...",
			"adminaccessconfig timeout MINUTES",
		},
		Help: `The banner is shown before anybody logs in, the welcome text behind the shell's own greeting. Without TEXT the lines
are taken from standard input, up to one that is a single full stop or to its end; "" takes the text away.

ipaccess: connections from elsewhere are refused at once, and logged in authentication. Sessions that are open live on, and
the console of the machine's owner is always there. A commit that would keep out the very session that commits asks once
more; in exec and in scripts it needs commit force.`,
		Commit: true,
		Documents: []shell.Document{
			{For: "adminaccessconfig show", Value: adminAccessJSON{}},
			shell.Says("adminaccessconfig banner, welcome, ipaccess, timeout"),
		},
		Roles: shell.Readers,
		RolesFor: func(args []string) shell.Roles {
			if len(args) > 0 && strings.EqualFold(args[0], "show") {
				return shell.Readers
			}
			return shell.Administrator
		},
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			c := &adminAccess{a, s}
			switch {
			case len(args) > 0:
				return c.batch(args)
			case s.JSON:
				return c.show()
			}
			return c.menu()
		},
		Complete: func(_ *shell.Session, args []string) []string { return completeAdminAccess(a, args) },
	}
}

func completeAdminAccess(a *Appliance, args []string) []string {
	switch {
	case len(args) < 2:
		return startingWith(args, []string{"show", "banner", "welcome", "ipaccess", "timeout"})
	case len(args) == 2 && args[0] == "ipaccess":
		return startingWith(args, []string{"all", "list"})
	case len(args) == 2 && (args[0] == "banner" || args[0] == "welcome"):
		return startingWith(args, []string{"import"})
	case len(args) == 3 && args[1] == "import":
		return startingWith(args, fileNames(a))
	}
	return nil
}

// adminAccess is one run of adminaccessconfig on the session's candidate.
type adminAccess struct {
	a *Appliance
	s *shell.Session
}

func (c *adminAccess) settings() *config.Shell { return &c.s.Candidate().Shell }

func (c *adminAccess) menu() error {
	return c.s.Menu(shell.Menu{Tight: true, Items: []shell.MenuItem{
		{Keyword: "BANNER", What: "Configure login message (banner) for appliance administrator login.", Do: plainly(c.banner().menu)},
		{Keyword: "WELCOME", What: "Configure welcome message (post login message) for appliance administrator login.", Do: plainly(c.welcome().menu)},
		{Keyword: "IPACCESS", What: "Configure IP-based access for appliance administrative interface.", Do: plainly(c.ipAccess)},
		{Keyword: "TIMEOUT", What: "Configure CLI session inactivity timeout.", Do: plainly(c.timeout)},
	}})
}

func (c *adminAccess) batch(args []string) error {
	return dispatch("adminaccessconfig", args, []subcommand{
		{"show", 0, 0, func([]string) error { return c.show() }},
		{"banner", 0, 2, c.banner().batch},
		{"welcome", 0, 2, c.welcome().batch},
		{"ipaccess", 1, -1, c.batchIPAccess},
		{"timeout", 1, 1, func(rest []string) error { return c.setTimeout(rest[0]) }},
	})
}

// adminAccessJSON is what adminaccessconfig show prints for programs.
type adminAccessJSON struct {
	Banner         []string `json:"banner" doc:"its lines"`
	Welcome        []string `json:"welcome" doc:"its lines"`
	IPAccess       []string `json:"ip_access" doc:"addresses and networks; none: everybody may connect"`
	TimeoutMinutes int      `json:"timeout_minutes" doc:"after which an idle session ends"`
}

func (c *adminAccess) show() error {
	has := c.settings()
	if c.s.JSON {
		return c.s.PrintJSON(adminAccessJSON{append([]string{}, has.Banner...), append([]string{}, has.Welcome...), append([]string{}, has.Access...), has.IdleTimeout})
	}
	c.banner().print()
	c.welcome().print()
	c.printAccess()
	c.s.Say("CLI session inactivity timeout: %d minutes", has.IdleTimeout)
	return nil
}

func (c *adminAccess) timeout() error {
	minutes, err := c.s.AskInt(shell.Question{
		Text:    "Enter CLI session inactivity timeout in minutes.",
		Default: strconv.Itoa(c.settings().IdleTimeout),
	}, 1, timeoutMost)
	if err != nil {
		return err
	}
	return c.setTimeout(strconv.Itoa(minutes))
}

func (c *adminAccess) setTimeout(word string) error {
	minutes, err := number("timeout", word, 1, timeoutMost)
	if err != nil {
		return err
	}
	return change(c.s, func(conf *config.Config) error { conf.Shell.IdleTimeout = minutes; return nil })
}
