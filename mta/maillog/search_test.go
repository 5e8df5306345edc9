package maillog

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"posthouse/internal/cause"
	"posthouse/internal/eventlog"
)

// text is a Source made of lines.
type text []string

func (s text) Grep(_ context.Context, _ eventlog.Query, do func(string) error) error {
	for _, line := range s {
		if err := do("Tue Apr 17 00:57:53 2018 Info: " + line); err != nil {
			return err
		}
	}
	return nil
}

func TestFindKeepsTheLatest(t *testing.T) {
	var lines text
	for mid := range mostFound + 5 {
		lines = append(lines, fmt.Sprintf("Start MID %d ICID 0", mid+1), fmt.Sprintf("MID %d ICID 0 From: <a@example.com>", mid+1),
			fmt.Sprintf("Message finished MID %d done", mid+1))
	}
	found, more, err := Find(t.Context(), lines, Search{From: "a@"})
	if err != nil || len(found) != mostFound || more != 5 || found[0].MID != 6 || found[mostFound-1].MID != mostFound+5 {
		t.Errorf("%d found from %d on, %d left out, %v", len(found), found[0].MID, more, err)
	}
}

// Mail goes in clear on a connection that has no line of TLS, whether or not one says so.
func TestFindInClear(t *testing.T) {
	var lines text
	for dcid, tls := range []string{"TLS success protocol TLSv1.3 cipher TLS_AES_128_GCM_SHA256", "", "delivery in clear for x.example [P1]"} {
		lines = append(lines, fmt.Sprintf("New SMTP DCID %d interface 192.0.2.1 address 198.51.100.9 port 25", dcid+7))
		if tls != "" {
			lines = append(lines, fmt.Sprintf("DCID %d %s", dcid+7, tls))
		}
		lines = append(lines, fmt.Sprintf("Delivery start DCID %d MID %d to RID [0]", dcid+7, dcid+1),
			fmt.Sprintf("Message done DCID %d MID %d to RID [0]", dcid+7, dcid+1), fmt.Sprintf("DCID %d close", dcid+7))
	}
	found, _, err := Find(t.Context(), lines, Search{Status: StatusClear})
	if err != nil || len(found) != 2 || found[0].MID != 2 || found[1].MID != 3 || !slices.Contains(found[0].Statuses, StatusClear) {
		t.Errorf("found %+v, %v", found, err)
	}
}

