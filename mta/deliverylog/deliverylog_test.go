package deliverylog

import (
	"encoding/json"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"posthouse/internal/cause"
	"posthouse/internal/eventlog"
	"posthouse/mta/tlspolicy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func sample() Attempt {
	return Attempt{
		At: time.Date(2026, 3, 1, 12, 0, 0, 5e6, time.UTC), Duration: 1234 * time.Millisecond, MID: 9, Sender: "anna@sender.example",
		RIDs: []int{0, 2}, Recipients: []string{"bert@partner.example", "carl@partner.example"}, Size: 1230,
		Outcome: Delayed, Code: 0, Response: "TLS was required\nand \x7f\u202e\xff not had", Cause: cause.P3,
		Record: &tlspolicy.Record{
			DCID: 7, Remote: netip.MustParseAddrPort("[::ffff:198.51.100.7]:25"), Local: netip.MustParseAddr("192.0.2.1"),
			Facts:  tlspolicy.Facts{Domain: "partner.example", Host: "mx1.partner.example", DANE: tlspolicy.DANE{State: tlspolicy.DANEUsable}, RequireTLS: true},
			Wanted: tlspolicy.Wanted{InForce: "DANE", Rules: []tlspolicy.Rule{{Source: "DANE", Asks: "authenticated by TLSA", InForce: true}}},
			Outcome: tlspolicy.Outcome{
				Cause: cause.D1, Protocol: "TLSv1.3", Cipher: "TLS_AES_128_GCM_SHA256", Reason: "verify error: no TLSA record matches",
				Findings: []tlspolicy.Finding{{Cause: cause.D1, Fatal: true, Reason: "no TLSA record matches"}},
				Chain:    make([]tlspolicy.Element, 100),
			},
		},
	}
}

func TestLine(t *testing.T) {
	var got map[string]any
	line := string(Line(sample()))
	if err := json.Unmarshal([]byte(line), &got); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	for field, want := range map[string]any{
		"mid": 9.0, "dcid": 7.0, "from": "anna@sender.example", "recipients": 2.0, "size": 1230.0, "domain": "partner.example",
		"host": "mx1.partner.example", "remote": "198.51.100.7:25", "local": "192.0.2.1", "outcome": "delayed", "protection": "",
		"code": 0.0, "cause": "P3", "title": "TLS was required but could not be successfully negotiated", "duration": 1.234,
		"response": "TLS was required\nand \x7f\u202e\ufffd not had",
	} {
		if got[field] != want {
			t.Errorf("%s is %#v, want %#v", field, got[field], want)
		}
	}
	tls := got["tls"].(map[string]any)
	if tls["cause"] != "D1" || tls["dane"] != "usable" || tls["require_tls"] != true || len(tls["chain"].([]any)) != mostOf {
		t.Errorf("tls %v", tls)
	}
	if at, err := time.Parse(time.RFC3339, got["time"].(string)); err != nil || !at.Equal(sample().At) {
		t.Errorf("time %v, %v", at, err)
	}
}

// Where there was no connection every field is there all the same.
func TestLineWithoutConnection(t *testing.T) {
	line := string(Line(Attempt{Outcome: Bounced, Cause: cause.N1, Recipients: []string{"B@Gone.example"}}))
	for _, want := range []string{`"to":["B@Gone.example"]`, `"domain":"gone.example"`, `"rids":[]`, `"tls":null`, `"dcid":0`, `"remote":""`} {
		if !strings.Contains(line, want) {
			t.Errorf("%s lacks %s", line, want)
		}
	}
}

func TestLongListsAreCut(t *testing.T) {
	a := sample()
	for i := range 10000 {
		a.Recipients, a.RIDs = append(a.Recipients, strings.Repeat("x", 200)+"@example.com"), append(a.RIDs, i)
	}
	a.Response = strings.Repeat("y", 100000)
	line := Line(a)
	var got entry
	if err := json.Unmarshal(line, &got); err != nil || len(line) > 60<<10 || got.Recipients != 10002 || len(got.To) != len(got.RIDs) {
		t.Errorf("%d bytes, %d of %d recipients, %v", len(line), len(got.To), got.Recipients, err)
	}
}

// Whatever a peer says, a line is one line of JSON, and the log's search by time finds it.
func TestLog(t *testing.T) {
	l, err := eventlog.Open(eventlog.Options{Dir: t.TempDir(), Name: Name, File: File, Type: Type, Raw: true})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	New(l).Attempted(sample())
	var lines []string
	collect := func(line string) error { lines = append(lines, line); return nil }
	at := sample().At
	if err := l.Grep(t.Context(), eventlog.Query{Since: at.Add(-time.Second), Until: at.Add(time.Second)}, collect); err != nil {
		t.Fatal(err)
	}
	if err := l.Grep(t.Context(), eventlog.Query{Until: at.Add(-time.Minute)}, collect); err != nil {
		t.Fatal(err)
	}
	if len(lines) != 1 {
		t.Fatalf("lines %q", lines)
	}
	var got entry
	if err := json.Unmarshal([]byte(lines[0]), &got); err != nil || got.Response != "TLS was required\nand \x7f\u202e\ufffd not had" {
		t.Errorf("%v: %s", err, lines[0])
	}
}

// TestDocumentNamesEveryField holds docs/json-delivery-log.md to the fields.
func TestDocumentNamesEveryField(t *testing.T) {
	text, err := os.ReadFile("../../docs/json-delivery-log.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []any{entry{}, tlsPart{}, rule{}, finding{}, element{}} {
		for field := range reflect.TypeOf(part).Fields() {
			if name := field.Tag.Get("json"); !strings.Contains(string(text), "`"+name+"`") {
				t.Errorf("the document lacks %q", name)
			}
		}
	}
}
