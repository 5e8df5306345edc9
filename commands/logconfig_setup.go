package commands

import (
	"cmp"
	"crypto/sha256"
	"maps"
	"slices"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

// setup is SETUP: what holds for logs that say nothing else.
func (l *logSettings) setup() error {
	c := *l.logs()
	var err error
	if c.MaxFileSize, c.MaxFiles, err = l.askSizes(c.MaxFileSize, c.MaxFiles); err != nil {
		return err
	}
	if c.StatusInterval, err = askFigure(l.s, "Number of seconds between two lines of Status Logs:", c.StatusSeconds(), 1, 3600); err != nil {
		return err
	}
	return l.settle(c)
}

func (l *logSettings) batchSetup(words []string) error {
	c := *l.logs()
	err := applySettings(words, []setting{
		{"size", func(v string) (err error) { c.MaxFileSize, err = bytesOf("size", v); return err }},
		{"files", func(v string) (err error) { c.MaxFiles, err = number("files", v, 1, 1000); return err }},
		{"status_interval", func(v string) (err error) { c.StatusInterval, err = number("status_interval", v, 1, 3600); return err }},
	})
	if err != nil {
		return err
	}
	return l.settle(c)
}

// settle stores everything but the subscriptions.
func (l *logSettings) settle(settings config.Logs) error {
	return change(l.s, func(c *config.Config) error {
		settings.Subscriptions, settings.HostKeys = c.Logs.Subscriptions, c.Logs.HostKeys
		c.Logs = settings
		return nil
	})
}

// askHeaders is LOGHEADERS.
func (l *logSettings) askHeaders() error {
	present := l.logs().Headers
	answer, err := l.s.Ask(shell.Question{
		Text:    "Please enter the list of headers you wish to record in the log files. Separate multiple headers with commas; none records none.",
		Default: strings.Join(present, ", "),
		Check: func(answer string) error {
			return acceptable(l.s, func(c *config.Config) { c.Logs.Headers = headerList(answer) })
		},
	})
	if err != nil {
		return err
	}
	return l.setHeaders(headerList(answer))
}

func (l *logSettings) batchHeaders(words []string) error {
	if len(words) == 0 {
		if l.s.JSON {
			return l.printJSON(l.names())
		}
		l.s.Println("Headers that are logged: " + cmp.Or(strings.Join(l.logs().Headers, ", "), "none"))
		return nil
	}
	list := headerList(strings.Join(words, ","))
	if err := acceptable(l.s, func(c *config.Config) { c.Logs.Headers = list }); err != nil {
		return err
	}
	return l.setHeaders(list)
}

// headerList reads names with commas between them; "none" is none.
func headerList(text string) []string {
	var list []string
	for word := range strings.SplitSeq(text, ",") {
		word = strings.TrimSuffix(strings.TrimSpace(word), ":")
		if word != "" && !slices.ContainsFunc(list, func(h string) bool { return strings.EqualFold(h, word) }) {
			list = append(list, word)
		}
	}
	if len(list) == 1 && strings.EqualFold(list[0], "none") {
		return nil
	}
	return list
}

func (l *logSettings) setHeaders(list []string) error {
	return change(l.s, func(c *config.Config) error { c.Logs.Headers = list; return nil })
}

// hostKeysJSON is the document of hostkeyconfig list.
type hostKeysJSON struct {
	HostKeys []hostKeyJSON `json:"host_keys" doc:"in order of host"`
}

type hostKeyJSON struct {
	Host        string `json:"host" doc:"a syslog server"`
	Fingerprint string `json:"fingerprint" doc:"SHA-256 of its certificate, in hexadecimal"`
}

func (l *logSettings) hosts() []string { return slices.Sorted(maps.Keys(l.logs().HostKeys)) }

// hostKeys is HOSTKEYCONFIG.
func (l *logSettings) hostKeys() error {
	none := func() bool { return len(l.logs().HostKeys) == 0 }
	return l.s.Menu(shell.Menu{
		State: l.printHostKeys,
		Items: []shell.MenuItem{
			{Keyword: "NEW", What: "Add the certificate of a syslog server.", Do: plainly(l.newHostKey)},
			{Keyword: "DELETE", What: "Remove the certificate of a syslog server.", Do: plainly(l.askHostKeyRemoval), Hidden: none},
		},
	})
}

func (l *logSettings) printHostKeys() {
	if len(l.logs().HostKeys) == 0 {
		l.s.Say("Currently installed host keys: none. Servers are verified by name and certificate authorities.")
		return
	}
	l.s.Println("Currently installed host keys:")
	for i, host := range l.hosts() {
		l.s.Printf("%d. %s SHA-256 %s\n", i+1, host, l.logs().HostKeys[host])
	}
}

func (l *logSettings) newHostKey() error {
	host, err := l.s.Ask(shell.Question{
		Text:     "Please enter the hostname or IP address of the server:",
		Required: true,
		Check: func(answer string) error {
			return acceptable(l.s, func(c *config.Config) { setHostKey(&c.Logs, answer, strings.Repeat("00", sha256.Size)) })
		},
	})
	if err != nil {
		return err
	}
	print, err := l.s.Ask(shell.Question{
		Text:     "Please enter the SHA-256 fingerprint of its certificate (openssl x509 -fingerprint -sha256):",
		Required: true,
		Check: func(answer string) error {
			return acceptable(l.s, func(c *config.Config) { setHostKey(&c.Logs, host, answer) })
		},
	})
	if err != nil {
		return err
	}
	return l.addHostKey(host, print)
}

func setHostKey(c *config.Logs, host, print string) {
	if _, value, ok := strings.Cut(print, "Fingerprint="); ok { // as openssl prints it
		print = value
	}
	keys := maps.Clone(c.HostKeys)
	if keys == nil {
		keys = map[string]string{}
	}
	keys[hostWord(host)] = config.Fingerprint(print)
	c.HostKeys = keys
}

func (l *logSettings) addHostKey(host, print string) error {
	if err := acceptable(l.s, func(c *config.Config) { setHostKey(&c.Logs, host, print) }); err != nil {
		return err
	}
	return change(l.s, func(c *config.Config) error { setHostKey(&c.Logs, host, print); return nil })
}

func (l *logSettings) askHostKeyRemoval() error {
	list := l.hosts()
	n, err := l.s.Pick(shell.Choice{Options: list, Question: "Enter the number of the key you wish to delete."})
	if err != nil {
		return err
	}
	return l.removeHostKey(list[n-1])
}

func (l *logSettings) removeHostKey(host string) error {
	host = hostWord(host)
	if _, ok := l.logs().HostKeys[host]; !ok {
		return shell.Fail("Unknown host %q: %s.", host, acceptedAre(l.hosts()))
	}
	return change(l.s, func(c *config.Config) error { delete(c.Logs.HostKeys, host); return nil })
}

func (l *logSettings) batchHostKeys(args []string) error {
	return dispatch("logconfig hostkeyconfig", args, []subcommand{
		{"list", 0, 0, func([]string) error {
			if !l.s.JSON {
				l.printHostKeys()
				return nil
			}
			doc := hostKeysJSON{HostKeys: []hostKeyJSON{}}
			for _, host := range l.hosts() {
				doc.HostKeys = append(doc.HostKeys, hostKeyJSON{host, l.logs().HostKeys[host]})
			}
			return l.s.PrintJSON(doc)
		}},
		{"new", 2, 2, func(rest []string) error { return l.addHostKey(rest[0], rest[1]) }},
		{"delete", 1, 1, func(rest []string) error { return l.removeHostKey(rest[0]) }},
	})
}
