package commands

import (
	"encoding/json"
	"strings"
	"testing"

	"posthouse/internal/eventlog"
)

// mailOfADay is a log with two messages and what became of them, and connections that failed.
var mailOfADay = []string{
	"New SMTP ICID 5 interface Public (192.0.2.1) address 198.51.100.2 reverse dns host mx.example verified yes",
	"ICID 5 ACCEPT SG None match ALL SBRS None",
	"ICID 5 TLS success protocol TLSv1.3 cipher TLS_AES_128_GCM_SHA256",
	"Start MID 9 ICID 5",
	"MID 9 ICID 5 From: <anna@sender.example>",
	"MID 9 ICID 5 RID 0 To: <bert@partner.example>",
	`MID 9 Subject "Quarterly report"`,
	"MID 9 Message-ID '<1@sender.example>'",
	"MID 9 ready 1230 bytes from <anna@sender.example>",
	"MID 9 queued for delivery",
	"Start MID 10 ICID 5",
	"MID 10 ICID 5 From: <anna@sender.example>",
	"MID 10 ICID 5 RID 0 To: <carl@clear.example>",
	`MID 10 Subject "Lunch"`,
	"MID 10 queued for delivery",
	"ICID 5 close",
	"New SMTP DCID 7 interface 192.0.2.1 address 198.51.100.7 port 25",
	"Connection Error: DCID 7 domain: partner.example IP: 198.51.100.7 port: 25 details: EOF interface: 192.0.2.1 reason: network error",
	"DCID 7 TLS failed: verify error: certificate has expired [V4]",
	"DCID 7 close",
	"New SMTP DCID 8 interface 192.0.2.1 address 198.51.100.8 port 25",
	"DCID 8 TLS success protocol TLSv1.3 cipher TLS_AES_128_GCM_SHA256",
	"Delivery start DCID 8 MID 9 to RID [0]",
	"Bounced: DCID 8 MID 9 to RID 0 - 5.1.0 - Unknown address error ('550', ['no such user']) []",
	"DCID 8 close",
	"Start MID 11 ICID 0",
	"MID 11 was generated for bounce of MID 9",
	"MID 11 ICID 0 From: <>",
	"MID 11 ICID 0 RID 0 To: <anna@sender.example>",
	"MID 11 queued for delivery",
	"Message finished MID 9 done",
	"New SMTP DCID 12 interface 192.0.2.1 address 198.51.100.9 port 25",
	"DCID 12 delivery in clear for clear.example [P1]",
	"Delivery start DCID 12 MID 10 to RID [0]",
	"Message done DCID 12 MID 10 to RID [0]",
	"DCID 12 close",
	"Message finished MID 10 done",
	"DCID 0 cause N1 for sender.example",
	"Delayed: DCID 0 MID 11 to RID 0 - 4.1.2 - Bad destination host ('000', ['DNS Soft Error']) []",
	"New SMTP ICID 6 interface Public (192.0.2.1) address 203.0.113.4 reverse dns host unknown verified no",
	"ICID 6 TLS failed: (336109761, 'error:1408A0C1:SSL routines:SSL3_GET_CLIENT_HELLO:no shared cipher') [H1]",
	"ICID 6 cause H1 for 203.0.113.4: they offer RC4-SHA; we take TLSv1.3",
	"ICID 6 close",
	"MID 9 antivirus negative",
}

// The dialogue's first question is that of the transcript.
func TestFindEventDialogue(t *testing.T) {
	b := newBench(t)
	b.log("mail_logs", "Text Mail Logs", mailOfADay...)
	out := b.script(0, "findevent", "", "ANNA@sender.example", "1", "", "", "2", "exit")
	contains(t, out, `Please choose which type of search you want to perform:
1. Search by envelope FROM
2. Search by Message ID
3. Search by Subject
4. Search by envelope TO
5. Search by connection or TLS failure cause
[1]> `, `Currently configured logs:
1. "mail_logs" Type: "Text Mail Logs" Retrieval: Manual Download
Enter the number of the log you wish to search.
[]> `, "The following matching message IDs were found. Please choose one to show additional log information:\n1. MID 9 (", "to <bert@partner.example> Quarterly report\n2. MID 10 (",
		"[1]> ", "New SMTP ICID 5", "ICID 5 close", "DCID 12 delivery in clear", "Message finished MID 10 done")
	if shown := out[strings.LastIndex(out, "[1]> "):]; strings.Contains(shown, "MID 9") || strings.Contains(shown, "DCID 8") {
		t.Errorf("lines of another message are shown:\n%s", shown)
	}
}

