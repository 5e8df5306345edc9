package commands

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

// listenerEdit is one run of listenerconfig's EDIT on the listener that is called name at present.
type listenerEdit struct {
	a    *Appliance
	s    *shell.Session
	name string
}

func (e *listenerEdit) listener() *config.Listener { return e.s.Candidate().Listeners[e.name] }

// change edits the listener in a copy of the candidate.
func (e *listenerEdit) change(edit func(c *config.Config, l *config.Listener) error) error {
	return change(e.s, func(c *config.Config) error { return edit(c, c.Listeners[e.name]) })
}

func editListener(a *Appliance, s *shell.Session) error {
	name, err := chooseListener(s, "Enter the name or number of the listener you wish to edit.")
	if err != nil {
		return err
	}
	return (&listenerEdit{a, s, name}).menu(nil)
}

// menu is the dialogue about one listener.
func (e *listenerEdit) menu([]string) error {
	notPublic := func() bool { return e.listener().Type != config.Public }
	return e.s.Menu(shell.Menu{
		State: e.details,
		Items: []shell.MenuItem{
			{Keyword: "NAME", What: "Change the name of the listener.", Do: plainly(e.askName)},
			{Keyword: "INTERFACE", What: "Change the interface.", Do: plainly(e.askInterface)},
			{Keyword: "CERTIFICATE", What: "Choose the certificate.", Do: plainly(e.askCertificate)},
			{Keyword: "LIMITS", What: "Change the injection limits.", Do: plainly(e.askLimits)},
			{Keyword: "SETUP", What: "Configure general options.", Do: plainly(e.setup)},
			{Keyword: "HOSTACCESS", What: "Modify the Host Access Table.", Do: plainly(e.hostAccess)},
			{Keyword: "RCPTACCESS", What: "Modify the Recipient Access Table.", Hidden: notPublic, Do: plainly(e.recipientAccess)},
			{Keyword: "BOUNCECONFIG", What: "Choose the bounce profile to use for messages injected on this listener.", Do: plainly(e.askBounce)},
			{Keyword: "MASQUERADE", What: "Configure the Domain Masquerading Table.", Do: plainly(notYet("the domain masquerading table"))},
			{Keyword: "DOMAINMAP", What: "Configure domain mappings.", Do: plainly(notYet("the domain map"))},
		},
	})
}

// notYet is what an operation answers that the menu has and this version has not.
func notYet(what string) func() error {
	return func() error {
		return shell.Fail("Error: %s is not available in this version; nothing is changed.", what)
	}
}

// details prints the listener as the edit menu shows it.
func (e *listenerEdit) details() {
	l := e.listener()
	place := l.Interface
	if i := e.s.Candidate().Interfaces[l.Interface]; i != nil {
		place = fmt.Sprintf("%s (%s/%d)", l.Interface, i.Address, i.PrefixLength)
	}
	domain := l.DefaultDomain
	if domain == "" {
		domain = "<none configured>"
	}
	e.s.Printf("\nName: %s\nType: %s\nInterface: %s TCP Port %d\nProtocol: SMTP\n", e.name, typeName(l.Type), place, l.Port)
	e.s.Printf("Default Domain: %s\nMax Concurrent Connections: %d (TCP Queue: %d)\nDomain Map: Disabled\n", domain, l.MaxConnections, l.ListenQueue)
	e.s.Printf("TLS: %s\nCertificate: %s\n", tlsName(l.HostAccess.Effective(config.PolicyParams{})), strings.Join(l.Certificates, ", "))
	if l.ImplicitTLS {
		e.s.Println("Implicit TLS: Enabled")
	}
	for _, name := range e.serverNameList() {
		e.s.Printf("Certificate for %s: %s\n", name, strings.Join(l.ServerNames[name], ", "))
	}
	e.s.Printf("SMTP Authentication: Disabled\nBounce Profile: %s\n", bounceName(l))
}

func (e *listenerEdit) askName() error {
	name, err := e.s.Ask(shell.Question{
		Text: "Please enter a new name for this listener:", Default: e.name,
		Check: func(name string) error {
			if err := newListenerName(e.s.Candidate(), name, e.name); err != nil {
				return err
			}
			return acceptable(e.s, func(c *config.Config) {
				delete(c.Listeners, e.name)
				c.Listeners[name] = e.listener()
			})
		},
	})
	if err != nil {
		return err
	}
	return e.rename(name)
}

func (e *listenerEdit) rename(name string) error {
	err := e.change(func(c *config.Config, l *config.Listener) error {
		if err := newListenerName(c, name, e.name); err != nil {
			return err
		}
		delete(c.Listeners, e.name)
		c.Listeners[name] = l
		return nil
	})
	if err == nil {
		e.name = name
	}
	return err
}

func (e *listenerEdit) askInterface() error {
	l := *e.listener()
	if err := askPlace(e.s, &l, e.name); err != nil {
		return err
	}
	return e.change(func(_ *config.Config, present *config.Listener) error {
		present.Interface, present.Port = l.Interface, l.Port
		return nil
	})
}

// askCertificate takes one profile or two: "1,3" gives a listener an RSA and an ECDSA certificate.
func (e *listenerEdit) askCertificate() error {
	chosen, err := e.chooseCertificates(e.listener().Certificates)
	if err != nil {
		return err
	}
	return e.setCertificates(chosen)
}

