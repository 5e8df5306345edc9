package commands

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

func listenerConfig(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:     "listenerconfig",
		Summary:  "Configure listeners: who may connect, which recipients are accepted, TLS.",
		Roles:    shell.Readers,
		RolesFor: rolesBut(shell.Readers, shell.Operators, "edit * hostaccess export", "edit * rcptaccess export"),
		Batch: []string{
			"listenerconfig list",
			"listenerconfig details NAME",
			"listenerconfig new NAME private|public|blackhole INTERFACE PORT [key value ...]",
			"listenerconfig edit [NAME] (the dialogue)",
			"listenerconfig edit NAME certificate CERT[,CERT]",
			"listenerconfig edit NAME servername SERVERNAME CERT[,CERT] | delete SERVERNAME",
			"listenerconfig edit NAME implicit_tls on|off",
			"listenerconfig edit NAME key value ...",
			"listenerconfig edit NAME hostaccess print",
			"listenerconfig edit NAME hostaccess new sendergroup GROUP MEMBER[,MEMBER] policy POLICY [comment \"...\"]",
			"listenerconfig edit NAME hostaccess edit sendergroup GROUP new MEMBER[,MEMBER] | delete MEMBER[,MEMBER]",
			"listenerconfig edit NAME hostaccess edit sendergroup GROUP policy POLICY | name GROUP | comment \"...\"",
			"listenerconfig edit NAME hostaccess new policy POLICY accept|relay|reject|tcprefuse|continue [key value ...]",
			"listenerconfig edit NAME hostaccess edit policy POLICY [behavior BEHAVIOR] key value ...",
			"listenerconfig edit NAME hostaccess delete policy|sendergroup NAME",
			"listenerconfig edit NAME hostaccess move GROUP N",
			"listenerconfig edit NAME hostaccess default [key value ...]",
			"listenerconfig edit NAME hostaccess import FILE | export FILE | clear",
			"listenerconfig edit NAME rcptaccess new ADDRESS[,ADDRESS] accept|reject [CODE \"TEXT\"]",
			"listenerconfig edit NAME rcptaccess edit ADDRESS accept|reject [CODE \"TEXT\"]",
			"listenerconfig edit NAME rcptaccess delete ADDRESS[,ADDRESS] | print | import FILE | export FILE | clear",
			"listenerconfig delete NAME",
			"listenerconfig setup [key value ...]",
		},
		Help:   listenerHelp(),
		Commit: true,
		Documents: []shell.Document{
			{For: "listenerconfig list", Value: listenersJSON{}},
			{For: "listenerconfig details", Value: listenerReport{}},
			{For: "listenerconfig edit NAME hostaccess print", Value: tableReport{}},
			{For: "listenerconfig edit NAME hostaccess default", Value: policyParametersJSON{}},
			{For: "listenerconfig edit NAME rcptaccess print", Value: recipientTableJSON{}},
			{For: "listenerconfig setup", Value: injectionJSON{}},
			shell.Says("listenerconfig with other words"),
		},
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			switch edits := len(args) > 0 && !s.JSON && abbreviated(args[0], []string{"edit"}) == 0; {
			case len(args) == 0 && !s.JSON:
				return listenerMenu(a, s)
			case edits && len(args) == 1:
				printListeners(s)
				return editListener(a, s)
			case edits && len(args) == 2:
				return onListener(a, s, args[1:], (*listenerEdit).menu)
			}
			return listenerBatch(a, s, args)
		},
		Complete: completeListener(a),
	}
}

