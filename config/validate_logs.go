package config

import (
	"encoding/hex"
	"net/netip"
	"regexp"
	"strings"
)

// logName is what a log's name and the beginning of its files' names are: both become names of files.
var logName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)

// headerName is RFC 5322 §3.6.8's.
var headerName = regexp.MustCompile(`^[!-9;-~]{1,64}$`)

// MostLogHeaders is how many header fields the line Message done may have.
const MostLogHeaders = 20

func (f *faults) logs(l *Logs) {
	f.logLimits("logs", l.MaxFileSize, l.MaxFiles)
	f.number("logs.status_interval", l.StatusInterval, 0, 3600)
	if len(l.Headers) > MostLogHeaders {
		f.add("logs.headers", "%d are more than %d", len(l.Headers), MostLogHeaders)
	}
	for _, h := range l.Headers {
		if !headerName.MatchString(h) {
			f.add("logs.headers", "%q is not the name of a header", h)
		}
	}
	for host, print := range l.HostKeys {
		at := join("logs.host_keys", key(host))
		f.logServer(at, host)
		if raw, err := hex.DecodeString(print); err != nil || len(raw) != 32 {
			f.add(at, "%q is not a SHA-256 fingerprint of 64 hexadecimal digits", print)
		}
	}
	each(f, "logs.subscriptions", l.Subscriptions, f.subscription)
	f.logFolders(l)
}

// filesFolder is the folder of the operators' files, which scp and sftp show beside those of the logs.
const filesFolder = "configuration"

// logFolders refuses two logs whose folders differ in case only, since not every disk tells them apart, and one whose files
// could not be fetched.
func (f *faults) logFolders(l *Logs) {
	seen := map[string]string{}
	for _, name := range l.Names() {
		folded := strings.ToLower(name)
		if other, taken := seen[folded]; taken {
			f.add(join("logs.subscriptions", key(name)), "there is a log %q", other)
		}
		if folded == filesFolder {
			f.add(join("logs.subscriptions", key(name)), "%q is the folder of your files; a log needs another name", name)
		}
		seen[folded] = name
	}
}

func (f *faults) logLimits(at string, size int64, files int) {
	if size < 4096 || size > MaxSize {
		f.add(join(at, "max_file_size"), "%d is not a size from 4096 to %d bytes", size, int64(MaxSize))
	}
	f.number(join(at, "max_files"), files, 1, 1000)
}

func (f *faults) subscription(at, name string, s *Subscription) {
	if !logName.MatchString(name) {
		f.add(at, "%q is not a name of a log: at most 64 letters, digits, '_', '-' and '.' are accepted, a letter or digit in front", name)
	}
	if !logName.MatchString(s.File) {
		f.add(join(at, "file"), "%q is not a name of a file", s.File)
	}
	words := make([]string, len(logTypes))
	for i, t := range logTypes {
		words[i] = string(t.Type)
	}
	f.choice(join(at, "type"), string(s.Type), words...)
	if first := FirstLog(name); first != nil && (first.Type != s.Type || first.File != s.File) {
		f.add(join(at, "type"), "every appliance has %s as %s in files %s", name, first.Type.Title(), first.File)
	}
	f.choice(join(at, "level"), s.Level, append([]string{""}, LogLevels[:]...)...)
	if s.MaxFileSize != 0 || s.MaxFiles != 0 {
		size, files := (&Logs{MaxFileSize: 4096, MaxFiles: 1}).Limits(s)
		f.logLimits(at, size, files)
	}
	if _, err := ParseRollover(s.Rollover); err != nil {
		f.add(join(at, "rollover"), "%v", err)
	}
	f.debug(at, s)
	if s.Syslog != nil {
		f.syslog(join(at, "syslog"), s.Syslog)
	}
}

// debug checks what only debug logs have.
func (f *faults) debug(at string, s *Subscription) {
	switch {
	case !s.Type.Debugs():
		if s.Peer != "" || s.Sessions != 0 || s.Minutes != 0 || s.Content {
			f.add(join(at, "peer"), "only debug logs are about one peer")
		}
		return
	case s.Type == DomainDebugLogs:
		f.host(join(at, "peer"), s.Peer)
	default:
		if _, _, err := ParsePeer(s.Peer); err != nil {
			f.add(join(at, "peer"), "%v", err)
		}
	}
	f.number(join(at, "sessions"), s.Sessions, 0, 10000)
	f.number(join(at, "minutes"), s.Minutes, 0, 1440)
	if s.Sessions == 0 && s.Minutes == 0 {
		f.add(join(at, "sessions"), "a number of sessions or of minutes is needed, after which the log switches itself off")
	}
}

func (f *faults) syslog(at string, y *Syslog) {
	f.logServer(join(at, "host"), y.Host)
	f.number(join(at, "port"), y.Port, 1, 65535)
	f.choice(join(at, "protocol"), y.Protocol, "udp", "tcp", "tls")
	f.choice(join(at, "framing"), y.Framing, "", "octets", "lines")
	f.choice(join(at, "format"), y.Format, "", "rfc5424", "rfc3164")
	f.choice(join(at, "facility"), y.Facility, append([]string{""}, SyslogFacilities[:]...)...)
}

// logServer checks a name or an address.
func (f *faults) logServer(at, host string) {
	if _, err := netip.ParseAddr(host); err != nil {
		f.host(at, host)
	}
}
