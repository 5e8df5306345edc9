package commands

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

// create is NEW.
func (l *logSettings) create() error {
	kinds := config.LogTypes()
	titles := make([]string, len(kinds))
	for i, t := range kinds {
		titles[i] = t.Title()
	}
	n, err := l.s.Choose("Choose the log file type for this subscription:", titles, 1)
	if err != nil {
		return err
	}
	name, err := l.s.Ask(shell.Question{Text: "Please enter the name for the log:", Required: true, Check: l.fresh})
	if err != nil {
		return err
	}
	sub := config.Subscription{Type: kinds[n-1], File: name}
	if sub.Type.Debugs() {
		sub.Sessions = 1
	}
	if err := l.ask(&sub, name, true); err != nil {
		return err
	}
	return l.put(name, sub)
}

// askEdit is EDIT.
func (l *logSettings) askEdit() error {
	name, err := askListed(l.s, l.names(), "Enter the number of the log you wish to edit.")
	if err != nil {
		return err
	}
	sub := *l.logs().All()[name]
	if err := l.ask(&sub, name, false); err != nil {
		return err
	}
	return l.put(name, sub)
}

// ask asks for everything that a subscription has.
func (l *logSettings) ask(sub *config.Subscription, name string, fresh bool) error {
	steps := []func() error{
		func() error { return l.askPeer(sub, name) },
		func() error { return l.askLevel(sub) },
		func() error { return l.askRetrieval(sub, name) },
		func() error { return l.askFile(sub, name, fresh) },
		func() error { return l.askLimits(sub) },
		func() error { return l.askRollover(sub) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// checked is a check that has the whole configuration look at an answer.
func (l *logSettings) checked(name string, sub *config.Subscription, set func(c *config.Subscription, answer string)) func(string) error {
	return func(answer string) error {
		return acceptable(l.s, func(c *config.Config) {
			tried := *sub
			if sub.Syslog != nil {
				server := *sub.Syslog
				tried.Syslog = &server
			}
			set(&tried, answer)
			c.Logs.Put(name, &tried)
		})
	}
}

// askPeer asks debug logs whom they are about and for how long.
func (l *logSettings) askPeer(sub *config.Subscription, name string) (err error) {
	if !sub.Type.Debugs() {
		return nil
	}
	text := "Please enter the domain name for which you want to record debug information."
	if sub.Type == config.InjectionDebugLogs {
		text = "Please enter the hostname, IP address or network of the peer whose injections you want to record."
	}
	sub.Peer, err = l.s.Ask(shell.Question{Text: text, Default: sub.Peer, Required: true,
		Check: l.checked(name, sub, func(s *config.Subscription, answer string) { s.Peer = answer })})
	if err != nil {
		return err
	}
	if sub.Sessions, err = askFigure(l.s, "Please enter the number of SMTP sessions you want to record. A value of 0 sets no such limit.", sub.Sessions, 0, 10000); err != nil {
		return err
	}
	least := 0
	if sub.Sessions == 0 {
		least = 1
	}
	if sub.Minutes, err = askFigure(l.s, "Please enter the number of minutes after which recording ends. A value of 0 sets no such limit.", sub.Minutes, least, 1440); err != nil {
		return err
	}
	sub.Content, err = l.s.YesNo("Do you want to record the content of messages, and not only their headers?", sub.Content)
	return err
}

func (l *logSettings) askLevel(sub *config.Subscription) error {
	var titles []string
	for _, w := range config.LogLevels {
		titles = append(titles, strings.ToUpper(w[:1])+w[1:])
	}
	present := max(0, slices.Index(config.LogLevels[:], cmp.Or(sub.Level, "information")))
	n, err := l.s.Choose("Log level:", titles, present+1)
	if err != nil {
		return err
	}
	if sub.Level = config.LogLevels[n-1]; sub.Level == "information" {
		sub.Level = ""
	}
	return nil
}

func (l *logSettings) askRetrieval(sub *config.Subscription, name string) error {
	present := 1
	if sub.Syslog != nil {
		present = 2
	}
	n, err := l.s.Choose("Choose the method to retrieve the logs.", []string{"Manual Download", "Syslog Push"}, present)
	if err != nil {
		return err
	}
	if n == 1 {
		sub.Syslog = nil
		return nil
	}
	if sub.Syslog != nil {
		server := *sub.Syslog
		sub.Syslog = &server
	}
	return l.askServer(syslogOf(sub))
}

// askServer asks for a syslog server.
func (l *logSettings) askServer(y *config.Syslog) (err error) {
	y.Host, err = l.s.Ask(shell.Question{Text: "Hostname or IP address to deliver the logs to:", Default: y.Host, Required: true,
		Check: func(answer string) error {
			return acceptable(l.s, func(c *config.Config) {
				c.Logs.Put("mail_logs", &config.Subscription{Type: config.MailLogs, File: "mail",
					Syslog: &config.Syslog{Host: answer, Port: syslogPort, Protocol: "udp"}})
			})
		}})
	if err != nil {
		return err
	}
	choose := func(text string, words, titles []string, to *string) {
		if err != nil {
			return
		}
		n := 0
		if n, err = l.s.Choose(text, titles, max(0, slices.Index(words, *to))+1); err == nil {
			*to = words[n-1]
		}
	}
	protocol := y.Protocol
	choose("Which protocol do you want to use to transfer the log data?", []string{"udp", "tcp", "tls"}, []string{"UDP", "TCP", "TLS"}, &protocol)
	if err != nil {
		return err
	}
	if err = setProtocol(y, protocol); err != nil {
		return err
	}
	if y.Port, err = askFigure(l.s, "Enter the port of the syslog server.", y.Port, 1, 65535); err != nil {
		return err
	}
	if y.Protocol != "udp" {
		y.Framing = cmp.Or(y.Framing, "octets")
		choose("How do you want messages to be told apart?", []string{"octets", "lines"}, []string{"Octet counting", "Line feeds"}, &y.Framing)
	}
	y.Format = cmp.Or(y.Format, "rfc5424")
	choose("Which format do you want messages to have?", []string{"rfc5424", "rfc3164"}, []string{"RFC 5424", "RFC 3164"}, &y.Format)
	y.Facility = cmp.Or(y.Facility, "mail")
	choose("Which facility do you want the log data to be sent as?", config.SyslogFacilities[:], config.SyslogFacilities[:], &y.Facility)
	if y.Framing == "octets" {
		y.Framing = ""
	}
	if y.Format == "rfc5424" {
		y.Format = ""
	}
	if y.Facility == "mail" {
		y.Facility = ""
	}
	return err
}

func (l *logSettings) askFile(sub *config.Subscription, name string, fresh bool) (err error) {
	if !fresh {
		return nil
	}
	sub.File, err = l.s.Ask(shell.Question{Text: "Filename to use for log files:", Default: sub.File, Required: true,
		Check: l.checked(name, sub, func(s *config.Subscription, answer string) { s.File = answer })})
	return err
}

func (l *logSettings) askLimits(sub *config.Subscription) error {
	size, files := l.logs().Limits(sub)
	size, files, err := l.askSizes(size, files)
	if err != nil {
		return err
	}
	sub.MaxFileSize, sub.MaxFiles = size, files
	if size == l.logs().MaxFileSize {
		sub.MaxFileSize = 0
	}
	if files == l.logs().MaxFiles {
		sub.MaxFiles = 0
	}
	return nil
}

// askSizes asks for the size of files and their number.
func (l *logSettings) askSizes(size int64, files int) (int64, int, error) {
	check := func(answer string) error {
		n, err := bytesOf("size", answer)
		if err == nil && n < 4096 {
			err = shell.Fail("Invalid size %q: at least 4096 bytes are accepted.", answer)
		}
		return err
	}
	answer, err := l.s.Ask(shell.Question{Text: "Please enter the maximum file size:", Default: fmt.Sprint(size), Required: true, Check: check})
	if err != nil {
		return 0, 0, err
	}
	if size, err = bytesOf("size", answer); err != nil {
		return 0, 0, err
	}
	files, err = askFigure(l.s, "Please enter the maximum number of files:", files, 1, 1000)
	return size, files, err
}

func (l *logSettings) askRollover(sub *config.Subscription) error {
	want, err := l.s.YesNo("Do you want to configure time-based log files rollover?", sub.Rollover != "")
	if err != nil {
		return err
	}
	if !want {
		sub.Rollover = ""
		return nil
	}
	parse := func(answer string) (config.Rollover, error) {
		r, err := config.ParseRollover(answer)
		if err != nil {
			return r, shell.Fail("Invalid rollover: %v.", err)
		}
		return r, nil
	}
	answer, err := l.s.Ask(shell.Question{
		Text:    "Enter when files are rolled over: a span such as 30m or 2h, daily HH:MM or weekly DAY HH:MM.",
		Default: cmp.Or(sub.Rollover, "daily 00:00"), Required: true,
		Check: func(answer string) error { _, err := parse(answer); return err },
	})
	if err != nil {
		return err
	}
	r, err := parse(answer)
	sub.Rollover = r.String()
	return err
}