func listenerHelp() string {
	return `A public listener accepts mail for the recipients of its recipient access table, a private one relays for the
hosts of its host access table, a blackhole listener takes what its host access table admits and discards it.

Keys of new: domains DOMAIN[,DOMAIN] (public), relay HOST[,HOST] (private), route DOMAIN=DEST[,DEST], implicit_tls on|off, and the
parameters of the default mail flow policy, such as max_rcpts_per_hour N.

The host access table puts a connecting host into the first sender group from the top that it matches; the group's mail
flow policy decides. A member of a group is an address, a network (192.0.2.0/24), a range (192.0.2.10-20), a leading part
(192.0.2.), a host name or .domain, matched against the forward-confirmed reverse name; sbrs[a:b] and dnslist[zone] are
kept but match nothing in this version; or cert[SUBJECT,CA], for a client whose certificate verifies. SUBJECT is a DNS name
of it, its common name or its whole name; CA is the common name or whole name of an authority of the custom list that
vouches for it, see certconfig. A comma, bracket or backslash in a name has a backslash before it. Where a table has such
a member, clients are asked for a certificate, and the table is asked again after the handshake; the policy that holds
until then must allow TLS.
What a policy leaves open comes from the table's default.

Keys of edit: name, interface, port, certificate, max_connections, listen_queue, default_domain (or none), bounceprofile
(or default), implicit_tls. A listener may have two certificates, one with an RSA key and one with an ECDSA key; servername
gives it others for clients that ask for a certain name (SNI). With implicit_tls every connection begins with the
handshake, as on port 465, and STARTTLS is not offered.
Keys of policies and of default: ` + strings.Join(config.PolicyKeyNames(), ", ") + `;
the value default takes a policy's setting back.
Keys of setup: ` + strings.Join(injectionKeys(), ", ") + `.
Whoever comes with more handshakes at once than max_handshakes or max_handshakes_per_peer allow is told 421.

A recipient address is example.com, .example.com, user@, user@example.com, user@[192.0.2.1] or ALL.`
}

func listenerMenu(a *Appliance, s *shell.Session) error {
	none := func() bool { return len(s.Candidate().Listeners) == 0 }
	return s.Menu(shell.Menu{
		State: func() { printListeners(s) },
		Items: []shell.MenuItem{
			{Keyword: "NEW", What: "Create a new listener.", Do: with(s, newListener)},
			{Keyword: "EDIT", What: "Modify a listener.", Hidden: none, Do: func(context.Context) error { return editListener(a, s) }},
			{Keyword: "DELETE", What: "Remove a listener.", Hidden: none, Do: with(s, deleteListener)},
			{Keyword: "SETUP", What: "Change global settings.", Do: with(s, setupInjection)},
		},
	})
}

func listenerNames(c *config.Config) []string { return slices.Sorted(maps.Keys(c.Listeners)) }

// listenerNamed finds a listener by its name in any case.
func listenerNamed(c *config.Config, name string) (string, error) {
	names := listenerNames(c)
	i := slices.IndexFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
	if i >= 0 {
		return names[i], nil
	}
	return "", shell.Fail("Unknown listener %q: %s.", name, acceptedAre(names))
}

// typeName is the listener's type as screens show it.
func typeName(t config.ListenerType) string {
	return map[config.ListenerType]string{config.Public: "Public", config.Private: "Private", config.Blackhole: "Blackhole"}[t]
}

func printListeners(s *shell.Session) {
	c := s.Candidate()
	if len(c.Listeners) == 0 {
		s.Say("\nThere are no listeners configured.")
		return
	}
	s.Println("\nCurrently configured listeners:")
	for n, name := range listenerNames(c) {
		l := c.Listeners[name]
		address := ""
		if i := c.Interfaces[l.Interface]; i != nil {
			address = i.Address
		}
		s.Printf("%d. %s (on %s, %s) SMTP TCP Port %d %s\n", n+1, name, l.Interface, address, l.Port, typeName(l.Type))
	}
}

// listenerReport is what --json prints of a listener.
type listenerReport struct {
	Name           string   `json:"name" doc:"the listener"`
	Type           string   `json:"type" doc:"public, private or blackhole"`
	Interface      string   `json:"interface" doc:"its name"`
	Address        string   `json:"address" doc:"an IP address"`
	Port           int      `json:"port" doc:"TCP"`
	Protocol       string   `json:"protocol" doc:"smtp"`
	TLS            string   `json:"tls" doc:"what its default policy says: off, preferred, required"`
	Certificates   []string `json:"certificates" doc:"names of profiles"`
	MaxConnections int      `json:"max_connections" doc:"at once"`
	ListenQueue    int      `json:"listen_queue" doc:"connections that may wait"`
	DefaultDomain  string   `json:"default_domain" doc:"for recipients without one; empty: none"`
	BounceProfile  string   `json:"bounce_profile" doc:"empty: the default one"`
	SenderGroups   int      `json:"sender_groups" doc:"how many"`
	Policies       int      `json:"policies" doc:"how many"`
	Recipients     int      `json:"recipients" doc:"entries of the recipient access table"`

	ImplicitTLS bool                `json:"implicit_tls" doc:"TLS from the start"`
	ServerNames map[string][]string `json:"server_names,omitempty" doc:"certificates by the name that a client asks for"`
}

