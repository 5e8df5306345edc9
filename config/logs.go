package config

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Logs are the log subscriptions and what holds for all of them.
type Logs struct {
	MaxFileSize int64 `toml:"max_file_size"` // bytes at which a file is finished, 4096 to MaxSize
	MaxFiles    int   `toml:"max_files"`     // files kept of each subscription, 1 to 1000

	// StatusInterval is the seconds between two lines of Status Logs, 1 to 3600; 0 is the default of 60.
	StatusInterval int `toml:"status_interval,omitempty"`
	// Headers are the header fields whose values end the line Message done, in the order of the line.
	Headers []string `toml:"headers,omitempty"`
	// HostKeys are the SHA-256 fingerprints of the certificates of syslog servers, by host: 64 hexadecimal digits in lower
	// case. A server that has one is known by it and by nothing else (RFC 5425 §4.2.2).
	HostKeys map[string]string `toml:"host_keys,omitempty"`

	// Subscriptions are those that are not as every appliance has them at first, by name. All has the others too.
	Subscriptions map[string]*Subscription `toml:"subscriptions,omitempty"`
}

// LogType says what stands in a log.
type LogType string

// The types of logs, by the words that posthouse.toml and batch forms have for them.
const (
	MailLogs           LogType = "mail"
	DeliveryLogs       LogType = "delivery"
	BounceLogs         LogType = "bounce"
	StatusLogs         LogType = "status"
	DomainDebugLogs    LogType = "domain-debug"
	InjectionDebugLogs LogType = "injection-debug"
	SystemLogs         LogType = "system"
	CLILogs            LogType = "cli"
	AuthenticationLogs LogType = "authentication"
	EventLogs          LogType = "event"
)

// logTypes are all of them in the order in which they are offered, with what they are called.
var logTypes = []struct {
	Type  LogType
	Title string
}{
	{MailLogs, "Text Mail Logs"},
	{DeliveryLogs, "Delivery Logs"},
	{BounceLogs, "Bounce Logs"},
	{StatusLogs, "Status Logs"},
	{DomainDebugLogs, "Domain Debug Logs"},
	{InjectionDebugLogs, "Injection Debug Logs"},
	{SystemLogs, "System Logs"},
	{CLILogs, "CLI Audit Logs"},
	{AuthenticationLogs, "Authentication Logs"},
	{EventLogs, "Consolidated Event Logs"},
}

// LogTypes are the types of logs in the order in which they are offered.
func LogTypes() []LogType {
	list := make([]LogType, len(logTypes))
	for i, t := range logTypes {
		list[i] = t.Type
	}
	return list
}

// Title is what the type is called in lists, "Text Mail Logs"; the word itself for an unknown one.
func (t LogType) Title() string {
	for _, known := range logTypes {
		if known.Type == t {
			return known.Title
		}
	}
	return string(t)
}

// Debugs says that the log holds conversations of one peer or domain.
func (t LogType) Debugs() bool { return t == DomainDebugLogs || t == InjectionDebugLogs }

// Subscription is one log: what stands in it, when its files are rolled over, and where else its lines go.
type Subscription struct {
	Type  LogType `toml:"type"`
	File  string  `toml:"file"`            // what its files' names begin with
	Level string  `toml:"level,omitempty"` // one of LogLevels; empty: information

	MaxFileSize int64  `toml:"max_file_size,omitempty"` // bytes; 0: as for all logs
	MaxFiles    int    `toml:"max_files,omitempty"`     // 0: as for all logs
	Rollover    string `toml:"rollover,omitempty"`      // see ParseRollover; empty: by size only

	Syslog *Syslog `toml:"syslog,omitempty"` // nil: Manual Download

	// Of debug logs only: whose conversations are written, how many of them, for how long, and whether with the content.
	Peer     string `toml:"peer,omitempty"`     // a domain, or an address, a network or a host name of a peer
	Sessions int    `toml:"sessions,omitempty"` // 1 to 10000; 0: no such limit
	Minutes  int    `toml:"minutes,omitempty"`  // 1 to 1440; 0: no such limit
	Content  bool   `toml:"content,omitempty"`  // bodies too, not only headers
}

// LogLevels are the words for how grave a line has to be to be written, the gravest first.
var LogLevels = [...]string{"critical", "warning", "information", "debug", "trace"}