// A connection's failure counts for what it carried before and after.
func TestFindByCause(t *testing.T) {
	lines := text{
		"Start MID 1 ICID 5",
		"ICID 5 TLS was required but remote host did not initiate it [S6]",
		"Start MID 2 ICID 5",
		"ICID 5 close",
		"Start MID 3 ICID 6",
		"Delivery start DCID 7 MID 3 to RID [0]",
		"DCID 7 peer not verified for x.example [P2]",
		"DCID 7 close",
		"Bounced: DCID 7 MID 4 to RID 0 - 5.1.0 - Unknown address error ('550', ['no']) []",
		"DCID 0 cause N1 for a.example",
		"Delayed: DCID 0 MID 5 to RID 0 - 4.1.2 - x ('000', ['y']) []",
		"DCID 0 cause N2 for b.example",
		"Delayed: DCID 0 MID 6 to RID 0 - 4.1.2 - x ('000', ['y']) []",
		"MID 10 ICID 8 RID 0 To: <u@c.example>",
		"MID 11 ICID 8 RID 0 To: <u@d.example>",
		"DCID 0 cause N9 for c.example",
		"DCID 0 cause D3 for d.example", // other deliveries come between a cause and what it is the cause of
		"Bounced: DCID 0 MID 10 to RID 0 - 5.1.2 - x ('000', ['y']) []",
		"Delayed: DCID 0 MID 11 to RID 0 - 4.1.2 - x ('000', ['y']) []",
		"New SMTP DCID 9 interface 192.0.2.1 address 198.51.100.9 port 25",
		"DCID 9 TLS failed: verify error: hostname mismatch [V5]",
		"DCID 9 close",
	}
	for id, want := range map[string]string{"S6": "1 2", "P2": "3 4", "N1": "5", "N2": "6", "N9": "10", "D3": "11", "V5": "DCID 9 198.51.100.9", "V1": ""} {
		found, _, err := Find(t.Context(), lines, Search{Cause: cause.ID(id)})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range found {
			if f.MID == 0 {
				got = append(got, fmt.Sprintf("DCID %d %s", f.DCID, f.Peer))
			} else {
				got = append(got, fmt.Sprint(f.MID))
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %q", id, got, want)
		}
	}
}

// A story has the failed connections of its own trip, and what was made of the message.
func TestLines(t *testing.T) {
	lines := text{
		"New SMTP DCID 6 interface 192.0.2.1 address 198.51.100.7 port 25",
		"Connection Error: DCID 6 domain: other.example IP: 198.51.100.7 port: 25 details: EOF interface: 192.0.2.1 reason: network error",
		"Start MID 1 ICID 5",
		"MID 1 ICID 5 RID 0 To: <a@X.example>",
		"MID 1 was split creating MID 2 due to a per-recipient policy Sales in the inbound table",
		"MID 2 queued for delivery",
		"New SMTP DCID 7 interface 192.0.2.1 address 198.51.100.7 port 25",
		"DCID 7 cause N3 for x.example",
		"DCID 0 cause N1 for y.example",
		"Delivery start DCID 8 MID 2 to RID [0]",
		"Delivery start DCID 8 MID 99 to RID [0]",
		"DCID 8 close",
		"ICID 5 close",
	}
	var got []string
	err := Lines(t.Context(), lines, Found{MID: 1}, func(line string) error {
		e, _ := ParseLine(line)
		got = append(got, e.Text)
		return nil
	})
	want := slices.Concat(lines[2:8], lines[9:10], lines[11:])
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, lines\n%s\nwant\n%s", err, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A handshake that failed names no domain; what was opened right after it belongs to the same delivery.
func TestLinesOfATrip(t *testing.T) {
	open := func(dcid int) string {
		return fmt.Sprintf("New SMTP DCID %d interface 192.0.2.1 address 198.51.100.%d port 25", dcid, dcid)
	}
	failed := "DCID %d TLS failed: verify error: certificate has expired [V4]"
	lines := text{
		"Start MID 1 ICID 0", "MID 1 ICID 0 RID 0 To: <a@x.example>",
		open(5), fmt.Sprintf(failed, 5), open(6), "DCID 5 close", fmt.Sprintf(failed, 6), "DCID 6 close", // two at once: whose is 6?
		"Delayed: DCID 6 MID 77 to RID 0 - 4.4.0 - x ('000', ['y']) []",
		open(7), fmt.Sprintf(failed, 7), "DCID 7 close",
		open(8), fmt.Sprintf(failed, 8), "DCID 8 close",
		open(9), "DCID 9 TLS success protocol TLSv1.3 cipher TLS_AES_128_GCM_SHA256",
		"Delivery start DCID 9 MID 1 to RID [0]", "DCID 9 close",
	}
	var got []string
	err := Lines(t.Context(), lines, Found{MID: 1}, func(line string) error {
		e, _ := ParseLine(line)
		got = append(got, e.Text)
		return nil
	})
	if want := slices.Concat(lines[:2], lines[9:]); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, lines\n%s\nwant\n%s", err, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A delivery that ended with its failed connection is told of late; the next connection is another's.
func TestTripsEnd(t *testing.T) {
	var s trips
	for _, line := range []string{
		"New SMTP DCID 5 interface 192.0.2.1 address 198.51.100.5 port 25", "DCID 5 TLS failed: verify error: certificate has expired [V4]", "DCID 5 close",
		"New SMTP DCID 6 interface 192.0.2.1 address 198.51.100.6 port 25", "Delayed: DCID 5 MID 77 to RID 0 - 4.4.0 - x ('000', ['y']) []",
	} {
		e, _ := ParseLine("Tue Apr 17 00:57:53 2018 Info: " + line)
		if e.Kind == Other {
			t.Fatal(line)
		}
		s.see(e)
	}
	if len(s.before[6]) != 0 {
		t.Errorf("before 6: %v", s.before[6])
	}
}
