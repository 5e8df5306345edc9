package commands

import (
	"maps"
	"slices"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

func listenerBatch(a *Appliance, s *shell.Session, args []string) error {
	if len(args) == 0 {
		args = []string{"list"}
	}
	return dispatch("listenerconfig", args, []subcommand{
		{"list", 0, 0, func([]string) error { return listListeners(s) }},
		{"details", 1, 1, func(args []string) error { return onListener(a, s, args, (*listenerEdit).show) }},
		{"new", 4, -1, func(args []string) error { return batchNewListener(s, args) }},
		{"edit", 2, -1, func(args []string) error { return onListener(a, s, args, (*listenerEdit).batch) }},
		{"delete", 1, 1, func(args []string) error {
			return onListener(a, s, args, func(e *listenerEdit, _ []string) error { return removeListener(s, e.name) })
		}},
		{"setup", 0, -1, func(args []string) error { return batchSetup(s, args) }},
	})
}

// onListener runs do on the listener that args[0] names with the words behind it.
func onListener(a *Appliance, s *shell.Session, args []string, do func(*listenerEdit, []string) error) error {
	name, err := listenerNamed(s.Candidate(), args[0])
	if err != nil {
		return err
	}
	return do(&listenerEdit{a, s, name}, args[1:])
}

func (e *listenerEdit) show([]string) error {
	if e.s.JSON {
		return e.s.PrintJSON(reportListener(e.s.Candidate(), e.name))
	}
	e.details()
	return nil
}

// batch runs what stands behind "listenerconfig edit NAME": one of the tables, or settings.
func (e *listenerEdit) batch(args []string) error {
	switch strings.ToLower(args[0]) {
	case "hostaccess":
		return e.hostAccessBatch(args[1:])
	case "rcptaccess":
		return e.recipientAccessBatch(args[1:])
	case "servername":
		return e.batchServerName(args[1:])
	case "masquerade", "domainmap":
		return shell.Fail("Error: %s is not available in this version.", strings.ToLower(args[0]))
	}
	return e.batchSettings(args)
}

// batchSettings changes several settings at once, or none.
func (e *listenerEdit) batchSettings(args []string) error {
	newName := e.name
	var certificates []string
	err := e.change(func(c *config.Config, l *config.Listener) error {
		settings := append(e.listenerSettings(c, l), setting{"name", func(v string) error {
			newName = v
			return newListenerName(c, v, e.name)
		}}, setting{"certificate", func(v string) (err error) {
			if certificates, err = certificatesOf(c, v, false); err == nil {
				err = differentKeys(e.a, c, certificates)
			}
			l.Certificates = certificates
			return err
		}})
		if err := applySettings(args, settings); err != nil {
			return err
		}
		delete(c.Listeners, e.name)
		c.Listeners[newName] = l
		return nil
	})
	if err != nil {
		return err
	}
	for _, name := range certificates {
		warnOfCertificate(e.a, e.s, e.s.Candidate(), name)
	}
	return nil
}

func (e *listenerEdit) listenerSettings(c *config.Config, l *config.Listener) []setting {
	return []setting{
		{"interface", func(v string) (err error) { l.Interface, err = interfaceNamed(c, v); return err }},
		{"port", func(v string) (err error) { l.Port, err = freePort(c, l.Interface, e.name, v); return err }},
		{"max_connections", func(v string) (err error) {
			l.MaxConnections, err = number("max_connections", v, 1, maxConnectionsMost)
			return err
		}},
		{"listen_queue", func(v string) (err error) {
			l.ListenQueue, err = number("listen_queue", v, 1, listenQueueMost)
			return err
		}},
		{"default_domain", func(v string) error {
			if l.DefaultDomain = hostWord(v); l.DefaultDomain == "none" {
				l.DefaultDomain = ""
			}
			return nil
		}},
		{"bounceprofile", func(v string) error { return setBounceProfile(c, l, v) }},
		{"implicit_tls", func(v string) (err error) { l.ImplicitTLS, err = switched("implicit_tls", v); return err }},
	}
}

// injectionFields are the settings that hold for every listener, in the order of their questions.
func injectionFields(i *config.Injection) []injectionField {
	return []injectionField{
		{"max_hops", "Enter the maximum number of Received headers; a message with more is refused as a loop.", &i.MaxHops, hopsMost},
		{"command_timeout", "Enter the time limit, in seconds, for one command or one block of a message.", &i.CommandTimeout, commandTimeMost},
		{"session_timeout", "Enter the time limit, in seconds, for an inbound connection in all.", &i.SessionTimeout, sessionTimeMost},
		{"max_bad_commands", "Enter the number of bad commands after which a connection is closed.", &i.MaxBadCommands, badCommandsMost},
		{"max_handshakes", "Enter the maximum number of TLS handshakes at once.", &i.MaxHandshakes, handshakesMost},
		{"max_handshakes_per_peer", "Enter the maximum number of TLS handshakes at once from one address.", &i.MaxHandshakesPerPeer, handshakesMost},
	}
}

type injectionField struct {
	key, question string
	value         *int
	most          int // from 1
}

// injectionJSON is config.Injection for programs.
type injectionJSON struct {
	MaxHops              int `json:"max_hops" doc:"Received header fields beyond which a message is refused as a loop"`
	CommandTimeout       int `json:"command_timeout" doc:"seconds for one command or one block of a message"`
	SessionTimeout       int `json:"session_timeout" doc:"seconds for an inbound connection in all"`
	MaxBadCommands       int `json:"max_bad_commands" doc:"bad commands after which a connection is closed"`
	MaxHandshakes        int `json:"max_handshakes" doc:"TLS handshakes at once"`
	MaxHandshakesPerPeer int `json:"max_handshakes_per_peer" doc:"TLS handshakes at once from one address"`
}

// batchSetup takes key value ..., or shows the settings when there is none.
func batchSetup(s *shell.Session, args []string) error {
	i := s.Candidate().Injection
	fields := injectionFields(&i)
	var settings []setting
	for _, f := range fields {
		settings = append(settings, setting{f.key, func(v string) (err error) {
			*f.value, err = number(f.key, v, 1, f.most)
			return err
		}})
	}
	switch {
	case len(args) > 0:
		if err := applySettings(args, settings); err != nil {
			return err
		}
		return change(s, func(c *config.Config) error { c.Injection = i; return nil })
	case s.JSON:
		return s.PrintJSON(injectionJSON(i))
	}
	for _, f := range fields {
		s.Printf("%s = %d\n", f.key, *f.value)
	}
	return nil
}

func injectionKeys() []string {
	var keys []string
	for _, f := range injectionFields(&config.Injection{}) {
		keys = append(keys, f.key)
	}
	return keys
}

func completeListener(a *Appliance) func(*shell.Session, []string) []string {
	return func(s *shell.Session, args []string) []string {
		if len(args) <= 1 {
			return startingWith(args, []string{"list", "details", "new", "edit", "delete", "setup"})
		}
		return startingWith(args, listenerProposals(a, s.Candidate(), args))
	}
}

// listenerProposals are the words that may stand where the last of args does.
func listenerProposals(a *Appliance, c *config.Config, args []string) []string {
	switch {
	case args[0] == "new" && len(args) == 3:
		return []string{string(config.Private), string(config.Public), string(config.Blackhole)}
	case args[0] == "new" && len(args) == 4:
		return interfaceNames(c)
	case args[0] == "new" && len(args) > 5 && len(args)%2 == 0:
		return append([]string{"domains", "relay", "route", "implicit_tls"}, config.PolicyKeyNames()...)
	case slices.Contains([]string{"edit", "delete", "details"}, args[0]) && len(args) == 2:
		return listenerNames(c)
	case args[0] == "setup" && len(args)%2 == 0:
		return injectionKeys()
	case args[0] != "edit" || len(args) < 3:
		return nil
	case len(args) == 3:
		return listenerKeys()
	}
	return settingProposals(a, c, args[1], args[2:])
}

// listenerKeys are the words that may stand behind "listenerconfig edit NAME".
func listenerKeys() []string {
	return []string{
		"name", "interface", "port", "certificate", "max_connections", "listen_queue", "default_domain", "bounceprofile",
		"implicit_tls", "servername", "hostaccess", "rcptaccess",
	}
}

func settingProposals(a *Appliance, c *config.Config, listener string, args []string) []string {
	l := c.Listeners[listener]
	if l == nil {
		return nil
	}
	switch args[0] {
	case "hostaccess":
		return hostProposals(a, &l.HostAccess, args[1:])
	case "rcptaccess":
		return recipientProposals(a, l, args[1:])
	case "servername":
		return serverNameProposals(c, l, args[1:])
	}
	if len(args)%2 == 1 {
		return listenerKeys()
	}
	switch args[len(args)-2] {
	case "certificate":
		return profileNames(c)
	case "interface":
		return interfaceNames(c)
	case "implicit_tls":
		return []string{"on", "off"}
	}
	return nil
}

func serverNameProposals(c *config.Config, l *config.Listener, args []string) []string {
	names := slices.Sorted(maps.Keys(l.ServerNames))
	switch {
	case len(args) == 1:
		return append(names, "delete")
	case args[0] == "delete":
		return names
	}
	return profileNames(c)
}

func hostProposals(a *Appliance, t *config.HostAccess, args []string) []string {
	groups, policies := groupLabels(t), t.PolicyNames()
	switch {
	case len(args) == 1:
		return []string{"print", "new", "edit", "delete", "move", "default", "import", "export", "clear"}
	case args[0] == "import":
		return fileNames(a)
	case args[0] == "move":
		return groups
	case args[0] == "default":
		return config.PolicyKeyNames()
	case len(args) == 2:
		return []string{"sendergroup", "policy"}
	case len(args) == 3 && args[1] == "sendergroup":
		return groups
	case len(args) == 3 && args[1] == "policy", args[len(args)-2] == "policy":
		return policies
	case len(args) == 4 && args[0] == "edit" && args[1] == "sendergroup":
		return []string{"new", "delete", "policy", "name", "comment"}
	case len(args) >= 4 && args[1] == "policy":
		return append(config.PolicyKeyNames(), "behavior")
	}
	return []string{"policy", "comment"}
}

func recipientProposals(a *Appliance, l *config.Listener, args []string) []string {
	switch {
	case len(args) == 1:
		return []string{"print", "new", "edit", "delete", "import", "export", "clear"}
	case args[0] == "import":
		return fileNames(a)
	case len(args) == 2:
		return recipientKeys(l.RecipientAccess)
	case len(args) == 3:
		return []string{"accept", "reject"}
	}
	return nil
}
