package commands

import (
	"context"
	"errors"
	"slices"
	"strings"

	"posthouse/config"
	"posthouse/mta/logbook"
	"posthouse/shell"
)

func logConfig(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "logconfig",
		Summary: "Configure what is logged, how files are rolled over and where lines are pushed to.",
		Batch: []string{
			"logconfig list",
			"logconfig detail [NAME]",
			"logconfig new NAME TYPE [key value ...]",
			"logconfig edit NAME key value ...",
			"logconfig delete NAME",
			"logconfig start NAME",
			"logconfig setup key value ...",
			"logconfig logheaders [HEADER ...|none]",
			"logconfig hostkeyconfig list|new HOST FINGERPRINT|delete HOST",
		},
		Help: `Types: mail, delivery (one JSON line a delivery attempt), bounce, status, domain-debug, injection-debug (the SMTP
conversations about mail for one domain, or with one peer), system, cli, authentication, event (one line a message in
the Common Event Format). Every log is kept in files here; grep, tail and scp reach them. The logs that every appliance
has can be edited and not deleted. The files of a deleted log stay on disk.

Keys of new and edit: level critical|warning|information|debug|trace; file NAME (what the files' names begin with; new
only); size BYTES and files N (0: as setup says); rollover none|hourly|30m|2h|"daily HH:MM"|"weekly DAY HH:MM";
retrieval manual|syslog; host NAME; port N; protocol udp|tcp|tls; framing octets|lines; format rfc5424|rfc3164;
facility NAME. Of debug logs: peer DOMAIN|ADDRESS|NETWORK|HOST; sessions N and minutes N, after either of which the log
switches itself off (start, or a change and commit, switches it on again); content on|off (bodies too, not only headers).

Keys of setup: size BYTES and files N for logs that say nothing else; status_interval SECONDS.
logheaders are the header fields that the line "Message done" ends with.
A syslog server over TLS is verified by its name and the certificate authorities, unless hostkeyconfig knows its
certificate by SHA-256 fingerprint. While it is away lines wait, up to 8 MiB; what is dropped then is counted and said.`,
		Commit:   true,
		Roles:    shell.Readers,
		RolesFor: rolesBut(shell.Readers, shell.Operators, "start"),
		Documents: []shell.Document{
			{For: "logconfig list", Value: logListJSON{}},
			{For: "logconfig detail", Value: logListJSON{}},
			{For: "logconfig logheaders", Value: logListJSON{}},
			{For: "logconfig hostkeyconfig list", Value: hostKeysJSON{}},
			shell.Says("logconfig with other words"),
		},
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			l := &logSettings{a, s}
			if len(args) > 0 {
				return l.batch(args)
			}
			if s.JSON {
				return l.printJSON(l.names())
			}
			return l.menu()
		},
		Complete: func(s *shell.Session, args []string) []string { return (&logSettings{a, s}).complete(args) },
	}
}

// logSettings is one run of logconfig on the session's candidate.
type logSettings struct {
	a *Appliance
	s *shell.Session
}

func (l *logSettings) logs() *config.Logs { return &l.s.Candidate().Logs }

func (l *logSettings) names() []string { return l.logs().Names() }

func (l *logSettings) menu() error {
	return l.s.Menu(shell.Menu{
		State: l.print,
		Items: []shell.MenuItem{
			{Keyword: "NEW", What: "Create a new log.", Do: plainly(l.create)},
			{Keyword: "EDIT", What: "Modify a log subscription.", Do: plainly(l.askEdit)},
			{Keyword: "DELETE", What: "Remove a log subscription.", Do: plainly(l.askRemove), Hidden: func() bool { return len(l.deletable()) == 0 }},
			{Keyword: "SETUP", What: "General settings.", Do: plainly(l.setup)},
			{Keyword: "LOGHEADERS", What: "Configure headers to log.", Do: plainly(l.askHeaders)},
			{Keyword: "HOSTKEYCONFIG", What: "Configure the certificates by which syslog servers are known.", Do: plainly(l.hostKeys)},
			{Keyword: "START", What: "Switch a debug log on again.", Do: plainly(l.askStart), Hidden: func() bool { return len(l.debugs()) == 0 }},
		},
	})
}

// deletable are the logs that not every appliance has.
func (l *logSettings) deletable() []string {
	return slices.DeleteFunc(l.names(), func(name string) bool { return config.FirstLog(name) != nil })
}

// known is the log of that name, or of the only one that begins so.
func (l *logSettings) known(word string) (string, error) {
	names := l.names()
	if i := abbreviated(word, names); i >= 0 {
		return names[i], nil
	}
	return "", shell.Fail("Unknown log %q: %s.", word, acceptedAre(names))
}

// fresh checks the name of a new log.
func (l *logSettings) fresh(name string) error {
	if slices.ContainsFunc(l.names(), func(n string) bool { return strings.EqualFold(n, name) }) {
		return shell.Fail("Invalid name %q: there is a log of that name.", name)
	}
	return acceptable(l.s, func(c *config.Config) {
		c.Logs.Put(name, &config.Subscription{Type: config.MailLogs, File: name})
	})
}

// put stores a subscription.
func (l *logSettings) put(name string, sub config.Subscription) error {
	return change(l.s, func(c *config.Config) error { c.Logs.Put(name, &sub); return nil })
}

func (l *logSettings) askRemove() error {
	list := l.deletable()
	n, err := l.s.Pick(shell.Choice{Options: list, Question: "Enter the number of the log you wish to delete."})
	if err != nil {
		return err
	}
	sure, err := l.s.YesNo("Are you sure you want to delete \""+list[n-1]+"\"?", true)
	if err != nil || !sure {
		return err
	}
	return l.remove(list[n-1])
}

func (l *logSettings) remove(word string) error {
	name, err := l.known(word)
	if err != nil {
		return err
	}
	if config.FirstLog(name) != nil {
		return shell.Fail("Invalid name %q: every appliance has this log; it can be edited.", name)
	}
	if err := change(l.s, func(c *config.Config) error { delete(c.Logs.Subscriptions, name); return nil }); err != nil {
		return err
	}
	l.s.Say("Log \"%s\" deleted. Its files stay on disk in the folder %s.", name, name)
	return nil
}

// debugs are the debug logs that are in force.
func (l *logSettings) debugs() []string {
	return slices.DeleteFunc(l.names(), func(name string) bool {
		status, ok := l.a.Logs.Status(name)
		return !ok || status.Debug == ""
	})
}

func (l *logSettings) askStart() error {
	list := l.debugs()
	n, err := l.s.Pick(shell.Choice{Options: list, Question: "Enter the number of the log you wish to switch on."})
	if err != nil {
		return err
	}
	return l.start(list[n-1])
}

func (l *logSettings) start(word string) error {
	if err := l.s.Permit("start", word); err != nil {
		return err
	}
	name := word
	if i := abbreviated(word, l.debugs()); i >= 0 {
		name = l.debugs()[i]
	}
	err := l.a.Logs.Start(name)
	if errors.Is(err, logbook.ErrNoDebug) {
		return shell.Fail("Unknown debug log %q: %s.", word, acceptedAre(l.debugs()))
	}
	if err != nil {
		return err
	}
	status, _ := l.a.Logs.Status(name)
	l.s.Say("Log \"%s\" is %s.", name, status.Debug)
	return nil
}