// Syslog is a server that lines are pushed to as they come.
type Syslog struct {
	Host     string `toml:"host"`               // a name or an address
	Port     int    `toml:"port"`               // 1 to 65535
	Protocol string `toml:"protocol"`           // udp, tcp or tls
	Framing  string `toml:"framing,omitempty"`  // of tcp and tls: octets (RFC 6587 §3.4.1) or lines; empty: octets
	Format   string `toml:"format,omitempty"`   // rfc5424 or rfc3164; empty: rfc5424
	Facility string `toml:"facility,omitempty"` // one of SyslogFacilities; empty: mail
}

// SyslogFacilities are the facilities of RFC 5424 §6.2.1, each at its number.
var SyslogFacilities = [...]string{
	"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
	"ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
}

// firstLogs are the subscriptions of every appliance. It needs them itself: to find messages, to audit, to recover.
func firstLogs() map[string]*Subscription {
	return map[string]*Subscription{
		"authentication": {Type: AuthenticationLogs, File: "authentication"},
		"bounces":        {Type: BounceLogs, File: "bounces"},
		"cli_logs":       {Type: CLILogs, File: "cli"},
		"delivery_logs":  {Type: DeliveryLogs, File: "delivery"},
		"mail_logs":      {Type: MailLogs, File: "mail"},
		"status":         {Type: StatusLogs, File: "status"},
		"system_logs":    {Type: SystemLogs, File: "system"},
	}
}

// FirstLog is the subscription of that name that every appliance has, as it is at first; nil where there is none.
func FirstLog(name string) *Subscription { return firstLogs()[name] }

// All are the subscriptions in force, by name. What a caller changes changes nothing but its own copy.
func (l *Logs) All() map[string]*Subscription {
	all := firstLogs()
	for name, s := range l.Subscriptions {
		if s != nil {
			all[name] = s.clone()
		}
	}
	return all
}

// Names are the subscriptions in force in the order in which they are listed.
func (l *Logs) Names() []string { return slices.SortedFunc(maps.Keys(l.All()), CompareLogs) }

// CompareLogs is the order in which logs are listed: authentication, bounces, cli_logs and mail_logs keep the numbers that
// people type from memory, the others follow by name.
func CompareLogs(x, y string) int {
	if i, j := logPlace(x), logPlace(y); i != j {
		return i - j
	}
	return strings.Compare(x, y)
}

func logPlace(name string) int {
	listed := [...]string{"authentication", "bounces", "cli_logs", "mail_logs"}
	if i := slices.Index(listed[:], name); i >= 0 {
		return i
	}
	return len(listed)
}

// Put stores a subscription. One that is as every appliance has it at first takes no room in posthouse.toml.
func (l *Logs) Put(name string, s *Subscription) {
	delete(l.Subscriptions, name)
	if reflect.DeepEqual(s, FirstLog(name)) {
		return
	}
	if l.Subscriptions == nil {
		l.Subscriptions = map[string]*Subscription{}
	}
	l.Subscriptions[name] = s
}

func (s *Subscription) clone() *Subscription {
	c := *s
	if s.Syslog != nil {
		y := *s.Syslog
		c.Syslog = &y
	}
	return &c
}

// Limits are the size at which the subscription's files are finished and the number kept.
func (l *Logs) Limits(s *Subscription) (size int64, files int) {
	size, files = s.MaxFileSize, s.MaxFiles
	if size == 0 {
		size = l.MaxFileSize
	}
	if files == 0 {
		files = l.MaxFiles
	}
	return size, files
}

// normalize leaves out what is the default or has no meaning for the type.
func (l *Logs) normalize() {
	if l.StatusInterval == defaultStatusInterval {
		l.StatusInterval = 0
	}
	for host, print := range l.HostKeys {
		l.HostKeys[host] = Fingerprint(print)
	}
	l.HostKeys = rekey(l.HostKeys, domainKey)
	for name, s := range l.Subscriptions {
		if s == nil {
			continue
		}
		s.normalize()
		if reflect.DeepEqual(s, FirstLog(name)) {
			delete(l.Subscriptions, name)
		}
	}
}

const defaultStatusInterval = 60

// StatusSeconds is how many seconds lie between two lines of Status Logs.
func (l *Logs) StatusSeconds() int { return cmp.Or(l.StatusInterval, defaultStatusInterval) }

func (s *Subscription) normalize() {
	if s.Level == "information" {
		s.Level = ""
	}
	if s.Type.Debugs() {
		s.Peer = domainKey(s.Peer)
	}
	if r, err := ParseRollover(s.Rollover); err == nil {
		s.Rollover = r.String()
	}
	y := s.Syslog
	if y == nil {
		return
	}
	y.Host = domainKey(y.Host)
	if y.Framing == "octets" || y.Protocol == "udp" {
		y.Framing = ""
	}
	if y.Format == "rfc5424" {
		y.Format = ""
	}
	if y.Facility == "mail" {
		y.Facility = ""
	}
}