func reportListener(c *config.Config, name string) listenerReport {
	l := c.Listeners[name]
	r := listenerReport{
		Name: name, Type: string(l.Type), Interface: l.Interface, Port: l.Port, Protocol: "smtp",
		TLS: string(l.HostAccess.Effective(config.PolicyParams{}).TLS), Certificates: slices.Clone(l.Certificates),
		MaxConnections: l.MaxConnections, ListenQueue: l.ListenQueue, DefaultDomain: l.DefaultDomain,
		BounceProfile: bounceName(l), SenderGroups: len(l.HostAccess.Groups), Policies: len(l.HostAccess.Policies),
		Recipients: len(l.RecipientAccess), ImplicitTLS: l.ImplicitTLS, ServerNames: l.ServerNames,
	}
	if i := c.Interfaces[l.Interface]; i != nil {
		r.Address = i.Address
	}
	return r
}

func bounceName(l *config.Listener) string {
	if l.BounceProfile == "" {
		return config.DefaultBounceProfile
	}
	return l.BounceProfile
}

type listenersJSON struct {
	Listeners []listenerReport `json:"listeners" doc:"in order of name"`
}

func listListeners(s *shell.Session) error {
	if !s.JSON {
		printListeners(s)
		return nil
	}
	c := s.Candidate()
	list := []listenerReport{}
	for _, name := range listenerNames(c) {
		list = append(list, reportListener(c, name))
	}
	return s.PrintJSON(listenersJSON{list})
}

// chooseListener asks for one of the listeners that the state above the menu lists.
func chooseListener(s *shell.Session, text string) (string, error) {
	return askListed(s, listenerNames(s.Candidate()), text)
}

func deleteListener(s *shell.Session) error {
	name, err := chooseListener(s, "Enter the name or number of the listener you wish to remove.")
	if err != nil {
		return err
	}
	sure, err := s.YesNo(fmt.Sprintf("Are you sure you want to remove listener \"%s\"?", name), false)
	if err != nil || !sure {
		return err
	}
	return removeListener(s, name)
}

func removeListener(s *shell.Session, name string) error {
	err := change(s, func(c *config.Config) error { delete(c.Listeners, name); return nil })
	if err == nil {
		s.Say("Listener %s deleted.", name)
	}
	return err
}

// The bounds of the settings that hold for every listener; times are in seconds.
const (
	hopsMost           = 1000
	commandTimeMost    = 86400
	sessionTimeMost    = 86400
	badCommandsMost    = 10000
	handshakesMost     = 100000
	maxConnectionsMost = 100000
	listenQueueMost    = 65535
)

func setupInjection(s *shell.Session) error {
	i := s.Candidate().Injection
	var questions []numberQuestion
	for _, f := range injectionFields(&i) {
		questions = append(questions, numberQuestion{f.question, f.value, 1, f.most})
	}
	if err := askNumbers(s, questions); err != nil {
		return err
	}
	return change(s, func(c *config.Config) error { c.Injection = i; return nil })
}

// numberQuestion asks for a number whose present value is the default.
type numberQuestion struct {
	text      string
	value     *int
	low, high int
}

func askNumbers(s *shell.Session, questions []numberQuestion) error {
	for _, q := range questions {
		n, err := s.AskInt(shell.Question{Text: q.text, Default: strconv.Itoa(*q.value)}, q.low, q.high)
		if err != nil {
			return err
		}
		*q.value = n
	}
	return nil
}
