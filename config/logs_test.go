package config

import (
	"strings"
	"testing"
	"time"
)

func TestRollover(t *testing.T) {
	at := func(text string) time.Time {
		m, err := time.ParseInLocation("2006-01-02 15:04", text, time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for _, c := range []struct{ text, written, now, next string }{
		{"none", "", "2026-11-29 09:10", ""},
		{"hourly", "1h", "2026-11-29 09:10", "2026-11-29 10:00"},
		{"90m", "90m", "2026-11-29 09:10", "2026-11-29 10:30"},
		{"7h", "7h", "2026-11-29 22:00", "2026-11-30 00:00"},
		{"24h", "24h", "2026-11-29 00:00", "2026-11-30 00:00"},
		{"Daily 3:05", "daily 03:05", "2026-11-29 03:05", "2026-11-30 03:05"},
		{"daily 23:59", "daily 23:59", "2026-11-29 09:10", "2026-11-29 23:59"},
		{"weekly MON 00:00", "weekly mon 00:00", "2026-11-29 09:10", "2026-11-30 00:00"},
		{"weekly sunday 09:00", "weekly sun 09:00", "2026-11-29 09:10", "2026-12-06 09:00"},
	} {
		r, err := ParseRollover(c.text)
		if err != nil || r.String() != c.written {
			t.Errorf("%q is %q, %v", c.text, r, err)
		}
		if again, err := ParseRollover(r.String()); again != r || err != nil {
			t.Errorf("%q is %+v, read back %+v, %v", c.text, r, again, err)
		}
		next := r.Next(at(c.now))
		if c.next == "" && !next.IsZero() || c.next != "" && !next.Equal(at(c.next)) {
			t.Errorf("%q after %s is %v, want %s", c.text, c.now, next, c.next)
		}
	}
	for _, text := range []string{"sometimes", "10s", "25h", "daily", "daily 24:00", "weekly x 10:00", "weekly mo 10:00", "-1h", "90s", "daily 1:00 2:00"} {
		if r, err := ParseRollover(text); err == nil {
			t.Errorf("%q was read as %+v", text, r)
		}
	}
}

func FuzzRollover(f *testing.F) {
	f.Add("daily 03:00", int64(1795971053))
	f.Add("weekly sat 23:59", int64(0))
	f.Add("1h30m", int64(-1))
	f.Fuzz(func(t *testing.T, text string, now int64) {
		r, err := ParseRollover(text)
		if err != nil || now < 0 || now > 1<<33 {
			return
		}
		if again, err := ParseRollover(r.String()); again != r || err != nil {
			t.Fatalf("%q is %+v, read back %+v, %v", text, r, again, err)
		}
		if from := time.Unix(now, 0); r != (Rollover{}) && !r.Next(from).After(from) {
			t.Fatalf("%q after %v is %v", text, from, r.Next(from))
		}
	})
}

// What every appliance has takes no room in the file, whichever way it came to be as at first.
func TestLogsAsAtFirst(t *testing.T) {
	c := Default("mail.example.com")
	before := string(Encode(c))
	c.Logs.Put("mail_logs", &Subscription{Type: MailLogs, File: "mail", Level: "warning"})
	if !strings.Contains(string(Encode(c)), "[logs.subscriptions.mail_logs]") {
		t.Error("an edited log is not in the file")
	}
	c.Logs.Put("mail_logs", &Subscription{Type: MailLogs, File: "mail", Level: "information"})
	c.Normalize()
	if got := string(Encode(c)); got != before {
		t.Errorf("the file is\n%s\nand was\n%s", got, before)
	}
	if got := strings.Join(c.Logs.Names(), " "); got != "authentication bounces cli_logs mail_logs delivery_logs status system_logs" {
		t.Errorf("names are %s", got)
	}
}

func TestLogsThatAreRefused(t *testing.T) {
	for want, edit := range map[string]func(l *Logs){
		"is not a name of a log":             func(l *Logs) { l.Put("../x", &Subscription{Type: MailLogs, File: "x"}) },
		"is not a name of a file":            func(l *Logs) { l.Put("x", &Subscription{Type: MailLogs, File: "a/b"}) },
		"is not one of mail, delivery":       func(l *Logs) { l.Put("x", &Subscription{Type: "letters", File: "x"}) },
		"every appliance has cli_logs":       func(l *Logs) { l.Put("cli_logs", &Subscription{Type: MailLogs, File: "cli"}) },
		`there is a log "mail_logs"`:         func(l *Logs) { l.Put("Mail_logs", &Subscription{Type: MailLogs, File: "x"}) },
		"is the folder of your files":        func(l *Logs) { l.Put("Configuration", &Subscription{Type: MailLogs, File: "x"}) },
		"a number of sessions or of minutes": func(l *Logs) { l.Put("x", &Subscription{Type: DomainDebugLogs, File: "x", Peer: "a.example"}) },
		"is not an address, a network": func(l *Logs) {
			l.Put("x", &Subscription{Type: InjectionDebugLogs, File: "x", Peer: "a b", Sessions: 1})
		},
		"only debug logs": func(l *Logs) { l.Put("x", &Subscription{Type: MailLogs, File: "x", Content: true}) },
		"is not one of udp": func(l *Logs) {
			l.Put("x", &Subscription{Type: MailLogs, File: "x", Syslog: &Syslog{Host: "a.example", Port: 1}})
		},
		"0 is not a number from 1 to 65535": func(l *Logs) {
			l.Put("x", &Subscription{Type: MailLogs, File: "x", Syslog: &Syslog{Host: "a.example", Protocol: "udp"}})
		},
		"is not the name of a header":  func(l *Logs) { l.Headers = []string{"a b"} },
		"is not a SHA-256 fingerprint": func(l *Logs) { l.HostKeys = map[string]string{"a.example": "ab:cd"} },
		"1 is not a size from 4096":    func(l *Logs) { l.Put("x", &Subscription{Type: MailLogs, File: "x", MaxFileSize: 1}) },
	} {
		c := Default("mail.example.com")
		edit(&c.Logs)
		c.Normalize()
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}