func (e *listenerEdit) chooseCertificates(selected []string) ([]string, error) {
	c := e.s.Candidate()
	names := profileNames(c)
	var present []string
	for _, name := range selected {
		present = append(present, fmt.Sprint(slices.Index(names, name)+1))
	}
	answer, err := e.s.Ask(shell.Question{
		Text: listText(shell.Choice{Options: names, Question: "Please choose the certificate to apply:"}), Default: strings.Join(present, ","),
		Required: true, Complete: func() []string { return names },
		Check: func(answer string) error { _, err := certificatesOf(c, answer, true); return err },
	})
	if err != nil {
		return nil, err
	}
	return certificatesOf(c, answer, true)
}

// certificatesOf reads one profile or two with a comma between; numbered says that numbers of the list are taken too.
func certificatesOf(c *config.Config, answer string, numbered bool) ([]string, error) {
	var chosen []string
	for word := range strings.SplitSeq(answer, ",") {
		word = strings.TrimSpace(word)
		name, err := profileNamed(c, word)
		if numbered {
			var i int
			if i, err = numberOrName(word, profileNames(c)); err == nil {
				name = profileNames(c)[i]
			}
		}
		if err != nil {
			return nil, err
		}
		if slices.Contains(chosen, name) {
			return nil, shell.Fail("Invalid choice %q: certificate profile %q is named twice.", answer, name)
		}
		chosen = append(chosen, name)
	}
	if len(chosen) > 2 {
		return nil, shell.Fail("Invalid choice %q: one certificate profile is accepted, or two with keys of different kinds.", answer)
	}
	return chosen, nil
}

func (e *listenerEdit) setCertificates(chosen []string) error {
	c := e.s.Candidate()
	if err := differentKeys(e.a, c, chosen); err != nil {
		return err
	}
	err := e.change(func(_ *config.Config, l *config.Listener) error { l.Certificates = chosen; return nil })
	if err != nil {
		return err
	}
	for _, name := range chosen {
		warnOfCertificate(e.a, e.s, c, name)
	}
	return nil
}

func (e *listenerEdit) askLimits() error {
	connections, queue := e.listener().MaxConnections, e.listener().ListenQueue
	err := askNumbers(e.s, []numberQuestion{
		{"Enter the maximum number of concurrent connections to this listener.", &connections, 1, maxConnectionsMost},
		{"Enter the length of the TCP listen queue.", &queue, 1, listenQueueMost},
	})
	if err != nil {
		return err
	}
	return e.change(func(_ *config.Config, l *config.Listener) error {
		l.MaxConnections, l.ListenQueue = connections, queue
		return nil
	})
}

func (e *listenerEdit) setup() error {
	return e.s.Menu(shell.Menu{
		State: func() {
			const none = "<none configured>"
			l := e.listener()
			e.s.Printf("\nDefault Domain: %s\nImplicit TLS: %s\nServer Names: %s\n", cmp.Or(l.DefaultDomain, none),
				enabledWord(l.ImplicitTLS), cmp.Or(strings.Join(e.serverNameList(), ", "), none))
		},
		Items: []shell.MenuItem{
			{Keyword: "DEFAULTDOMAIN", What: "Configure a default domain name.", Do: plainly(e.askDefaultDomain)},
			{Keyword: "IMPLICITTLS", What: "Begin connections with TLS, without STARTTLS.", Do: plainly(e.askImplicitTLS)},
			{Keyword: "SERVERNAMES", What: "Choose certificates by the server name that the client asks for.", Do: plainly(e.serverNames)},
		},
	})
}

// checkDomain refuses what is not a domain.
func (e *listenerEdit) checkDomain(word string) error {
	return acceptable(e.s, func(c *config.Config) { c.Listeners[e.name].DefaultDomain = hostWord(word) })
}

func (e *listenerEdit) askDefaultDomain() error {
	present := e.listener().DefaultDomain
	use, err := e.s.YesNo("Do you want to complete addresses without a domain?", present != "")
	if err != nil {
		return err
	}
	domain := ""
	if use {
		domain, err = e.s.Ask(shell.Question{Text: "Enter the default domain:", Default: present, Required: true, Check: e.checkDomain})
		if err != nil {
			return err
		}
	}
	return e.change(func(_ *config.Config, l *config.Listener) error {
		l.DefaultDomain = hostWord(domain)
		return nil
	})
}

func (e *listenerEdit) askBounce() error {
	names := slices.Sorted(maps.Keys(e.s.Candidate().Bounces))
	n, err := e.s.Choose("Please choose a bounce profile to apply:", names, slices.Index(names, bounceName(e.listener()))+1)
	if err != nil {
		return err
	}
	return e.setBounce(names[n-1])
}

func (e *listenerEdit) setBounce(name string) error {
	return e.change(func(c *config.Config, l *config.Listener) error { return setBounceProfile(c, l, name) })
}

// setBounceProfile stores the profile that word names; the default one is stored as none.
func setBounceProfile(c *config.Config, l *config.Listener, word string) error {
	names := slices.Sorted(maps.Keys(c.Bounces))
	i := slices.IndexFunc(names, func(n string) bool { return strings.EqualFold(n, word) })
	if i < 0 {
		return shell.Fail("Unknown bounce profile %q: %s.", word, acceptedAre(names))
	}
	l.BounceProfile = names[i]
	if names[i] == config.DefaultBounceProfile {
		l.BounceProfile = ""
	}
	return nil
}
