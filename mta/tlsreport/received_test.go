package tlsreport

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"posthouse/internal/cause"
	"posthouse/internal/dns"
)

// theirs is a report in the manner of RFC 8460, appendix B, with mx-host as a plain string.
const theirs = `{
 "organization-name": "Company-X",
 "date-range": {"start-datetime": "2016-04-01T00:00:00Z", "end-datetime": "2016-04-01T23:59:59Z"},
 "contact-info": "sts-reporting@company-x.example",
 "report-id": "5065427c-23d3-47ca-b6e0-946ea0e8c4be",
 "policies": [{
  "policy": {"policy-type": "sts", "policy-string": ["version: STSv1", "mode: testing", "mx: *.mail.company-y.example", "max_age: 86400"],
   "policy-domain": "company-y.example", "mx-host": "*.mail.company-y.example"},
  "summary": {"total-successful-session-count": 5326, "total-failure-session-count": 303},
  "failure-details": [
   {"result-type": "certificate-expired", "sending-mta-ip": "2001:db8:abcd:0012::1", "receiving-mx-hostname": "mx1.mail.company-y.example", "failed-session-count": 100},
   {"result-type": "starttls-not-supported", "sending-mta-ip": "2001:db8:abcd:0013::1", "receiving-mx-hostname": "mx2.mail.company-y.example",
    "receiving-ip": "203.0.113.56", "failed-session-count": 200, "additional-information": "https://reports.company-x.example/report_info?id=5065427c-23d3#StarttlsNotSupported"}]
 }]
}`

func compressed(text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(text))
	z.Close()
	return b.Bytes()
}

// envelope puts a report into a message as others send it.
func envelope(kind string, body []byte) []byte {
	return fmt.Appendf(nil, "From: a@company-x.example\r\nTLS-Report-Domain: company-y.example\r\nMIME-Version: 1.0\r\n"+
		"Content-Type: multipart/report; report-type=\"tlsrpt\";\r\n boundary=\"b\"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n"+
		"--b\r\nContent-Type: %s\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=\"x\"\r\n\r\n%s\r\n--b--\r\n",
		kind, base64.StdEncoding.EncodeToString(body))
}

func TestParse(t *testing.T) {
	for name, data := range map[string][]byte{
		"JSON":               []byte(theirs),
		"JSON with a mark":   []byte("\xef\xbb\xbf" + theirs),
		"compressed":         compressed(theirs),
		"a message":          envelope("application/tlsrpt+gzip", compressed(theirs)),
		"a message of JSON":  envelope("application/tlsrpt+json; charset=utf-8", []byte(theirs)),
		"a bare attachment":  []byte("From: a@b.example\nContent-Type: application/tlsrpt+json\n\n" + theirs),
		"a part of a part":   []byte("Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n" + string(envelope("application/tlsrpt+gzip", compressed(theirs))) + "\r\n--o--\r\n"),
		"quoted-printable":   []byte("Content-Type: application/tlsrpt+json\nContent-Transfer-Encoding: quoted-printable\n\n" + strings.ReplaceAll(theirs, "=", "=3D")),
		"our own attachment": ourOwn(t),
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Parse(data)
			if err != nil {
				t.Fatal(err)
			}
			p := r.Policies[0]
			if r.Organization != "Company-X" || p.Policy.Type != PolicySTS || len(p.Policy.Text) != 4 || len(p.Policy.MX) != 1 ||
				p.Summary != (Sessions{5326, 303}) || len(p.Failures) != 2 || p.Failures[1].Count != 200 || r.Range.End.Hour() != 23 {
				t.Errorf("report is %+v", r)
			}
		})
	}
}

