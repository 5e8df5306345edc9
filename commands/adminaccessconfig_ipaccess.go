package commands

import (
	"slices"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

func (c *adminAccess) printAccess() {
	networks := c.settings().Access
	if len(networks) == 0 {
		c.s.Say("Current mode: Allow All.")
		return
	}
	c.s.Say("Current mode: Restrict.")
	c.s.Println("List of allowed IP addresses/Subnets:")
	c.s.Print(numbered(networks))
}

func (c *adminAccess) ipAccess() error {
	return c.s.Menu(shell.Menu{
		State: func() { c.s.Println(); c.printAccess() },
		Text:  "Please select the mode:",
		Items: []shell.MenuItem{
			{Keyword: "ALL", What: "All IP addresses will be allowed to establish connection to the administrative interface.",
				Do: plainly(func() error { return c.setAccess(nil) })},
			{Keyword: "RESTRICT", What: "Specify IP addresses/Subnets to be allowed access.", Do: plainly(c.restrict)},
		},
	})
}

func (c *adminAccess) restrict() error {
	if len(c.settings().Access) == 0 {
		if err := c.addNetwork(); err != nil {
			return err
		}
	}
	return c.s.Menu(shell.Menu{
		State: func() { c.s.Println(); c.printAccess() },
		Items: []shell.MenuItem{
			{Keyword: "NEW", What: "Add a new IP address/subnet.", Do: plainly(c.addNetwork)},
			{Keyword: "DELETE", What: "Remove an IP address/subnet.", Do: plainly(c.removeNetwork),
				Hidden: func() bool { return len(c.settings().Access) < 2 }}, // without any, everybody would be allowed
		},
	})
}

func (c *adminAccess) addNetwork() error {
	answer, err := c.s.Ask(shell.Question{
		Text: "Please enter IP address or subnet.\n(Ex: \"192.0.2.0/24\")", Required: true,
		Check: func(answer string) error { _, err := network(answer); return err },
	})
	if err != nil {
		return err
	}
	return c.setAccess(append(slices.Clone(c.settings().Access), answer))
}

func (c *adminAccess) removeNetwork() error {
	list := c.settings().Access
	n, err := c.s.Pick(shell.Choice{Options: list, Question: "Please select the entry to remove."})
	if err != nil {
		return err
	}
	return c.setAccess(slices.Delete(slices.Clone(list), n-1, n))
}

func (c *adminAccess) batchIPAccess(args []string) error {
	return dispatch("adminaccessconfig ipaccess", args, []subcommand{
		{"all", 0, 0, func([]string) error { return c.setAccess(nil) }},
		{"list", 1, -1, func(rest []string) error {
			words := strings.FieldsFunc(strings.Join(rest, ","), func(r rune) bool { return r == ',' || r == ' ' })
			if len(words) == 0 {
				return shell.Usage("Invalid list: at least one address or subnet is needed; ipaccess all admits everybody.")
			}
			return c.setAccess(words)
		}},
	})
}

// network refuses what is no address and no subnet, and writes it as it is stored.
func network(word string) (string, error) {
	if _, ok := config.ParseNetwork(word); !ok {
		return "", shell.Fail("Invalid address %q: an IPv4 or IPv6 address or a subnet such as 192.0.2.0/24 is accepted.", word)
	}
	return word, nil
}

func (c *adminAccess) setAccess(words []string) error {
	for _, word := range words {
		if _, err := network(word); err != nil {
			return err
		}
	}
	return change(c.s, func(conf *config.Config) error { conf.Shell.Access = config.Networks(words); return nil })
}
