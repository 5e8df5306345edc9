package commands

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"posthouse/certstore"
	"posthouse/certstore/acme"
	"posthouse/config"
	"posthouse/internal/cause"
	"posthouse/internal/dns"
	"posthouse/mta"
	"posthouse/mta/alert"
	"posthouse/mta/tlsreport"
	"posthouse/shell"
)

// strictly reads a document as a value of d's type with no field left over, and wants the same text when that is written again:
// then every field is there, has its type, and no list is null.
func strictly(d shell.Document, text string) error {
	v := reflect.New(reflect.TypeOf(d.Value))
	from := json.NewDecoder(strings.NewReader(text))
	from.DisallowUnknownFields()
	if err := from.Decode(v.Interface()); err != nil {
		return err
	}
	if from.More() {
		return fmt.Errorf("something stands behind the document")
	}
	again, err := json.Marshal(v.Interface())
	if err != nil {
		return err
	}
	var want bytes.Buffer
	if err := json.Compact(&want, []byte(text)); err != nil {
		return err
	}
	if want.String() != string(again) {
		return fmt.Errorf("%s is written again as %s", want.String(), again)
	}
	return noNull(v.Elem(), "")
}

// noNull finds lists that are null though they are always there.
func noNull(v reflect.Value, path string) error {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			return noNull(v.Elem(), path)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			if err := noNull(v.MapIndex(key), path+"."+key.String()); err != nil {
				return err
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if err := noNull(v.Index(i), path+"[]"); err != nil {
				return err
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if !f.IsExported() {
				continue
			}
			at := v.Field(i)
			if k := at.Kind(); (k == reflect.Slice || k == reflect.Map) && at.IsNil() && !strings.Contains(f.Tag.Get("json"), ",omit") {
				return fmt.Errorf("the list %s.%s is null", path, f.Name)
			}
			if err := noNull(at, path+"."+f.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// validated finds the document of cmd that text is and returns its type; the error says why it is none.
func validated(cmd *shell.Command, text string) (reflect.Type, error) {
	var faults []string
	for _, d := range cmd.Documents {
		documents := []string{text}
		if d.Lines {
			documents = strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		}
		var err error
		for _, document := range documents {
			if err = strictly(d, document); err != nil {
				faults = append(faults, d.For+": "+err.Error())
				break
			}
		}
		if err == nil {
			return reflect.TypeOf(d.Value), nil
		}
	}
	return nil, fmt.Errorf("%s prints none of its documents:\n%s\n%s", cmd.Name, text, strings.Join(faults, "\n"))
}

// otherDocuments are those whose situation other tests make, by their names.
var otherDocuments = map[string]string{
	"tlsverify DOMAIN":        "TestTLSVerifyForPrograms",
	"dig":                     "the story dig",
	"ntpconfig query":         "TestNTPQuery",
	"ping":                    "TestPing",
	"userconfig twofactor":    "TestTwoFactorSetUp",
	"sshconfig userkey print": "TestUserKeys",
}

// discarded is what a session says at its end that has changed something.
var discarded = regexp.MustCompile(`Error: what was changed and not committed is discarded: [0-9]+ changes?\.\n`)

// Every document of every command is printed once and is what its type says.
func TestDocumentsAreWhatTheySay(t *testing.T) {
	b := documentBench(t)
	printed := map[reflect.Type]bool{}
	for _, line := range documentLines() {
		before, pipe, piped := strings.Cut(line, " | ")
		typed := before + " --json"
		if piped {
			typed += " | " + pipe
		}
		name, _, _ := strings.Cut(before[strings.LastIndexByte(before, ';')+1:], " ")
		out, errs, _ := shell.RunExec(t.Context(), b.opts, typed, "")
		if errs = discarded.ReplaceAllString(errs, ""); errs != "" {
			t.Errorf("%s: %s", typed, errs)
			continue
		}
		for _, c := range b.opts.Table {
			if c.Name == name {
				which, err := validated(c, out)
				if err != nil {
					t.Errorf("%s: %v", typed, err)
				}
				printed[which] = true
			}
		}
	}
	for _, c := range b.opts.Table {
		for _, d := range c.Documents {
			if _, says := d.Value.(shell.Said); !says && !printed[reflect.TypeOf(d.Value)] && otherDocuments[d.For] == "" {
				t.Errorf("no line of documentLines prints the document of %q", d.For)
			}
		}
	}
}

// documentEngine knows more than engineNotes.
type documentEngine struct{ *engineNotes }

var day0 = time.Date(2026, 11, 21, 12, 30, 0, 5000, time.UTC)

func (documentEngine) CRLs() []certstore.CRLStatus {
	return []certstore.CRLStatus{{Name: "ca", URL: "http://crl.example/ca.crl", Issuer: "CN=CA", Revoked: 3, ThisUpdate: day0, NextUpdate: day0, Fetched: day0, Tried: day0, Due: day0, Interval: 60}}
}

func (e documentEngine) UpdateCRLs(context.Context) []certstore.CRLStatus { return e.CRLs() }

func (documentEngine) Managed() []acme.Status {
	return []acme.Status{{Profile: "managed", Names: []string{"mx.example.com"}, Challenge: "http-01", State: "valid", Expires: day0, Next: day0, TLSA: []string{"x"}, Failures: 1, Error: "no"}}
}

// documentBench is an appliance that has something to say of everything.
func documentBench(t *testing.T) *bench {
	b := newQueued(t)
	e := b.engine
	e.hosts = []mta.HostSummary{{Host: "example.com", State: mta.HostDown, Active: 7, Oldest: day0, NextAttempt: day0, LastCause: "V5", LastError: "whatever"}, {Host: "quiet.example", State: mta.HostUp}}
	e.host = map[string]mta.HostStatus{"example.com": {HostSummary: e.hosts[0], LastTLS: "TLSv1.3", Addresses: []mta.PreferenceList{{Preference: 5, Addresses: []string{"192.0.2.1"}}},
		AddressesExpire: day0, MX: []mta.MXRecord{{Preference: 5, TTL: time.Minute, Host: "mx.example.com"}}, Last5XX: "550 no", Last5XXAt: day0}}
	e.recipients = []mta.RecipientInfo{{MID: 9, Size: 1230, Sender: "a@example.org", Recipient: "b@example.com", Subject: "Testing", Host: "example.com"}}
	e.listeners = []mta.ListenerStatus{{Name: "InboundMail"}, {Name: "OutboundMail"}}
	e.peers = []mta.Peer{{Listener: "InboundMail", Addr: netip.MustParseAddr("192.0.2.7"), Name: "mx.example.net", Count: 2}, {Listener: "InboundMail", Addr: netip.MustParseAddr("192.0.2.8")}}
	e.resolver.Records = map[string][]dns.Record{"example.com": {{Name: "example.com", Type: "MX", TTL: time.Minute, Data: "10 mx1.example.com"}}}
	e.resolver.Names = map[netip.Addr][]string{}
	b.a.Engine = documentEngine{e}
	report := theirReport()
	b.a.Reports = &reportNotes{known: true, fresh: true, received: []tlsreport.Received{report},
		deliveries: []tlsreport.DomainDeliveries{{Domain: "x.example", Deliveries: tlsreport.Deliveries{Verified: 2, Clear: 1, LastClear: day0, ClearCause: cause.S2}}},
		summary: tlsreport.Summary{Domain: "x.example", Since: day0, Days: []tlsreport.DayCount{{Date: day0}}, Received: []tlsreport.Received{report},
			Counted: []tlsreport.Counted{{Start: day0, Policies: report.Report.Policies, Sent: []tlsreport.Posted{{To: "mailto:a@b.example", At: day0, OK: true}}}}},
		sent: []tlsreport.SentReport{{Domain: "x.example", Posted: tlsreport.Posted{To: "mailto:a@b.example", At: day0, Note: "503"}}}}
	b.a.Alerts = alertNotes{{At: day0, Alert: alert.TLSFailed("x.example", "mx1.x.example", cause.V4, "expired"), Repeated: 2, Last: day0}}
	b.log("mail_logs", "Text Mail Logs", mailOfADay...)
	if err := config.MakeExportKey(b.a.Config.Vault()); err != nil {
		t.Fatal(err)
	}
	b.opts.Table = Table(b.a)
	b.exec(0, fullBench+"; listenerconfig edit InboundMail rcptaccess new x.example accept 250 ok; commit force", "")
	if err := os.WriteFile(filepath.Join(b.a.Files, "report.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	return b
}

// documentLines prints every document; changes are at the end.
func documentLines() []string {
	return []string{
		"alertconfig list", "alertconfig from default", "archivemessage 9", "bounceconfig list", "bounceconfig detail Default", "bounceconfig new x",
		"bouncerecipients all", "certconfig list", "certconfig print", "certconfig show own", "certconfig csr own", "certconfig authority custom print",
		"certconfig authority system print", "certconfig crl print", "certconfig crl update", "certconfig acme status", "certconfig authority custom enable",
		"clearchanges -y", "commitdetail", "sethostname a.example;commit check", "commit -y", "deleterecipients all", "delivernow example.com", "delivernow all",
		"deliveryconfig show", "deliveryconfig setup concurrency 9", "destconfig list", "destconfig detail x.example", "destconfig delete x.example",
		"displayalerts", "dnsconfig list", "dnsconfig setup servers system", "dnsflush -y", "dnsstatus", "findevent -m 9 mail_logs", "findevent -f anna@sender.example mail_logs",
		"grep SMTP mail_logs", "grep nothing mail_logs", "grep -C 1 \"DCID 7\" mail_logs", "grep -t SMTP mail_logs | head 3", "help", "help commit", "help cause", "help cause V4", "hostrate example.com 1 1",
		"hoststatus example.com", "interfaceconfig list", "interfaceconfig details Management", "listenerconfig list", "listenerconfig details InboundMail",
		"listenerconfig edit InboundMail hostaccess print", "listenerconfig edit InboundMail hostaccess default", "listenerconfig edit InboundMail rcptaccess print",
		"listenerconfig setup", "listenerconfig setup max_hops 9", "metricsconfig show", "metricsconfig off", "nslookup example.com MX", "oldmessage", "rate 1 1",
		"redirectrecipients other.example", "removemessage 9 -y", "resetcounters", "resume", "resumedel a.example", "resumelistener all", "set", "set paging off",
		"sethostname other.example", "showchanges", "showhosts", "showhosts example.com", "showmessage 9", "showrecipients all", "showrecipients host example.com",
		"smtproutes print", "smtproutes delete x.example", "sslconfig show", "sslconfig verify HIGH:-aNULL", "status", "status detail", "suspend 1",
		"suspenddel 1 b.example,a.example", "suspendlistener InboundMail 1", "tail mail_logs | head 4", "tlsreport", "tlsreport x.example", "tlsreport received",
		"tlsreport import report.json", "tlsreport send", "tlsreportconfig list", "tlsreportconfig dkim show", "tlsreportconfig setup send off", "tlsverify self",
		"tlsverify peer 192.0.2.1", "tophosts", "topin", "version", "websecurityconfig show", "websecurityconfig disable", "who", "whoami",
		"workqueue status", "workqueue pause x", "workqueue rate 1 1", "workqueue resume",
		"sethostname b.example;commit -y", "sethostname last.example;commit confirmed 5", "commit confirmed 5", "commit -y", "commitdetail",
		"commitdetail list", "showchanges 1 running", "sethostname d.example;commit at +30m", "commit at", "showchanges planned 1", "commit at cancel 1",
		"adminaccessconfig show", "adminaccessconfig timeout 9", "date", "files", "delete report.json", "last", "logconfig list", "logconfig detail mail_logs",
		"logconfig logheaders", "logconfig hostkeyconfig list", "logconfig new x mail host a.example", "mailconfig a@b.example", "ntpconfig list",
		"rollbackconfig list", "rollbackconfig 1 y", "rollovernow", "saveconfig x.xml", "loadconfig x.xml", "saveconfig key", "settz show", "settz Etc/GMT",
		"showconfig 1", "smaquery", "smaquery identity", "sshconfig sshd show", "sshconfig sshd macs default", "sshconfig userkey list", "supportrequest file 0",
		"userconfig list", "userconfig role", "userconfig policy show", "userconfig policy digit on", "userconfig new anna guest \"Anna\" generate",
		"userconfig status admin", "userconfig passphrase admin generate",
	}
}
