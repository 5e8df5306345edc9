package commands

import (
	"slices"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

// sshdTopic is the SSH server's part of sshconfig.
func sshdTopic() sshTopic {
	forms := []string{"sshconfig sshd show"}
	words := []string{"show"}
	for _, list := range config.SSHLists {
		forms = append(forms, "sshconfig sshd "+list.Key+" LIST|default")
		words = append(words, list.Key)
	}
	return sshTopic{
		keyword: "SSHD", what: "Edit SSH server settings.", forms: forms,
		help: `LIST is names of algorithms, separated by commas; "default" among them stands for all that are on where nothing was
chosen. What is weak (SHA-1 in a key exchange, CBC, RC4) is off unless it is named; hmac-sha1 and ssh-rsa are on, and last.
New connections are negotiated so after the commit; open ones live on. A connection for which nothing can be agreed on leaves
a line in system_logs with both sides' offers.`,
		document: []shell.Document{{For: "sshconfig sshd show", Value: sshdJSON{}}, shell.Says("sshconfig sshd with other words")},
		menu:     func(s *shell.Session) error { return (&sshServer{s}).menu() },
		batch:    func(s *shell.Session, args []string) error { return (&sshServer{s}).batch(args) },
		roles: func(args []string) shell.Roles {
			if len(args) == 0 || strings.EqualFold(args[0], "show") {
				return shell.Readers
			}
			return shell.Administrator
		},
		complete: func(_ *shell.Session, args []string) []string { return completeSSHD(words, args) },
	}
}

// completeSSHD proposes the last name of a list, behind the names before it.
func completeSSHD(words, args []string) []string {
	if len(args) < 2 {
		return startingWith(args, words)
	}
	typed := args[len(args)-1]
	before := typed[:strings.LastIndexByte(typed, ',')+1]
	var found []string
	for _, list := range config.SSHLists {
		if len(args) == 2 && strings.EqualFold(list.Key, args[0]) {
			for _, name := range append(list.All(), config.StandardWord) {
				found = append(found, before+name)
			}
		}
	}
	return startingWith(args, found)
}

// sshServer is one run of sshconfig sshd on the session's candidate.
type sshServer struct{ s *shell.Session }

func (c *sshServer) settings() *config.SSHD { return &c.s.Candidate().Shell.SSHD }

func (c *sshServer) batch(args []string) error {
	if len(args) == 0 {
		if c.s.JSON {
			return c.show()
		}
		return c.menu()
	}
	subs := []subcommand{{"show", 0, 0, func([]string) error { return c.show() }}}
	for _, list := range config.SSHLists {
		subs = append(subs, subcommand{list.Key, 1, -1, func(rest []string) error { return c.set(list, strings.Join(rest, ",")) }})
	}
	return dispatch("sshconfig sshd", args, subs)
}

func (c *sshServer) menu() error {
	return c.s.Menu(shell.Menu{
		State: func() { c.s.Println(); c.print() },
		Items: []shell.MenuItem{{Keyword: "SETUP", What: "Setup SSH server configuration settings.", Do: plainly(c.setup)}},
	})
}

func (c *sshServer) print() {
	c.s.Println("ssh server config settings:")
	for _, list := range config.SSHLists {
		c.s.Printf("%s:\n", list.Title)
		for _, name := range list.Chosen(c.settings()) {
			if slices.Contains(list.Weak, name) {
				name += "  (weak)"
			}
			c.s.Println("        " + name)
		}
	}
}

// sshdJSON is what sshconfig sshd show prints for programs: what is on, and what could be.
type sshdJSON struct {
	KeyExchanges sshListJSON `json:"kex" doc:"key exchanges"`
	Ciphers      sshListJSON `json:"ciphers" doc:"ciphers"`
	MACs         sshListJSON `json:"macs" doc:"digests of packets"`
	HostKeys     sshListJSON `json:"hostkeys" doc:"algorithms of host keys"`
}

type sshListJSON struct {
	On        []string `json:"on" doc:"in the order in which they are offered"`
	Available []string `json:"available" doc:"what can be chosen"`
	Weak      []string `json:"weak" doc:"what is off unless it is named"`
	Default   bool     `json:"default" doc:"nothing was chosen: the standard ones are on"`
}

func (c *sshServer) show() error {
	if !c.s.JSON {
		c.print()
		return nil
	}
	var document sshdJSON
	for i, to := range []*sshListJSON{&document.KeyExchanges, &document.Ciphers, &document.MACs, &document.HostKeys} {
		list := config.SSHLists[i]
		*to = sshListJSON{list.Chosen(c.settings()), list.All(), append([]string{}, list.Weak...), len(*list.Of(c.settings())) == 0}
	}
	return c.s.PrintJSON(document)
}

// setup asks for every list; they are stored together when the last one is answered.
func (c *sshServer) setup() error {
	if err := c.s.Permit("sshd", config.SSHLists[0].Key); err != nil {
		return err
	}
	var answers [len(config.SSHLists)]string
	for i, list := range config.SSHLists {
		answer, err := c.s.Ask(shell.Question{
			Text:     "Enter the " + list.Title + " you want to use.",
			Default:  strings.Join(list.Chosen(c.settings()), ","),
			Complete: list.All,
			Check:    func(answer string) error { _, err := readSSHList(list, answer); return err },
		})
		if err != nil {
			return err
		}
		answers[i] = answer
	}
	for i, list := range config.SSHLists {
		if err := c.set(list, answers[i]); err != nil {
			return err
		}
	}
	return nil
}

func (c *sshServer) set(list config.SSHAlgorithms, text string) error {
	names, err := readSSHList(list, text)
	if err != nil {
		return err
	}
	err = change(c.s, func(conf *config.Config) error { *list.Of(&conf.Shell.SSHD) = names; return nil })
	if err != nil {
		return err
	}
	for _, name := range names {
		if slices.Contains(list.Weak, name) {
			c.s.Say("Note: %s is weak; it is on because it is named.", name)
		}
	}
	return nil
}

func readSSHList(list config.SSHAlgorithms, text string) ([]string, error) {
	names, err := list.Parse(text)
	if err != nil {
		return nil, shell.Fail("Invalid %s: %v.", list.Title, err)
	}
	return names, nil
}
