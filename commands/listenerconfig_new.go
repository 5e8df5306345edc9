package commands

import (
	"fmt"
	"reflect"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

// listenerTypes are in the order of the question.
var listenerTypes = [...]config.ListenerType{config.Private, config.Public, config.Blackhole}

const (
	smtpPort        = 25
	submissionsPort = 465 // for implicit TLS (RFC 8314 §7.3)
)

// newListener is the dialogue of NEW. Nothing is stored before its last question is answered.
func newListener(s *shell.Session) error {
	draft, err := askNewListener(s)
	if err != nil {
		return err
	}
	err = change(s, func(c *config.Config) error {
		c.Listeners = inMap(c.Listeners, draft.name, draft.listener)
		for domain, hops := range draft.routes {
			c.Routes = inMap(c.Routes, domain, &config.Route{Hops: hops})
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.Say("\nListener %s created.\nDefaults have been set for a %s listener.", draft.name, typeName(draft.listener.Type))
	s.Say("Use the listenerconfig->EDIT command to customize the listener.")
	return nil
}

// inMap sets a key of a map that may not be there yet.
func inMap[V any](m map[string]V, key string, value V) map[string]V {
	if m == nil {
		m = map[string]V{}
	}
	m[key] = value
	return m
}

// listenerDraft is a listener in the making with the routes that were asked along with it.
type listenerDraft struct {
	name     string
	listener *config.Listener
	routes   map[string][]string
}

func askNewListener(s *shell.Session) (*listenerDraft, error) {
	c := s.Candidate()
	n, err := s.Choose("\nPlease select the type of listener you want to create.", []string{"Private", "Public", "Blackhole"}, 2)
	if err != nil {
		return nil, err
	}
	d := &listenerDraft{routes: map[string][]string{}}
	d.name, err = s.Ask(shell.Question{
		Text: "\nPlease create a name for this listener (Ex: \"InboundMail\"):", Required: true,
		Check: func(name string) error {
			if err := newListenerName(c, name, ""); err != nil {
				return err
			}
			return acceptable(s, func(c *config.Config) {
				c.Listeners = inMap(c.Listeners, name, config.NewListener(config.Public, interfaceNames(c)[0], 0))
			})
		},
	})
	if err != nil {
		return nil, err
	}
	d.listener = config.NewListener(listenerTypes[n-1], "", smtpPort)
	if err := askPlace(s, d.listener, d.name); err != nil {
		return nil, err
	}
	if d.listener.Port == submissionsPort {
		if d.listener.ImplicitTLS, err = askImplicit(s, true); err != nil {
			return nil, err
		}
	}
	if err := askAdmitted(s, d); err != nil {
		return nil, err
	}
	if err := askListenerRate(s, d.listener); err != nil {
		return nil, err
	}
	return d, askDefaultPolicy(s, d.listener)
}

// newListenerName says whether name may be given to a new listener or to the one that is called old.
func newListenerName(c *config.Config, name, old string) error {
	if strings.EqualFold(name, "all") {
		return shell.Fail("Invalid name %q: it stands for every listener.", name)
	}
	if strings.EqualFold(name, config.HiddenListener) {
		return shell.Fail("Invalid name %q: the listener that an XML file has beside ours is called so; any other name is accepted.", name)
	}
	if taken, err := listenerNamed(c, name); err == nil && taken != old {
		return shell.Fail("Invalid name %q: listener %q exists already.", name, taken)
	}
	return nil
}

// askPlace asks for the interface, the protocol and the port of the listener called name.
func askPlace(s *shell.Session, l *config.Listener, name string) error {
	c := s.Candidate()
	names := interfaceNames(c)
	if len(names) == 0 {
		return shell.Fail("Error: there is no interface; create one with interfaceconfig first.")
	}
	def := 1
	for i, n := range names {
		if n == l.Interface {
			def = i + 1
		}
	}
	i, err := askNamed(s, shell.Choice{
		Heading: "\nPlease choose an IP interface for this Listener.", Options: interfaceLines(c), Default: def,
	}, names)
	if err != nil {
		return err
	}
	l.Interface = names[i]
	_, err = chooseAllowed(s, "\nChoose a protocol.", []string{"SMTP", "QMQP"}, 1, func(i int) error {
		if i == 1 {
			return shell.Fail("Invalid protocol QMQP: it is not available in Posthouse; SMTP is accepted.")
		}
		return nil
	})
	if err != nil {
		return err
	}
	l.Port, err = askPort(s, c, l, name)
	return err
}

func askPort(s *shell.Session, c *config.Config, l *config.Listener, name string) (int, error) {
	answer, err := s.Ask(shell.Question{
		Text: "\nPlease enter the TCP port for this listener.", Default: fmt.Sprint(l.Port),
		Check: func(word string) error { _, err := freePort(c, l.Interface, name, word); return err },
	})
	if err != nil {
		return 0, err
	}
	return freePort(c, l.Interface, name, answer)
}

// freePort reads a port that no other listener of the interface has; 0 lets the system choose.
func freePort(c *config.Config, iface, listener, word string) (int, error) {
	port, err := number("port", word, 0, 65535)
	if err != nil || port == 0 {
		return port, err
	}
	for name, l := range c.Listeners {
		if name != listener && l.Interface == iface && l.Port == port {
			return 0, shell.Fail("Invalid port %q: listener %q has it on interface %q.", word, name, iface)
		}
	}
	return port, nil
}

const recipientForms = `
Hostnames such as "example.com" are allowed.
Partial hostnames such as ".example.com" are allowed.
Usernames such as "postmaster@" are allowed.
Full email addresses such as "joe@example.com" or "joe@[192.0.2.1]" are allowed.
Separate multiple addresses with commas.`

const memberForms = `
Hostnames such as "example.com" are allowed.
Partial hostnames such as ".example.com" are allowed.
Addresses, networks such as "192.0.2.0/24", ranges such as "192.0.2.10-20" and leading parts such as "192.0.2." are allowed.
Certificates of clients such as "cert[mx.partner.example,Partner CA]" are allowed.
Separate multiple hosts with commas.`

// askAdmitted asks whose mail a public listener takes, or for whom a private one relays. A blackhole takes everything.
func askAdmitted(s *shell.Session, d *listenerDraft) error {
	switch d.listener.Type {
	case config.Public:
		return askDomains(s, d)
	case config.Private:
		answer, err := s.Ask(shell.Question{
			Text:  "\nPlease specify the systems allowed to relay email through this listener." + memberForms,
			Check: func(answer string) error { _, err := members(answer); return err },
		})
		if err != nil {
			return err
		}
		return setRelays(d.listener, answer)
	}
	return nil
}

// setRelays puts the hosts into the group that relays.
func setRelays(l *config.Listener, answer string) error {
	hosts, err := members(answer)
	if err != nil {
		return err
	}
	for i := range l.HostAccess.Groups {
		if l.HostAccess.Groups[i].Name == "RELAYLIST" {
			l.HostAccess.Groups[i].Members = hosts
		}
	}
	return nil
}

func askDomains(s *shell.Session, d *listenerDraft) error {
	answer, err := s.Ask(shell.Question{
		Text: "\nEnter the domain names or specific email addresses you want to accept mail for." + recipientForms,
		Check: func(answer string) error {
			l := *d.listener
			l.RecipientAccess = accepting(answer)
			return acceptable(s, func(c *config.Config) { c.Listeners = inMap(c.Listeners, d.name, &l) })
		},
	})
	if err != nil {
		return err
	}
	d.listener.RecipientAccess = accepting(answer)
	var domains []string
	for _, key := range recipientKeys(d.listener.RecipientAccess) {
		if !strings.Contains(key, "@") && key != recipientAll {
			domains = append(domains, key)
		}
	}
	if len(domains) == 0 {
		return nil
	}
	return askRoutes(s, d, domains)
}

// accepting is a recipient access table that accepts the addresses and nothing else.
func accepting(answer string) config.RecipientAccess {
	t := config.RecipientAccess{}
	for _, key := range recipients(answer) {
		t[key] = &config.RecipientRule{Accept: true}
	}
	return t
}

func askRoutes(s *shell.Session, d *listenerDraft, domains []string) error {
	configure, err := s.YesNo(fmt.Sprintf("\nWould you like to configure SMTP routes for %s?", strings.Join(domains, ", ")), true)
	if err != nil || !configure {
		return err
	}
	for _, domain := range domains {
		answer, err := s.Ask(shell.Question{
			Text: fmt.Sprintf("\nEnter the destination hosts, separated by commas, which you want mail for %s to be delivered.\n"+
				"Write USEDNS by itself to use normal DNS resolution, /dev/null by itself to discard the mail,\n"+
				"HOST:PORT or [ADDRESS]:PORT for another port than 25.", domain),
			Required: true,
			Check:    func(answer string) error { _, err := routeHops(answer); return err },
		})
		if err != nil {
			return err
		}
		if d.routes[domain], err = routeHops(answer); err != nil {
			return err
		}
		s.Say("Mapping for %s to %s created.", domain, strings.Join(d.routes[domain], ", "))
	}
	return nil
}

// routeHops reads the hosts of an SMTP route, separated by commas.
func routeHops(answer string) ([]string, error) {
	var hops []string
	for word := range strings.SplitSeq(answer, ",") {
		word = hopWord(strings.TrimSpace(word))
		if _, err := config.ParseHop(word); err != nil {
			return nil, shell.Fail("Invalid destination: %v.", err)
		}
		hops = append(hops, word)
	}
	return hops, nil
}

func askListenerRate(s *shell.Session, l *config.Listener) error {
	limit, err := s.YesNo("\nDo you want to enable rate limiting for this listener?", false)
	if err != nil || !limit {
		return err
	}
	n, err := s.AskInt(shell.Question{
		Text: "\nEnter the maximum number of recipients per hour to accept from a remote domain.", Required: true,
	}, 1, numberMost)
	l.HostAccess.Default.MaxRecipientsPerHour = &n
	return err
}

// askDefaultPolicy shows the policy that applies where no other does, and lets it be changed.
func askDefaultPolicy(s *shell.Session, l *config.Listener) error {
	p := l.HostAccess.Effective(config.PolicyParams{})
	perHour := "Disabled"
	if *p.MaxRecipientsPerHour >= 0 {
		perHour = thousands(*p.MaxRecipientsPerHour)
	}
	text := fmt.Sprintf(`
Default Policy Parameters
==========================
Maximum Message Size: %s
Maximum Number Of Connections From A Single IP: %s
Maximum Number Of Messages Per Connection: %s
Maximum Number Of Recipients Per Message: %s
Maximum Number Of Recipients Per Hour: %s
Use TLS: %s
Allow SMTP Authentication: No

`, config.FormatSize(*p.MaxMessageSize), thousands(*p.MaxConcurrency), thousands(*p.MaxMessages), thousands(*p.MaxRecipients),
		perHour, tlsName(p))
	s.Print(text)
	edit, err := s.YesNo("Would you like to change the default host access policy?", false)
	if err != nil || !edit {
		return err
	}
	return askPolicyDefault(s, &l.HostAccess.Default)
}

// tlsName is the TLS setting as screens show it.
func tlsName(p config.PolicyParams) string {
	switch p.TLS {
	case config.TLSPreferred:
		return "Preferred"
	case config.TLSRequired:
		return "Required"
	}
	return "No"
}

// batchNewListener takes NAME TYPE INTERFACE PORT [key value ...].
func batchNewListener(s *shell.Session, args []string) error {
	t, err := oneOf("listener type", args[1], string(config.Private), string(config.Public), string(config.Blackhole))
	if err != nil {
		return err
	}
	err = change(s, func(c *config.Config) error {
		if err := newListenerName(c, args[0], ""); err != nil {
			return err
		}
		iface, err := interfaceNamed(c, args[2])
		if err != nil {
			return err
		}
		port, err := freePort(c, iface, args[0], args[3])
		if err != nil {
			return err
		}
		l := config.NewListener(config.ListenerType(t), iface, port)
		c.Listeners = inMap(c.Listeners, args[0], l)
		return newListenerSettings(c, l, args[4:])
	})
	if err == nil {
		s.Say("Listener %s created.", args[0])
	}
	return err
}

// newListenerSettings reads what the dialogue of NEW asks besides: whose mail is taken or relayed, its routes, and the
// default policy, which is written down whole where more than its rate limit is named.
func newListenerSettings(c *config.Config, l *config.Listener, words []string) error {
	policy := &l.HostAccess.Default
	limit := policy.MaxRecipientsPerHour
	err := applySettings(words, append([]setting{
		{"domains", func(v string) error {
			if l.Type != config.Public {
				return shell.Fail("Invalid key \"domains\": a %s listener has no recipient access table.", l.Type)
			}
			l.RecipientAccess = accepting(v)
			return nil
		}},
		{"relay", func(v string) error {
			if l.Type != config.Private {
				return shell.Fail("Invalid key \"relay\": a %s listener relays for nobody; listenerconfig edit NAME hostaccess changes that.", l.Type)
			}
			return setRelays(l, v)
		}},
		{"route", func(v string) error { return routeWord(c, v) }},
		{"implicit_tls", func(v string) (err error) { l.ImplicitTLS, err = switched("implicit_tls", v); return err }},
	}, parameterSettings(policy)...))
	if err != nil {
		return err
	}
	named := *policy
	named.MaxRecipientsPerHour = limit
	if !reflect.DeepEqual(named, config.NewListener(l.Type, l.Interface, l.Port).HostAccess.Default) {
		*policy = l.HostAccess.Effective(*policy)
	}
	return nil
}

// routeWord takes DOMAIN=DEST[,DEST].
func routeWord(c *config.Config, word string) error {
	domain, answer, ok := strings.Cut(word, "=")
	if !ok || domain == "" {
		return shell.Fail("Invalid route %q: DOMAIN=DEST[,DEST] is accepted.", word)
	}
	hops, err := routeHops(answer)
	if err != nil {
		return err
	}
	c.Routes = inMap(c.Routes, hostWord(domain), &config.Route{Hops: hops})
	return nil
}
