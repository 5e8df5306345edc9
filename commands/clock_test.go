package commands

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"posthouse/config"
)

// timeServer answers one SNTP question with a clock that is ahead.
func timeServer(t *testing.T, ahead time.Duration, spoil func([]byte)) netip.AddrPort {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { conn.Close(); <-done })
	go func() {
		defer close(done)
		question := make([]byte, 48)
		for {
			n, from, err := conn.ReadFrom(question)
			if err != nil || n != 48 {
				return
			}
			answer := make([]byte, 48)
			answer[0], answer[1] = 4<<3|4, 2
			copy(answer[24:], question[40:])
			putNTP(answer[32:], time.Now().Add(ahead))
			putNTP(answer[40:], time.Now().Add(ahead))
			if spoil != nil {
				spoil(answer)
			}
			conn.WriteTo(make([]byte, 48), from) // a stranger's packet first
			conn.WriteTo(answer, from)
		}
	}()
	return netip.MustParseAddrPort(conn.LocalAddr().String())
}

func TestNTPQuery(t *testing.T) {
	b := newBench(t)
	at := timeServer(t, time.Hour, nil)
	out := b.exec(0, "ntpconfig query "+at.String(), "")
	contains(t, out, at.String()+" (stratum 2): this clock is 3", " s behind, measured over ")
	contains(t, b.exec(0, "ntpconfig query "+at.String()+" --json", ""), `"stratum": 2`, `"offset_seconds": 3`, `"delay_seconds": `)
	back := timeServer(t, -time.Minute, nil)
	contains(t, b.exec(0, "ntpconfig query "+back.String(), ""), "this clock is ", " s ahead")
	lost := timeServer(t, 0, func(b []byte) { b[0] |= 3 << 6 })
	b.fails("ntpconfig query "+lost.String(), "", "does not know the time")
	b.fails("ntpconfig new pool.example", "", "Unable to change time servers: they belong to the host system")
	b.fails("ntpconfig query", "", "Invalid command")
	contains(t, b.exec(0, "ntpconfig list", ""), "The clock belongs to the host system.")
}

// TestReadClock computes the offset of a server that is an hour ahead, with a second for each way and one in between.
func TestReadClock(t *testing.T) {
	sent := time.Unix(1779970000, 0)
	question, answer := make([]byte, 48), make([]byte, 48)
	putNTP(question[40:], sent)
	answer[0], answer[1] = 4<<3|4, 3
	copy(answer[24:], question[40:])
	putNTP(answer[32:], sent.Add(time.Hour+time.Second))
	putNTP(answer[40:], sent.Add(time.Hour+2*time.Second))
	d, err := readClock(question, answer, sent, sent.Add(3*time.Second))
	if err != nil || d.Offset != 3600 || d.Delay != 2 || d.Stratum != 3 {
		t.Errorf("%+v, %v", d, err)
	}
	answer[24]++
	if _, err := readClock(question, answer, sent, sent); err != errStranger {
		t.Errorf("the answer to another question: %v", err)
	}
}

func TestTimeServers(t *testing.T) {
	got := timeServers("# server no.example\npool 2.debian.pool.ntp.org iburst\n server a.example\nserverx b.example\nserver\n", []string{"server", "pool"})
	if strings.Join(got, " ") != "2.debian.pool.ntp.org a.example" {
		t.Errorf("%v", got)
	}
	got = timeServers("[Time]\n#NTP=no.example\nNTP=a.example b.example\nNTP=\n", []string{"NTP="})
	if strings.Join(got, " ") != "a.example b.example" {
		t.Errorf("%v", got)
	}
}

// FuzzClock reads any answer.
func FuzzClock(f *testing.F) {
	f.Add(make([]byte, 48))
	f.Fuzz(func(t *testing.T, answer []byte) {
		question := make([]byte, 48)
		if len(answer) >= 32 {
			copy(question[40:], answer[24:32])
		}
		now := time.Unix(1779970000, 0)
		d, err := readClock(question, answer, now, now.Add(time.Second))
		if err == nil && (d.Stratum < 1 || d.Stratum > 15 || d.Delay < 0) {
			t.Errorf("%+v of %x", d, answer)
		}
	})
}

func TestNTPEra(t *testing.T) {
	b := make([]byte, 8)
	for _, when := range []time.Time{time.Unix(1779970000, 0), time.Date(2036, 2, 7, 6, 28, 20, 500000000, time.UTC), time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)} {
		putNTP(b, when)
		if got := ntpTime(b, when.Add(-time.Hour)); got.Sub(when).Abs() > time.Microsecond {
			t.Errorf("%v is read as %v", when, got)
		}
	}
}

