package commands

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

// logJSON is one subscription; what it leaves to setup is filled in.
type logJSON struct {
	Name        string      `json:"name" doc:"the log"`
	Type        string      `json:"type" doc:"mail, delivery, bounce, status, domain-debug, injection-debug, system, cli, authentication, event"`
	Title       string      `json:"title" doc:"what the type is called in lists"`
	File        string      `json:"file" doc:"what its files' names begin with"`
	Level       string      `json:"level" doc:"critical, warning, information, debug or trace"`
	MaxFileSize int64       `json:"max_file_size" doc:"bytes at which a file is finished"`
	MaxFiles    int         `json:"max_files" doc:"that are kept"`
	Rollover    string      `json:"rollover" doc:"none, 2h, daily 03:00, weekly mon 03:00"`
	Retrieval   string      `json:"retrieval" doc:"manual or syslog"`
	Syslog      *syslogJSON `json:"syslog" doc:"where lines are pushed to; null: manual download"`
	Debug       *debugJSON  `json:"debug" doc:"null: not a debug log"`
}

type syslogJSON struct {
	Host     string `json:"host" doc:"a name or an address"`
	Port     int    `json:"port" doc:"of the server"`
	Protocol string `json:"protocol" doc:"udp, tcp or tls"`
	Framing  string `json:"framing" doc:"octets, lines, or datagrams of udp"`
	Format   string `json:"format" doc:"rfc5424 or rfc3164"`
	Facility string `json:"facility" doc:"as in RFC 5424"`

	Connected bool   `json:"connected" doc:"in the running configuration, as what follows"`
	Queued    int    `json:"queued" doc:"lines that wait"`
	Sent      uint64 `json:"sent" doc:"lines since the start"`
	Dropped   uint64 `json:"dropped" doc:"lines that found no room while they waited"`
	Fault     string `json:"fault" doc:"the latest; empty: none"`
}

type debugJSON struct {
	Peer     string `json:"peer" doc:"whose conversations are recorded"`
	Sessions int    `json:"sessions" doc:"after which it switches itself off; 0: no such limit"`
	Minutes  int    `json:"minutes" doc:"after which it switches itself off; 0: no such limit"`
	Content  bool   `json:"content" doc:"bodies are recorded too"`
	On       bool   `json:"on" doc:"in the running configuration"`
}

// logListJSON is the document of list and detail.
type logListJSON struct {
	Logs           []logJSON `json:"logs" doc:"in the order of the list"`
	MaxFileSize    int64     `json:"max_file_size" doc:"bytes at which a file is finished, of logs that say nothing else"`
	MaxFiles       int       `json:"max_files" doc:"that are kept, of logs that say nothing else"`
	StatusInterval int       `json:"status_interval" doc:"seconds between two lines of Status Logs"`
	Headers        []string  `json:"headers" doc:"header fields that the line Message done ends with"`
}

func (l *logSettings) json(name string) logJSON {
	sub := l.logs().All()[name]
	size, files := l.logs().Limits(sub)
	j := logJSON{
		Name: name, Type: string(sub.Type), Title: sub.Type.Title(), File: sub.File, Level: cmp.Or(sub.Level, "information"),
		MaxFileSize: size, MaxFiles: files, Rollover: cmp.Or(sub.Rollover, "none"), Retrieval: "manual",
	}
	status, _ := l.a.Logs.Status(name)
	if y := sub.Syslog; y != nil {
		j.Retrieval = "syslog"
		j.Syslog = &syslogJSON{
			Host: y.Host, Port: y.Port, Protocol: y.Protocol, Framing: framingOf(y), Format: cmp.Or(y.Format, "rfc5424"),
			Facility: cmp.Or(y.Facility, "mail"),
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
	return cmp.Or(y.Framing, "octets")
}

func (l *logSettings) printJSON(names []string) error {
	c := l.logs()
	doc := logListJSON{Logs: []logJSON{}, MaxFileSize: c.MaxFileSize, MaxFiles: c.MaxFiles, StatusInterval: c.StatusSeconds(), Headers: []string{}}
	for _, name := range names {
		doc.Logs = append(doc.Logs, l.json(name))
	}
	doc.Headers = append(doc.Headers, c.Headers...)
	return l.s.PrintJSON(doc)
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
			{"State:", cmp.Or(status.Debug, "not committed")},
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
