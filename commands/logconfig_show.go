package commands

import (
	"fmt"
	"slices"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

// logJSON is one subscription; what it leaves to setup is filled in.
type logJSON struct {
	Name        string      `json:"name"`
	Type        string      `json:"type"`
	Title       string      `json:"title"`
	File        string      `json:"file"`
	Level       string      `json:"level"`
	MaxFileSize int64       `json:"max_file_size"` // bytes
	MaxFiles    int         `json:"max_files"`
	Rollover    string      `json:"rollover"` // "none", "2h", "daily 03:00", "weekly mon 03:00"
	Retrieval   string      `json:"retrieval"`
	Syslog      *syslogJSON `json:"syslog"` // null: manual download
	Debug       *debugJSON  `json:"debug"`  // null: not a debug log
}

type syslogJSON struct {
	Host     string `json:"host"`
	Port     int    `json:"port"`
	Protocol string `json:"protocol"`
	Framing  string `json:"framing"`
	Format   string `json:"format"`
	Facility string `json:"facility"`

	Connected bool   `json:"connected"` // of the running configuration, as what follows
	Queued    int    `json:"queued"`
	Sent      uint64 `json:"sent"`
	Dropped   uint64 `json:"dropped"`
	Fault     string `json:"fault"`
}

type debugJSON struct {
	Peer     string `json:"peer"`
	Sessions int    `json:"sessions"`
	Minutes  int    `json:"minutes"`
	Content  bool   `json:"content"`
	On       bool   `json:"on"` // in the running configuration
}

// logListJSON is the document of list and detail.
type logListJSON struct {
	Logs           []logJSON `json:"logs"`
	MaxFileSize    int64     `json:"max_file_size"` // bytes, of logs that say nothing else
	MaxFiles       int       `json:"max_files"`
	StatusInterval int       `json:"status_interval"` // seconds
	Headers        []string  `json:"headers"`
}

func (l *logSettings) json(name string) logJSON {
	sub := l.logs().All()[name]
	size, files := l.logs().Limits(sub)
	j := logJSON{
		Name: name, Type: string(sub.Type), Title: sub.Type.Title(), File: sub.File, Level: orWord(sub.Level, "information"),
		MaxFileSize: size, MaxFiles: files, Rollover: orWord(sub.Rollover, "none"), Retrieval: "manual",
	}
	status, _ := l.a.Logs.Status(name)
	if y := sub.Syslog; y != nil {
		j.Retrieval = "syslog"
		j.Syslog = &syslogJSON{
			Host: y.Host, Port: y.Port, Protocol: y.Protocol, Framing: framingOf(y), Format: orWord(y.Format, "rfc5424"),
			Facility: orWord(y.Facility, "mail"),
		}
		if p := status.Push; p != nil {
			s := j.Syslog
			s.Connected, s.Queued, s.Sent, s.Dropped, s.Fault = p.Connected, p.Queued, p.Sent, p.Dropped, p.Fault
		}
	}
	if sub.Type.Debugs() {
		j.Debug = &debugJSON{sub.Peer, sub.Sessions, sub.Minutes, sub.Content, status.On}
	}
	return j
}

// framingOf is how messages are told apart; a datagram is one by itself.
func framingOf(y *config.Syslog) string {
	if y.Protocol == "udp" {
		return "datagrams"
	}
	return orWord(y.Framing, "octets")
}

// orWord is s, and the word for nothing.
func orWord(s, nothing string) string {
	if s == "" {
		return nothing
	}
	return s
}

func (l *logSettings) printJSON(names []string) error {
	c := l.logs()
	doc := logListJSON{Logs: []logJSON{}, MaxFileSize: c.MaxFileSize, MaxFiles: c.MaxFiles, StatusInterval: statusIntervalOf(c), Headers: []string{}}
	for _, name := range names {
		doc.Logs = append(doc.Logs, l.json(name))
	}
	doc.Headers = append(doc.Headers, c.Headers...)
	return l.s.PrintJSON(doc)
}

func statusIntervalOf(c *config.Logs) int {
	if c.StatusInterval == 0 {
		return 60
	}
	return c.StatusInterval
}

// print is the table.
func (l *logSettings) print() {
	const row = "%-4s%-20s%-24s%-20s%s\n"
	l.s.Println("Currently configured logs:")
	l.s.Print(fmt.Sprintf(row, "", "Log Name", "Log Type", "Retrieval", "Interval"))
	l.s.Println(strings.Repeat("-", 81))
	all := l.logs().All()
	for i, name := range l.names() {
		sub := all[name]
		l.s.Print(fmt.Sprintf(row, fmt.Sprintf("%d.", i+1), padded(name, 20), padded(sub.Type.Title(), 24), padded(retrievalOf(sub), 20), l.interval(name, sub)))
	}
}

// padded has a blank behind what is too long for its column.
func padded(s string, width int) string {
	if len(s) >= width {
		return s + " "
	}
	return s
}

// retrievalOf is how lines get out, in the words of the tables.
func retrievalOf(sub *config.Subscription) string {
	if sub.Syslog != nil {
		return "Syslog Push"
	}
	return "Manual Download"
}

// interval is when files are rolled over, and of a debug log whether it is on.
func (l *logSettings) interval(name string, sub *config.Subscription) string {
	text := "None"
	if sub.Rollover != "" {
		text = strings.ToUpper(sub.Rollover[:1]) + sub.Rollover[1:]
	}
	if status, ok := l.a.Logs.Status(name); ok && status.Debug != "" && sub.Type.Debugs() {
		text += " (" + status.Debug + ")"
	}
	return text
}

func (l *logSettings) list() error {
	if l.s.JSON {
		return l.printJSON(l.names())
	}
	l.print()
	return nil
}

// detail prints everything about one log, or all.
func (l *logSettings) detail(args []string) error {
	names := l.names()
	if len(args) == 1 {
		name, err := l.known(args[0])
		if err != nil {
			return err
		}
		names = []string{name}
	}
	if l.s.JSON {
		return l.printJSON(names)
	}
	for i, name := range names {
		if i > 0 {
			l.s.Println()
		}
		l.printDetail(l.json(name))
	}
	return nil
}

func (l *logSettings) printDetail(j logJSON) {
	rows := [][]string{
		{"Log Name:", j.Name}, {"Log Type:", j.Title}, {"File Name:", j.File}, {"Log Level:", strings.ToUpper(j.Level[:1]) + j.Level[1:]},
		{"Maximum Size:", thousands(j.MaxFileSize) + " bytes"}, {"Maximum Files:", fmt.Sprint(j.MaxFiles)}, {"Rollover:", j.Rollover},
	}
	if y := j.Syslog; y == nil {
		rows = append(rows, []string{"Retrieval:", "Manual Download"})
	} else {
		state := "not connected"
		if y.Connected {
			state = "connected"
		}
		rows = append(rows, [][]string{
			{"Retrieval:", "Syslog Push"},
			{"Server:", fmt.Sprintf("%s port %d, %s, %s, %s, facility %s", y.Host, y.Port, strings.ToUpper(y.Protocol), y.Framing, y.Format, y.Facility)},
			{"State:", fmt.Sprintf("%s, %d lines sent, %d queued, %d dropped", state, y.Sent, y.Queued, y.Dropped)},
		}...)
		if y.Fault != "" {
			rows = append(rows, []string{"Last fault:", y.Fault})
		}
	}
	if d := j.Debug; d != nil {
		status, _ := l.a.Logs.Status(j.Name)
		rows = append(rows, [][]string{
			{"Recorded:", fmt.Sprintf("%s, %s", d.Peer, map[bool]string{true: "with content", false: "headers without content"}[d.Content])},
			{"Limits:", fmt.Sprintf("%d sessions, %d minutes (0: none)", d.Sessions, d.Minutes)},
			{"State:", orWord(status.Debug, "not committed")},
		}...)
	}
	l.s.Table(shell.Table{Rows: rows})
}

func (l *logSettings) complete(args []string) []string {
	words := []string{"list", "detail", "new", "edit", "delete", "start", "setup", "logheaders", "hostkeyconfig"}
	if len(args) <= 1 {
		return startingWith(args, words)
	}
	word := strings.ToLower(args[0])
	switch {
	case word == "setup":
		return startingWith(args, []string{"size", "files", "status_interval"})
	case word == "hostkeyconfig" && len(args) == 2:
		return startingWith(args, []string{"list", "new", "delete"})
	case word == "start" && len(args) == 2:
		return startingWith(args, l.debugs())
	case word == "delete" && len(args) == 2:
		return startingWith(args, l.deletable())
	case (word == "edit" || word == "detail") && len(args) == 2:
		return startingWith(args, l.names())
	case word == "new" && len(args) == 3:
		return startingWith(args, typeWords())
	case (word == "edit" || word == "new") && len(args) > 2:
		return startingWith(args, slices.Concat(logKeys, config.LogLevels[:]))
	}
	return nil
}
