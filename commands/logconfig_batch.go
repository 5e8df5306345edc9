package commands

import (
	"strconv"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

// logKeys are the keys of new and edit.
var logKeys = []string{"level", "file", "size", "files", "rollover", "retrieval", "host", "port", "protocol", "framing",
	"format", "facility", "peer", "sessions", "minutes", "content"}

func typeWords() []string {
	var words []string
	for _, t := range config.LogTypes() {
		words = append(words, string(t))
	}
	return words
}

func (l *logSettings) batch(args []string) error {
	return dispatch("logconfig", args, []subcommand{
		{"list", 0, 0, func([]string) error { return l.list() }},
		{"detail", 0, 1, l.detail},
		{"new", 2, -1, l.batchNew},
		{"edit", 3, -1, l.batchEdit},
		{"delete", 1, 1, func(rest []string) error { return l.remove(rest[0]) }},
		{"start", 1, 1, func(rest []string) error { return l.start(rest[0]) }},
		{"setup", 2, -1, l.batchSetup},
		{"logheaders", 0, -1, l.batchHeaders},
		{"hostkeyconfig", 1, 3, l.batchHostKeys},
	})
}

func (l *logSettings) batchNew(args []string) error {
	if err := l.fresh(args[0]); err != nil {
		return err
	}
	kind, err := logTypeOf(args[1])
	if err != nil {
		return err
	}
	sub := config.Subscription{Type: kind, File: args[0]}
	if kind.Debugs() {
		sub.Sessions = 1
	}
	if err := l.apply(&sub, args[2:]); err != nil {
		return err
	}
	return l.put(args[0], sub)
}

// logTypeOf is a type by its word, with hyphens or underscores, or by what it is called.
func logTypeOf(word string) (config.LogType, error) {
	for _, t := range config.LogTypes() {
		if strings.EqualFold(word, t.Title()) || strings.EqualFold(strings.ReplaceAll(word, "_", "-"), string(t)) {
			return t, nil
		}
	}
	found, err := oneOf("type", word, typeWords()...)
	return config.LogType(found), err
}

func (l *logSettings) batchEdit(args []string) error {
	name, err := l.known(args[0])
	if err != nil {
		return err
	}
	sub := *l.logs().All()[name]
	file := sub.File
	if err := l.apply(&sub, args[1:]); err != nil {
		return err
	}
	if sub.File != file {
		return shell.Fail("Invalid key \"file\": the files of a log keep their name; a new log may have another.")
	}
	return l.put(name, sub)
}

// apply reads the keys of new and edit.
func (l *logSettings) apply(sub *config.Subscription, words []string) error {
	text := func(key string, to *string) setting {
		return setting{key, func(v string) error { *to = v; return nil }}
	}
	figure := func(key string, to *int, low, high int) setting {
		return setting{key, func(v string) (err error) { *to, err = number(key, v, low, high); return err }}
	}
	word := func(key string, to *string, accepted ...string) setting {
		return setting{key, func(v string) (err error) { *to, err = oneOf(key, v, accepted...); return err }}
	}
	server := func(key string, set func(y *config.Syslog, v string) error) setting {
		return setting{key, func(v string) error { return set(syslogOf(sub), v) }}
	}
	port := 0 // what is named, whatever the protocol's usual one is
	err := applySettings(words, []setting{
		word("level", &sub.Level, config.LogLevels[:]...),
		text("file", &sub.File),
		{"size", func(v string) (err error) { sub.MaxFileSize, err = bytesOf("size", v); return err }},
		figure("files", &sub.MaxFiles, 0, 1000),
		{"rollover", func(v string) error {
			r, err := config.ParseRollover(v)
			sub.Rollover = r.String()
			if err != nil {
				return shell.Fail("Invalid rollover: %v.", err)
			}
			return nil
		}},
		{"retrieval", func(v string) error {
			way, err := oneOf("retrieval", v, "manual", "syslog")
			if err == nil && way == "manual" {
				sub.Syslog = nil
			} else if err == nil {
				syslogOf(sub)
			}
			return err
		}},
		server("host", func(y *config.Syslog, v string) error { y.Host = v; return nil }),
		figure("port", &port, 1, 65535),
		server("protocol", setProtocol),
		server("framing", func(y *config.Syslog, v string) (err error) {
			y.Framing, err = oneOf("framing", v, "octets", "lines")
			return err
		}),
		server("format", func(y *config.Syslog, v string) (err error) {
			y.Format, err = oneOf("format", v, "rfc5424", "rfc3164")
			return err
		}),
		server("facility", func(y *config.Syslog, v string) (err error) {
			y.Facility, err = oneOf("facility", v, config.SyslogFacilities[:]...)
			return err
		}),
		text("peer", &sub.Peer),
		figure("sessions", &sub.Sessions, 0, 10000),
		figure("minutes", &sub.Minutes, 0, 1440),
		{"content", func(v string) (err error) { sub.Content, err = switched("content", v); return err }},
	})
	if port != 0 {
		syslogOf(sub).Port = port
	}
	return err
}

// The usual ports of syslog: RFC 5426 §3.3 and RFC 5425 §4.1.
const (
	syslogPort    = 514
	syslogTLSPort = 6514
)

// syslogOf is the subscription's server, which it has from now on.
func syslogOf(sub *config.Subscription) *config.Syslog {
	if sub.Syslog == nil {
		sub.Syslog = &config.Syslog{Port: syslogPort, Protocol: "udp"}
	}
	return sub.Syslog
}

// setProtocol moves a usual port along.
func setProtocol(y *config.Syslog, v string) (err error) {
	if y.Protocol, err = oneOf("protocol", v, "udp", "tcp", "tls"); err != nil {
		return err
	}
	switch {
	case y.Protocol == "tls" && y.Port == syslogPort:
		y.Port = syslogTLSPort
	case y.Protocol != "tls" && y.Port == syslogTLSPort:
		y.Port = syslogPort
	}
	return nil
}

// bytesOf reads a size in bytes, perhaps with K, M or G behind it.
func bytesOf(what, word string) (int64, error) {
	digits := strings.ToUpper(strings.ReplaceAll(word, ",", ""))
	shift := 0
	for i, unit := range []string{"K", "M", "G"} {
		if rest, ok := strings.CutSuffix(digits, unit); ok {
			digits, shift = rest, 10*(i+1)
			break
		}
	}
	n, err := strconv.ParseInt(digits, 10, 33)
	if err != nil || n < 0 || n<<shift > config.MaxSize {
		return 0, shell.Fail("Invalid %s %q: a number of bytes is accepted, or one with K, M or G behind it.", what, word)
	}
	return n << shift, nil
}