// ourOwn is the report again as we would write it.
func ourOwn(t *testing.T) []byte {
	r, err := Parse([]byte(theirs))
	if err != nil {
		t.Fatal(err)
	}
	data, err := r.compress()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestParseRefuses(t *testing.T) {
	change := func(old, fresh string) []byte {
		if !strings.Contains(theirs, old) {
			t.Fatalf("no %q", old)
		}
		return []byte(strings.Replace(theirs, old, fresh, 1))
	}
	policy := theirs[strings.Index(theirs, "[{")+1 : strings.LastIndex(theirs, "]")]
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":                {nil, "no TLS report"},
		"a plain message":        {[]byte("Subject: hello\r\n\r\nhello\r\n"), "no TLS report"},
		"no message":             {[]byte("\x00\x01\x02"), "header"},
		"no parts":               {[]byte("Content-Type: multipart/report\r\n\r\nx"), "boundary"},
		"a bomb":                 {compressed(strings.Repeat(" ", maxJSON+1)), "larger"},
		"a bomb in a message":    {envelope("application/tlsrpt+gzip", compressed(strings.Repeat(" ", maxJSON+1))), "larger"},
		"too long":               {bytes.Repeat([]byte("x"), maxMessage+1), "larger"},
		"cut":                    {compressed(theirs)[:100], "decompress"},
		"not UTF-8":              {change("Company-X", "Company-\xff"), "UTF-8"},
		"two documents":          {[]byte(theirs + theirs), "after top-level"},
		"no id":                  {change("5065427c-23d3-47ca-b6e0-946ea0e8c4be", ""), "report-id"},
		"no organization":        {change(`"Company-X"`, `""`), "organization-name"},
		"no range":               {change(`"date-range"`, `"x"`), "date-range"},
		"the end before":         {change("2016-04-01T23", "2015-04-01T23"), "date-range"},
		"no policy":              {change(`"policies"`, `"x"`), "policies are missing"},
		"an unknown policy":      {change(`"sts"`, `"magic"`), "policy-type"},
		"no domain":              {change(`"policy-domain"`, `"x"`), "policy-domain"},
		"a negative count":       {change("5326", "-1"), "out of range"},
		"a count beyond I-JSON":  {change(": 303", ": 9007199254740992"), "out of range"},
		"a count that is broken": {change(": 303", ": 1.5"), "parse"},
		"too many policies":      {change(policy, policy+strings.Repeat(","+policy, maxReported)), "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse(c.data); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

// A few kilobytes of compressed text that stand for millions of values cost next to nothing.
func TestParseOfManyValues(t *testing.T) {
	for name, text := range map[string]string{
		"policies": `{"policies":[` + strings.Repeat("{},", maxJSON/4) + `{}]}`,
		"nulls":    `{"policies":[` + strings.Repeat("null,", maxJSON/6) + `null]}`,
		"failures": `{"policies":[{"failure-details":[` + strings.Repeat("{},", maxJSON/4) + `{}]}]}`,
	} {
		data := compressed(text)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Parse(data)
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), "larger") {
			t.Errorf("%s: error %v", name, err)
		}
		if cost := after.TotalAlloc - before.TotalAlloc; cost > 10*maxJSON {
			t.Errorf("%s: %d bytes of mail cost %d MB of memory", name, len(data), cost>>20)
		}
	}
}

// What others write cannot act on a screen.
func TestReportIsCleaned(t *testing.T) {
	r, err := Parse([]byte(strings.Replace(theirs, "Company-X", `C\u001b[31m\u202e`+strings.Repeat("x", 1000), 1)))
	if err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(r.Organization, "\x1b\u202e") || len(r.Organization) > 200 {
		t.Errorf("organization is %q", r.Organization)
	}
}

func TestReceive(t *testing.T) {
	r := newRig(t)
	message := envelope("application/tlsrpt+gzip", compressed(theirs))
	if err := r.c.Receive(t.Context(), bytes.NewReader(message)); err != nil {
		t.Fatal(err)
	}
	r.open()
	if err := r.c.Receive(t.Context(), bytes.NewReader(message)); err != nil {
		t.Errorf("the same again: %v", err)
	}
	if _, fresh, err := r.c.Import(t.Context(), []byte(theirs)); err != nil || fresh {
		t.Errorf("the same from a file: %v, %v", fresh, err)
	}
	if _, fresh, err := r.c.Import(t.Context(), []byte(strings.Replace(theirs, "Company-X", "Company-Z", 1))); err != nil || !fresh {
		t.Errorf("the same id of another organization: %v, %v", fresh, err)
	}
	if err := r.c.Receive(t.Context(), strings.NewReader("Subject: x\n\nx\n")); err == nil {
		t.Error("a message without a report is taken")
	}
	if all := r.c.Received(0); len(all) != 2 || len(r.c.Received(1)) != 1 {
		t.Errorf("received %+v", all)
	}
	summary, known := r.c.Summary("company-y.example")
	if !known || len(summary.Received) != 2 {
		t.Errorf("summary is %+v", summary)
	}
	if _, known := r.c.Summary("other.example"); known {
		t.Error("a domain is known that nobody speaks of")
	}
}

// The signature of a report is verified with a key that is for reports only, too.
func TestReceiveSigned(t *testing.T) {
	r := newRig(t)
	r.asks(partner, "mailto:tls@reports.example")
	r.c.Observe(broken(cause.V1))
	r.later(24 * time.Hour)
	if sent, err := r.c.SendNow(t.Context(), false); err != nil || len(sent) != 1 {
		t.Fatalf("%+v, %v", sent, err)
	}
	text, err := KeyRecord(r.key)
	if err != nil {
		t.Fatal(err)
	}
	for services, want := range map[string]int{"tlsrpt:email": 1, "tlsrpt": 1, "other": 0} {
		r.dns.Update(func(f *dns.Fake) {
			f.Texts["sel._domainkey.mail.example.com"] = []string{strings.Replace(text, "tlsrpt:email", services, 1)}
		})
		got, _, err := r.c.Import(t.Context(), r.mails[0].message)
		if err != nil || len(got.Signed) != want {
			t.Errorf("with a key for %s: signed by %q, %v", services, got.Signed, err)
		}
	}
}

func TestOldReportsGo(t *testing.T) {
	r := newRig(t)
	for i := range 3 {
		if _, fresh, err := r.c.Import(t.Context(), []byte(strings.Replace(theirs, "5065427c", fmt.Sprint(i), 1))); err != nil || !fresh {
			t.Fatal(fresh, err)
		}
	}
	files, err := filepath.Glob(filepath.Join(r.c.receivedDir(), "*.json"))
	if err != nil || len(files) != 3 {
		t.Fatal(files, err)
	}
	old := r.now.Add(-keptReportFor - time.Hour)
	if err := os.Chtimes(files[0], old, old); err != nil {
		t.Fatal(err)
	}
	for _, path := range files[1:] {
		if err := os.Chtimes(path, r.now, r.now); err != nil {
			t.Fatal(err)
		}
	}
	r.c.thin()
	if left := r.c.Received(0); len(left) != 2 {
		t.Errorf("%d are left", len(left))
	}
}

// Strangers do not fill the disk.
func TestLargeReportsGo(t *testing.T) {
	r := newRig(t)
	for i := range 3 {
		if _, _, err := r.c.Import(t.Context(), []byte(strings.Replace(theirs, "5065427c", fmt.Sprint(i), 1))); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(filepath.Join(r.c.receivedDir(), "*.json"))
	if err != nil || len(files) != 3 {
		t.Fatal(files, err)
	}
	for i, path := range files {
		when := r.now.Add(time.Duration(i) * time.Second)
		if err := errors.Join(os.Truncate(path, keptBytes/2), os.Chtimes(path, when, when)); err != nil {
			t.Fatal(err)
		}
	}
	r.c.thin()
	if left, err := filepath.Glob(filepath.Join(r.c.receivedDir(), "*.json")); err != nil || !slices.Equal(left, files[1:]) {
		t.Errorf("left are %q of %q, %v", left, files, err)
	}
}

// A fault that a message provokes ends with that message.
func TestReceiveFault(t *testing.T) {
	r := newRig(t)
	if err := r.c.Receive(t.Context(), faulty{}); err == nil || !strings.Contains(err.Error(), "internal fault") {
		t.Errorf("error %v", err)
	}
	if err := r.c.Receive(t.Context(), strings.NewReader(theirs)); err != nil {
		t.Errorf("the next: %v", err)
	}
}

type faulty struct{}

func (faulty) Read([]byte) (int, error) { panic("no such part") }

func FuzzParse(f *testing.F) {
	f.Add([]byte(theirs))
	f.Add(compressed(theirs))
	f.Add(envelope("application/tlsrpt+gzip", compressed(theirs)))
	f.Add([]byte("Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: application/tlsrpt+json\n\n{}\n--b--"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Parse(data)
		if err != nil {
			return
		}
		text, err := marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(text)
		if err != nil || again.fileKey() != r.fileKey() || len(again.Policies) != len(r.Policies) {
			t.Errorf("what was read cannot be read again: %v\n%s", err, text)
		}
	})
}