func TestFindEventShowsEverything(t *testing.T) {
	b := newBench(t)
	b.log("mail_logs", "Text Mail Logs", mailOfADay...)
	var got []string
	for line := range strings.Lines(b.exec(0, `findevent -s "Quarterly" mail_logs`, "")) {
		_, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " Info: ")
		got = append(got, text)
	}
	var want []string
	for _, line := range mailOfADay {
		if strings.Contains(line, "MID 10") || strings.Contains(line, "DCID 12") || strings.Contains(line, "ICID 6") {
			continue
		}
		want = append(want, line)
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestFindEventBatch(t *testing.T) {
	b := newBench(t)
	b.log("mail_logs", "Text Mail Logs", mailOfADay...)
	for line, want := range map[string]string{
		"findevent -t carl@clear.example mail_logs":           "Message finished MID 10 done",
		"findevent -i -t CARL@ mail_logs":                     "Message finished MID 10 done",
		"findevent -m 9 mail_logs":                            "Quarterly report",
		"findevent -m <1@sender.example> mail":                "Quarterly report",
		"findevent -f anna mail_logs":                         "2. MID 10 (",
		"findevent -f anna -s Lunch mail_logs":                "Message finished MID 10 done",
		"findevent --status clear mail_logs":                  "DCID 12 delivery in clear",
		"findevent --status bounced mail_logs":                "Bounced: DCID 8 MID 9",
		"findevent --status delayed mail_logs":                "DCID 0 cause N1 for sender.example",
		"findevent --status dropped mail_logs":                "No results were found.",
		"findevent -x p1 mail_logs":                           "Message done DCID 12 MID 10",
		"findevent -x H1 mail_logs":                           "ICID 6 cause H1 for 203.0.113.4: they offer RC4-SHA",
		`findevent -x "no shared cipher" mail_logs`:           "ICID 6 close",
		"findevent -x V4 mail_logs":                           "DCID 7 TLS failed: verify error",
		"findevent -x N1 mail_logs":                           "Delayed: DCID 0 MID 11",
		"findevent -x V5 mail_logs":                           "No results were found.",
		"findevent -t CARL@ mail_logs":                        "No results were found.",
		"findevent -f anna --until 2000-01-01 mail_logs":      "No results were found.",
		"findevent -f anna --since 1h -s Lunch mail_logs":     "Message finished MID 10 done",
		"findevent -x V4 -f anna@sender.example mail_logs":    "No results were found.",
		"findevent -x P1 --status delivered mail_logs --json": `"statuses": [`,
	} {
		contains(t, b.exec(0, line, ""), want)
	}
	for line, want := range map[string]string{
		"findevent mail_logs":                   "one of -f, -t",
		"findevent -f":                          "-f needs a value",
		"findevent -f a":                        "the name of a log is needed",
		"findevent -f a nothing_logs":           `Unknown log "nothing_logs"`,
		`findevent -f "" mail_logs`:             "something must be looked for",
		"findevent -q a mail_logs":              `Invalid option "-q"`,
		"findevent --status lost mail_logs":     `"lost"`,
		"findevent -f a --since soon mail_logs": `Invalid time "soon"`,
	} {
		b.fails(line, "", want)
	}
}

func TestFindEventJSON(t *testing.T) {
	b := newBench(t)
	b.log("mail_logs", "Text Mail Logs", mailOfADay...)
	var found struct {
		Matches []struct {
			MID        uint64
			From       string
			To         []string
			Recipients int
			Statuses   []string
		}
		Lines []struct{ Text string }
	}
	if err := json.Unmarshal([]byte(b.exec(0, "findevent -m 10 mail_logs --json", "")), &found); err != nil {
		t.Fatal(err)
	}
	if len(found.Matches) != 1 || found.Matches[0].MID != 10 || found.Matches[0].Recipients != 1 || len(found.Lines) == 0 ||
		strings.Join(found.Matches[0].Statuses, " ") != "delivered clear" {
		t.Errorf("%+v", found)
	}
}

// What is older than the files of the log's present name is found as well.
func TestFindEventReadsRolledFiles(t *testing.T) {
	b := newBench(t)
	l := b.log("mail_logs", "Text Mail Logs", mailOfADay[:12]...)
	if err := l.Rollover(); err != nil {
		t.Fatal(err)
	}
	for _, line := range mailOfADay[12:] {
		l.Line(eventlog.Info, line)
	}
	contains(t, b.exec(0, "findevent -m 10 mail_logs", ""), "New SMTP ICID 5", "Message finished MID 10 done")
}