func TestParseZones(t *testing.T) {
	table, err := parseZones([]byte("# countries\nDE\tGermany\nUS\tUnited States\n"),
		[]byte("# zones\nDE\t+5230+01322\tEurope/Berlin\tmost\nDE\t+4742+00841\tEurope/Busingen\nUS\t+404251-0740023\tAmerica/New_York\nXX\t+0\tEurope/Nowhere\nbroken\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(table.continents(), ","); got != "America,Europe,GMT Offset" {
		t.Errorf("continents %s", got)
	}
	if got := strings.Join(table.zones("Europe", "Germany"), ","); got != "Europe/Berlin,Europe/Busingen" {
		t.Errorf("zones %s", got)
	}
	offsets := table.zones(gmtOffset, gmtOffset)
	if len(offsets) != 27 {
		t.Errorf("offsets %v", offsets)
	}
	for _, name := range offsets {
		if _, err := time.LoadLocation(name); err != nil {
			t.Error(err)
		}
	}
	if _, err := parseZones(nil, nil); err == nil {
		t.Error("no zones are a table")
	}
}

func TestSetTZ(t *testing.T) {
	b := newBench(t)
	contains(t, b.exec(0, `settz Europe/Berlin; commit "zone"; settz show`, ""), "It holds after commit.", "Changes committed", "Current time zone: Europe/Berlin")
	if got := b.running().TimeZone; got != "Europe/Berlin" {
		t.Errorf("the zone is %q", got)
	}
	contains(t, b.exec(0, "settz show --json", ""), `"time_zone": "Europe/Berlin"`)
	b.exec(0, `settz host; commit "host"`, "")
	if got := b.running().TimeZone; got != "" {
		t.Errorf("the zone is %q", got)
	}
	for _, bad := range []string{"Berlin", "../etc/passwd", "Local", "Europe/"} {
		b.fails("settz "+bad, "", bad)
	}
	b.fails("date 12:00", "", "Unable to set the clock")
}

// TestEnding stops the service with the grace that was asked for.
func TestEnding(t *testing.T) {
	b := newBench(t)
	type stop struct {
		grace time.Duration
		again bool
	}
	var stops []stop
	b.a.Stop = func(_ config.Author, grace time.Duration, again bool) error {
		stops = append(stops, stop{grace, again})
		return nil
	}
	contains(t, b.exec(0, "shutdown 5 force", ""), "The service stops now.")
	contains(t, b.exec(0, "reboot force", ""), "The service restarts now.")
	contains(t, b.exec(0, "reboot 0", ""), "The service restarts now.")
	b.exec(0, "shutdown", "7\ny\n")
	b.exec(0, "shutdown", "7\nn\n")
	if want := []stop{{5 * time.Second, false}, {30 * time.Second, true}, {0, true}, {7 * time.Second, false}}; len(stops) != len(want) {
		t.Errorf("stops %v", stops)
	} else {
		for i := range want {
			if stops[i] != want[i] {
				t.Errorf("stop %d: %v", i, stops[i])
			}
		}
	}
	contains(t, b.exec(0, `sethostname other.example; commit confirmed 5 "trial"; reboot 0`, ""), "Not confirmed yet: what admin from 127.0.0.1 committed at ", "It reverts at ")
	b.fails("shut 5 force", "", "Unknown command")
	b.fails("shutdown 5 6", "", "Invalid word")
	b.fails("reboot -1", "", "Invalid number of seconds")
}

// TestPing pings this machine, where the host permits it.
func TestPing(t *testing.T) {
	b := newBench(t)
	p := &pinging{addr: netip.MustParseAddr("127.0.0.1")}
	if err := p.open(); err != nil {
		t.Skipf("no ICMP socket here: %v", err)
	}
	p.conn.Close()
	contains(t, b.exec(0, "ping 127.0.0.1 1", ""), "PING 127.0.0.1 (127.0.0.1): 56 data bytes", "from 127.0.0.1: icmp_seq=0", "1 packets transmitted, 1 packets received, 0% packet loss", "round-trip")
	contains(t, b.exec(0, "ping 127.0.0.1 1 --json", ""), `"sent": 1`, `"received": 1`)
	b.fails("ping 127.0.0.1 0", "", "Invalid count")
	b.fails("ping nowhere.example 1", "", "Unable to resolve")
}
