package commands

import (
	"maps"
	"slices"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

// serverNames is the dialogue about the certificates that a client gets who asks for one of certain names (SNI).
func (e *listenerEdit) serverNames() error {
	none := func() bool { return len(e.listener().ServerNames) == 0 }
	return e.s.Menu(shell.Menu{
		State: e.printServerNames,
		Items: []shell.MenuItem{
			{Keyword: "NEW", What: "Add a server name.", Do: plainly(e.newServerName)},
			{Keyword: "EDIT", What: "Choose another certificate for a server name.", Hidden: none, Do: plainly(e.editServerName)},
			{Keyword: "DELETE", What: "Remove a server name.", Hidden: none, Do: plainly(e.deleteServerName)},
		},
	})
}

func (e *listenerEdit) serverNameList() []string {
	return slices.Sorted(maps.Keys(e.listener().ServerNames))
}

func (e *listenerEdit) printServerNames() {
	l := e.listener()
	if len(l.ServerNames) == 0 {
		e.s.Say("\nEvery client gets the certificate %s, whatever server name it asks for.", strings.Join(l.Certificates, ", "))
		return
	}
	e.s.Say("\nCertificates by the server name that the client asks for:")
	for n, name := range e.serverNameList() {
		e.s.Printf("%d. %s: %s\n", n+1, name, strings.Join(l.ServerNames[name], ", "))
	}
	e.s.Printf("Any other: %s\n", strings.Join(l.Certificates, ", "))
}

func (e *listenerEdit) newServerName() error {
	name, err := e.s.Ask(shell.Question{
		Text: "Enter the server name, such as mx.example.com or *.example.com:", Required: true,
		Check: func(name string) error {
			name = hostWord(name)
			if e.listener().ServerNames[name] != nil {
				return shell.Fail("Invalid server name %q: it is there already.", name)
			}
			first := e.listener().Certificates
			return acceptable(e.s, func(c *config.Config) {
				l := c.Listeners[e.name]
				l.ServerNames = inMap(l.ServerNames, name, first)
			})
		},
	})
	if err != nil {
		return err
	}
	chosen, err := e.chooseCertificates(e.listener().Certificates)
	if err != nil {
		return err
	}
	return e.setServerName(name, chosen)
}

func (e *listenerEdit) editServerName() error {
	name, err := askListed(e.s, e.serverNameList(), "Enter the name or number of the server name you wish to edit.")
	if err != nil {
		return err
	}
	chosen, err := e.chooseCertificates(e.listener().ServerNames[name])
	if err != nil {
		return err
	}
	return e.setServerName(name, chosen)
}

// setServerName stores the profiles for a server name, a new one or one that is there.
func (e *listenerEdit) setServerName(name string, chosen []string) error {
	if err := differentKeys(e.a, e.s.Candidate(), chosen); err != nil {
		return err
	}
	err := e.change(func(_ *config.Config, l *config.Listener) error {
		l.ServerNames = inMap(l.ServerNames, hostWord(name), chosen)
		return nil
	})
	if err == nil {
		e.s.Say("Clients that ask for %s get the certificate %s.", hostWord(name), strings.Join(chosen, ", "))
	}
	return err
}

func (e *listenerEdit) deleteServerName() error {
	name, err := askListed(e.s, e.serverNameList(), "Enter the name or number of the server name you wish to remove.")
	if err != nil {
		return err
	}
	return e.removeServerName(name)
}

func (e *listenerEdit) removeServerName(word string) error {
	name := hostWord(word)
	err := e.change(func(_ *config.Config, l *config.Listener) error {
		if l.ServerNames[name] == nil {
			return shell.Fail("Unknown server name %q: %s.", word, acceptedAre(e.serverNameList()))
		}
		delete(l.ServerNames, name)
		return nil
	})
	if err == nil {
		e.s.Say("Server name %s deleted.", name)
	}
	return err
}

// batchServerName takes NAME CERT[,CERT] or delete NAME.
func (e *listenerEdit) batchServerName(args []string) error {
	if len(args) != 2 {
		return shell.Usage("Invalid command: servername takes NAME CERT[,CERT] or delete NAME.")
	}
	if strings.EqualFold(args[0], "delete") {
		return e.removeServerName(args[1])
	}
	chosen, err := certificatesOf(e.s.Candidate(), args[1], false)
	if err != nil {
		return err
	}
	return e.setServerName(args[0], chosen)
}

func (e *listenerEdit) askImplicitTLS() error {
	on, err := askImplicit(e.s, e.listener().ImplicitTLS)
	if err != nil {
		return err
	}
	return e.change(func(_ *config.Config, l *config.Listener) error { l.ImplicitTLS = on; return nil })
}

func askImplicit(s *shell.Session, present bool) (bool, error) {
	return s.YesNo("Do you want TLS to begin with the connection on this port, without STARTTLS?", present)
}
