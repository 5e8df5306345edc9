package maillog

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"posthouse/internal/eventlog"
)

func (o *openIDs) String() string {
	var whole, receiving []uint64
	for mid := range o.mids.all() {
		if o.whole.has(mid) {
			whole = append(whole, mid)
		} else {
			receiving = append(receiving, mid)
		}
	}
	return fmt.Sprintf("ICIDs %d DCIDs %d whole %d receiving %d", slices.Collect(o.icids.all()), slices.Collect(o.dcids.all()), whole, receiving)
}

// knownOpen is openIDs by what ParseLine makes of the lines.
type knownOpen struct {
	icids, dcids map[uint64]bool
	mids         map[uint64]bool // true: received whole
}

func newKnownOpen() *knownOpen {
	return &knownOpen{map[uint64]bool{}, map[uint64]bool{}, map[uint64]bool{}}
}

func (o *knownOpen) see(line string) {
	e, ok := ParseLine(line)
	if !ok || e.Level != "Info" {
		return
	}
	switch e.Kind {
	case ConnectionIn:
		o.icids[e.ICID] = true
	case ConnectionInClosed:
		delete(o.icids, e.ICID)
	case ConnectionOut:
		o.dcids[e.DCID] = true
	case ConnectionOutClosed:
		delete(o.dcids, e.DCID)
	case MessageStarted:
		o.mids[e.MID] = false
	case Queued, DeliveryStarted, MessageDone:
		o.mids[e.MID] = true
	case MessageFinished, MessageAborted:
		delete(o.mids, e.MID)
	}
}

func (o *knownOpen) String() string {
	var whole, receiving []uint64
	for _, mid := range slices.Sorted(maps.Keys(o.mids)) {
		if o.mids[mid] {
			whole = append(whole, mid)
		} else {
			receiving = append(receiving, mid)
		}
	}
	return fmt.Sprintf("ICIDs %d DCIDs %d whole %d receiving %d", slices.Sorted(maps.Keys(o.icids)), slices.Sorted(maps.Keys(o.dcids)), whole, receiving)
}

const lineStart = "Tue Apr 17 00:57:53 2018 Info: "

// TestOpenIDsSeeWhatParseLineDoes has every line that there is in every length, as a death may leave it.
func TestOpenIDsSeeWhatParseLineDoes(t *testing.T) {
	for _, r := range rows {
		for length := range len(r.want) + 1 {
			compareOpen(t, lineStart+r.want[:length])
		}
	}
	for _, line := range []string{"", "x", lineStart, "Tue Apr 17 00:57:53 2018 Warning: Start MID 9 ICID 7", "Start MID 9 ICID 7"} {
		compareOpen(t, line)
	}
}

// compareOpen has a line open something, and close what is open.
func compareOpen(t interface{ Fatalf(string, ...any) }, line string) {
	var fast openIDs
	slow := newKnownOpen()
	for _, l := range []string{line, lineStart + "Start MID 9 ICID 7", lineStart + "New SMTP ICID 7 interface a (b) address c reverse dns host d verified no",
		lineStart + "New SMTP DCID 3 interface a address b port 1", line} {
		fast.see([]byte(l))
		slow.see(l)
		if fast.String() != slow.String() {
			t.Fatalf("after %q: %v, want %v", l, &fast, slow)
		}
	}
}

func FuzzOpenIDs(f *testing.F) {
	for _, r := range rows {
		f.Add(r.want)
	}
	f.Add("Message done DCID 18446744073709551616 MID 9 to RID [0, 2147483648]")
	f.Fuzz(func(t *testing.T, text string) {
		if word, rest, _ := strings.Cut(text, " "); word == "New" {
			// Of what others may have written we read only what we write.
			protocol, rest, _ := strings.Cut(rest, " ")
			kind, _, _ := strings.Cut(rest, " ")
			if (protocol != "SMTP" || kind != "DCID" && kind != "ICID") && (protocol != "CPQ" || kind != "ICID") {
				return
			}
			if strings.Count(text, " ICID ")+strings.Count(text, " DCID ") > 1 {
				return
			}
		}
		if !strings.Contains(text, "\n") {
			compareOpen(t, lineStart+text)
		}
	})
}

func TestIDSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s idSet
		model := map[uint64]bool{}
		ids := rapid.OneOf(rapid.Uint64Range(0, 10), rapid.Uint64Range(4090, 4100), rapid.Uint64())
		for range rapid.IntRange(0, 100).Draw(t, "steps") {
			id := ids.Draw(t, "id")
			if rapid.Bool().Draw(t, "add") {
				s.add(id)
				model[id] = true
			} else {
				s.remove(id)
				delete(model, id)
			}
			if s.has(id) != model[id] {
				t.Fatalf("has %d: %v", id, s.has(id))
			}
		}
		if got, want := slices.Collect(s.all()), slices.Sorted(maps.Keys(model)); !slices.Equal(got, want) {
			t.Fatalf("holds %d, want %d", got, want)
		}
		pages := map[uint64]bool{}
		for id := range model {
			pages[id/pageIDs] = true
		}
		if len(s.pages) != len(pages) {
			t.Fatalf("%d pages for %d", len(s.pages), len(pages))
		}
	})
}

// BenchmarkUnfinished reads the log of a process that died with a third of its messages queued: of each message what is
// written of it, a dozen lines to one that is delivered.
func BenchmarkUnfinished(b *testing.B) {
	dir := b.TempDir()
	folder := filepath.Join(dir, "mail_logs")
	if err := os.Mkdir(folder, 0o700); err != nil {
		b.Fatal(err)
	}
	f, err := os.Create(filepath.Join(folder, "mail.@20180417T005753.s"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	if err := os.WriteFile(filepath.Join(folder, ".mail.run.@20180417T005753"), nil, 0o600); err != nil {
		b.Fatal(err)
	}
	lines := writeRun(b, f)
	e, err := eventlog.Open(eventlog.Options{Dir: dir, Name: "mail_logs", File: "mail", Version: "1", Serial: "S"})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := New(e).unfinished(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(lines), "ns/line")
}

// writeRun writes the lines of many messages to a file, and returns how many lines there are.
func writeRun(b *testing.B, f *os.File) (lines int) {
	var text []byte
	line := func(format string, args ...any) {
		text = fmt.Appendf(append(text, lineStart...), format+"\n", args...)
		lines++
	}
	for mid := 1; mid <= 100000; mid++ {
		icid, dcid := mid/100, mid/50
		if mid%100 == 0 {
			line("ICID %d close", icid-1)
			line("New SMTP ICID %d interface Management (127.0.0.1) address 127.0.0.1 reverse dns host localhost verified yes", icid)
			line("ICID %d RELAY SG RELAYLIST match 127.0.0.1 SBRS None", icid)
		}
		line("Start MID %d ICID %d", mid, icid)
		line("MID %d ICID %d From: <sender@client.example>", mid, icid)
		line("MID %d ICID %d RID 0 To: <recipient@example.com>", mid, icid)
		line("MID %d Message-ID '<20260313060918.%d@client.example>'", mid, mid)
		line(`MID %d Subject "a subject of some words"`, mid)
		line("MID %d ready 4321 bytes from <sender@client.example>", mid)
		line("MID %d matched all recipients for per-recipient policy DEFAULT in the inbound table", mid)
		line("MID %d queued for delivery", mid)
		if mid%3 > 0 {
			line("Delivery start DCID %d MID %d to RID [0]", dcid, mid)
			line("Message done DCID %d MID %d to RID [0]", dcid, mid)
			line("MID %d RID [0] Response '2.0.0 ok:  Message 5 accepted'", mid)
			line("Message finished MID %d done", mid)
		}
	}
	if _, err := f.Write(text); err != nil {
		b.Fatal(err)
	}
	return lines
}