// Fingerprint writes a fingerprint in one way: hexadecimal digits in lower case without colons. "sha-256:" and "sha256:"
// in front are taken off.
func Fingerprint(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	s = strings.TrimPrefix(strings.TrimPrefix(s, "sha-256:"), "sha256:")
	return strings.ReplaceAll(s, ":", "")
}

// Rollover says when a log's files are finished whatever their size. The zero value is never.
type Rollover struct {
	Every time.Duration // counted from midnight, local time; 0: not so
	Daily bool          // at At
	At    time.Duration // since midnight
	Day   time.Weekday  // with Weekly
	// Weekly makes it At on Day.
	Weekly bool
}

// ParseRollover reads "none", a span such as "2h" or "30m" (a minute to a day), "daily 03:00" or "weekly mon 03:00".
func ParseRollover(text string) (r Rollover, err error) {
	words := strings.Fields(strings.ToLower(text))
	refused := fmt.Errorf("%q is not one of none, hourly, a span such as 30m or 2h up to 24h, daily HH:MM, weekly DAY HH:MM", text)
	switch {
	case len(words) == 0, len(words) == 1 && words[0] == "none":
		return Rollover{}, nil
	case len(words) == 1 && words[0] == "hourly":
		return Rollover{Every: time.Hour}, nil
	case len(words) == 1:
		r.Every, err = time.ParseDuration(words[0])
		if err != nil || r.Every < time.Minute || r.Every > 24*time.Hour || r.Every%time.Minute != 0 {
			return Rollover{}, refused
		}
		return r, nil
	case len(words) == 2 && words[0] == "daily":
		r.Daily = true
	case len(words) == 3 && words[0] == "weekly":
		r.Weekly = true
		day := slices.IndexFunc(weekdays[:], func(d string) bool { return len(words[1]) >= 3 && strings.HasPrefix(d, words[1]) })
		if day < 0 {
			return Rollover{}, refused
		}
		r.Day = time.Weekday(day)
	default:
		return Rollover{}, refused
	}
	at, err := time.Parse("15:04", words[len(words)-1])
	if err != nil {
		return Rollover{}, refused
	}
	r.At = time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute
	return r, nil
}

var weekdays = [...]string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}

// String is what ParseRollover reads; empty for never.
func (r Rollover) String() string {
	at := fmt.Sprintf("%02d:%02d", int(r.At.Hours()), int(r.At.Minutes())%60)
	switch {
	case r.Weekly:
		return "weekly " + weekdays[r.Day][:3] + " " + at
	case r.Daily:
		return "daily " + at
	case r.Every > 0 && r.Every%time.Hour == 0:
		return strconv.Itoa(int(r.Every.Hours())) + "h"
	case r.Every > 0:
		return strconv.Itoa(int(r.Every.Minutes())) + "m"
	}
	return ""
}

// Next is the first moment after now at which files are finished; zero: never. Days are those of now's zone, whatever
// their length.
func (r Rollover) Next(now time.Time) time.Time {
	y, m, d := now.Date()
	day := func(n int, at time.Duration) time.Time {
		return time.Date(y, m, d+n, int(at.Hours()), int(at.Minutes())%60, 0, 0, now.Location())
	}
	switch {
	case r.Every > 0:
		midnight := day(0, 0)
		next := midnight.Add((now.Sub(midnight)/r.Every + 1) * r.Every)
		if tomorrow := day(1, 0); next.After(tomorrow) {
			return tomorrow
		}
		return next
	case r.Daily:
		if next := day(0, r.At); next.After(now) {
			return next
		}
		return day(1, r.At)
	case r.Weekly:
		ahead := (int(r.Day) - int(now.Weekday()) + 7) % 7
		if next := day(ahead, r.At); next.After(now) {
			return next
		}
		return day(ahead+7, r.At)
	}
	return time.Time{}
}

// ParsePeer reads whose conversations an Injection Debug Log is about: an address, a network, or a host name, which
// stands for the names below it too where it begins with a dot.
func ParsePeer(text string) (network netip.Prefix, name string, err error) {
	if a, err := netip.ParseAddr(text); err == nil {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), "", nil
	}
	if p, err := netip.ParsePrefix(text); err == nil {
		return p.Masked(), "", nil
	}
	if name = domainKey(text); !validHost(strings.TrimPrefix(name, ".")) {
		return netip.Prefix{}, "", fmt.Errorf("%q is not an address, a network or a host name", text)
	}
	return netip.Prefix{}, name, nil
}
