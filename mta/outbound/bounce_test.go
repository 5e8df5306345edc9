package outbound

import (
	"bufio"
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/netip"
	"net/textproto"
	"strconv"
	"strings"
	"testing"
	"time"

	"posthouse/config"
	"posthouse/internal/cause"
	"posthouse/internal/dns"
	"posthouse/mta/queue"
	"posthouse/mta/spool"
)

// newBouncer returns a bouncer on a spool of its own.
func newBouncer(t *testing.T) (*Bouncer, *spool.Spool) {
	t.Helper()
	s, err := spool.Open(t.TempDir(), spool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	conf := config.Default("mail.example.com")
	return &Bouncer{Config: func() *config.Config { return conf }, Spool: s}, s
}

// original puts a message into the spool to be bounced.
func original(t *testing.T, s *spool.Spool, body string) *spool.Envelope {
	t.Helper()
	env := spool.Envelope{MID: s.NextMID(), Sender: "a@x.example", Received: time.Now(), EnvID: "QQ1",
		Recipients: []spool.Recipient{{Address: "b@y.example"}}}
	w, err := s.Create(env.MID)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, body)
	if err := w.Commit(env); err != nil {
		t.Fatal(err)
	}
	return &env
}

// read returns a notice as a mail reader sees it, and its bytes.
func read(t *testing.T, s *spool.Spool, mid uint64) (*mail.Message, string) {
	t.Helper()
	return readAs(t, s, mid, false)
}

// readAs is read for a notice that may hold 8-bit content.
func readAs(t *testing.T, s *spool.Spool, mid uint64, eight bool) (*mail.Message, string) {
	t.Helper()
	body, err := s.Open(mid)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.SplitSeq(data, []byte("\r\n")) {
		if len(line) > 998 || bytes.ContainsAny(line, "\r\n") || !eight && !ascii(string(line)) {
			t.Errorf("line that not every hop takes: %.200q", line)
		}
	}
	m, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return m, string(data)
}

// parts returns the parts of a multipart/report.
func parts(t *testing.T, m *mail.Message) []string {
	t.Helper()
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/report" || params["report-type"] != "delivery-status" {
		t.Fatalf("content type %q, %v, %v", kind, params, err)
	}
	var list []string
	r := multipart.NewReader(m.Body, params["boundary"])
	for {
		p, err := r.NextRawPart()
		if err == io.EOF {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		var body io.Reader = p
		if p.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
			body = quotedprintable.NewReader(p)
		}
		data, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, p.Header.Get("Content-Type")+"\n"+string(data))
	}
}

// fields reads the blocks of a delivery-status part.
func fields(t *testing.T, part string) []textproto.MIMEHeader {
	t.Helper()
	_, body, _ := strings.Cut(part, "\n")
	r := textproto.NewReader(bufio.NewReader(strings.NewReader(body + "\r\n")))
	var blocks []textproto.MIMEHeader
	for {
		h, err := r.ReadMIMEHeader()
		if len(h) > 0 {
			blocks = append(blocks, h)
		}
		if err != nil {
			return blocks
		}
	}
}

func TestBounceIsADeliveryStatusNotification(t *testing.T) {
	b, s := newBouncer(t)
	env := original(t, s, "Subject: grüße\r\nTo: b@y.example\r\n\r\nbody that stays here\r\n")
	m, err := b.Bounce(env, []queue.Failed{
		{Recipient: queue.Recipient{RID: 0, Address: "b@y.example"}, Failure: queue.Failure{
			Code: 550, Lines: []string{"5.1.1 no such", "5.1.1 user \x07here"}, Status: "5.1.1", Remote: "mx.y.example"}},
		{Recipient: queue.Recipient{RID: 1, Address: "ü@y.example"}, Failure: queue.Failure{
			Lines: []string{"TLS failed: verify error: hostname mismatch " + strings.Repeat("x", 3000)}, Status: "5.7.5", Cause: cause.V5, Remote: "2001:db8::1"}},
	}, queue.Notice{To: env.Sender, DSN: true})
	if err != nil {
		t.Fatal(err)
	}
	if m.Sender != "" || !m.Bounce || m.Recipients[0].Address != "a@x.example" || m.SMTPUTF8 || m.Body8Bit || m.Size == 0 {
		t.Errorf("envelope %+v", m.Envelope)
	}
	msg, _ := read(t, s, m.MID)
	if msg.Header.Get("Auto-Submitted") != "auto-replied" || msg.Header.Get("To") != "<a@x.example>" || msg.Header.Get("Subject") != "Delivery Status Notification (Failure)" {
		t.Errorf("header %v", msg.Header)
	}
	if from, err := msg.Header.AddressList("From"); err != nil || len(from) != 1 || from[0].Address != "MAILER-DAEMON@mail.example.com" {
		t.Errorf("from %v, %v", from, err)
	}
	list := parts(t, msg)
	if len(list) != 3 {
		t.Fatalf("%d parts, want 3", len(list))
	}
	v5, _ := cause.Lookup(cause.V5)
	for _, want := range []string{"<b@y.example>", "5.1.1 no such", "Cause V5", v5.Helps, "will not be tried again"} {
		if !strings.Contains(list[0], want) {
			t.Errorf("no %q in the text:\n%s", want, list[0])
		}
	}
	blocks := fields(t, list[1])
	if len(blocks) != 3 {
		t.Fatalf("%d blocks in\n%s", len(blocks), list[1])
	}
	for i, want := range []map[string]string{
		{"Reporting-MTA": "dns; mail.example.com", "Original-Envelope-Id": "QQ1"},
		{"Final-Recipient": "rfc822; b@y.example", "Action": "failed", "Status": "5.1.1", "Remote-MTA": "dns; mx.y.example",
			"Diagnostic-Code": "smtp; 550 5.1.1 no such 5.1.1 user  here"},
		{"Final-Recipient": `utf-8; \x{FC}@y.example`, "Status": "5.7.5", "X-Posthouse-Cause": "V5",
			"Remote-MTA": "dns; [IPv6:2001:db8::1]"},
	} {
		for key, value := range want {
			if got := blocks[i].Get(key); got != value {
				t.Errorf("block %d: %s is %q, want %q", i, key, got, value)
			}
		}
	}
	if !strings.Contains(list[2], "Subject: grüße\r\n") || strings.Contains(list[2], "stays here") {
		t.Errorf("header part:\n%s", list[2])
	}
}

func TestPlainBounceAndDelay(t *testing.T) {
	b, s := newBouncer(t)
	env := original(t, s, "Subject: hi\r\n\r\nbody\r\n")
	failed := []queue.Failed{{Recipient: queue.Recipient{Address: "b@y.example"}, Failure: queue.Failure{Lines: []string{"busy"}, Status: "4.4.7"}}}
	m, err := b.Bounce(env, failed, queue.Notice{To: "postmaster@x.example"})
	if err != nil {
		t.Fatal(err)
	}
	msg, text := read(t, s, m.MID)
	if !strings.HasPrefix(msg.Header.Get("Content-Type"), "text/plain") || !strings.Contains(text, "Subject: hi") || strings.Contains(text, "Final-Recipient") {
		t.Errorf("plain notice:\n%s", text)
	}
	until := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	if m, err = b.Delay(env, failed, until, queue.Notice{To: env.Sender, DSN: true}); err != nil {
		t.Fatal(err)
	}
	msg, _ = read(t, s, m.MID)
	status := fields(t, parts(t, msg)[1])[1]
	if msg.Header.Get("Subject") != "Delivery Status Notification (Delay)" || status.Get("Action") != "delayed" || status.Get("Will-Retry-Until") != until.Format(time.RFC1123Z) {
		t.Errorf("delay: %v\n%v", msg.Header, status)
	}
}

func TestABounceWithoutItsOriginal(t *testing.T) {
	b, s := newBouncer(t)
	env := &spool.Envelope{MID: 999, Sender: "a@x.example", Received: time.Now()}
	m, err := b.Bounce(env, []queue.Failed{{Failure: queue.Failure{Status: "5.0.0"}}}, queue.Notice{To: env.Sender, DSN: true})
	if err != nil {
		t.Fatal(err)
	}
	msg, _ := read(t, s, m.MID)
	if n := len(parts(t, msg)); n != 2 {
		t.Errorf("%d parts, want 2", n)
	}
}

func TestFindWay(t *testing.T) {
	conf := config.Default("mail.example.com")
	conf.Routes = map[string]*config.Route{
		"a.example":   {Hops: []string{"5/late.example", "1/[192.0.2.1]:2525", "1/Early.example:26"}},
		".b.example":  {Hops: []string{"hub.example"}},
		"c.b.example": {Hops: []string{"USEDNS"}},
		"null":        {Hops: []string{"/dev/null"}},
	}
	w := World{Config: conf, Resolver: fakeMX("c.b.example", 7, "mx.c.example")}
	d := New(Options{World: func() World { return w }, Shuffle: func(int, func(i, j int)) {}})
	d.port = 25
	tests := []struct{ domain, want string }{
		{"a.example", "192.0.2.1:2525 early.example:26 late.example:25"},
		{"x.b.example", "hub.example:25"},
		{"c.b.example", "mx.c.example:25"},
		{"[192.0.2.7]", "192.0.2.7:25"},
		{"[ipv6:2001:db8::1]", "2001:db8::1:25"},
		{"null", "discard"},
		{"plain.example", "plain.example:25"},
		{"[192.0.2]", "failure 5.1.2"},
		{"", "failure 5.1.2"},
		{"nowhere.example", "failure 5.1.2"},
	}
	for _, test := range tests {
		found, failure := d.newJourney(test.domain, demands{}).findWay(t.Context())
		var got []string
		switch {
		case failure != nil:
			got = []string{"failure " + failure.Class}
		case found.discard:
			got = []string{"discard"}
		default:
			for _, h := range found.hosts {
				got = append(got, h.label()+":"+strconv.Itoa(h.port))
			}
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%q goes to %q, want %q", test.domain, got, test.want)
		}
	}
}

func TestSortAddresses(t *testing.T) {
	list := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("192.0.2.2")}
	for preference, want := range map[string]string{
		"prefer-v6": "2001:db8::1 192.0.2.1 192.0.2.2", "": "2001:db8::1 192.0.2.1 192.0.2.2", "require-v6": "2001:db8::1",
		"prefer-v4": "192.0.2.1 192.0.2.2 2001:db8::1", "require-v4": "192.0.2.1 192.0.2.2",
	} {
		var got []string
		for _, a := range sortAddresses(list, preference) {
			got = append(got, a.String())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %v, want %s", preference, got, want)
		}
	}
}

func TestOurOwnListeners(t *testing.T) {
	conf := config.Default("mail.example.com")
	conf.Listeners["InboundMail"].Port = 25
	if !ourListener(conf, netip.MustParseAddr("127.0.0.1"), 25) || ourListener(conf, netip.MustParseAddr("127.0.0.1"), 26) || ourListener(conf, netip.MustParseAddr("192.0.2.1"), 25) {
		t.Error("our own listener is not told from others")
	}
	if name := helloName(conf, netip.MustParseAddr("127.0.0.1")); name != "mail.example.com" {
		t.Errorf("EHLO says %q", name)
	}
	conf.Interfaces["Out"] = &config.Interface{Address: "192.0.2.9", Hostname: "out.example.com"}
	if name := helloName(conf, netip.MustParseAddr("192.0.2.9")); name != "out.example.com" {
		t.Errorf("EHLO from Out says %q", name)
	}
	conf.Delivery.Interface = "Out"
	both := []netip.Addr{netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("192.0.2.1")}
	if got := deliverySource(conf).reaches(both); len(got) != 1 || !got[0].Is4() || len(deliverySource(conf).reaches(both[:1])) != 1 || len(source{}.reaches(both)) != 2 {
		t.Errorf("an IPv4 source reaches %v", got)
	}
	if from := deliverySource(conf); from.addr.String() != "192.0.2.9" || helloName(conf, netip.Addr{}) != "out.example.com" {
		t.Errorf("source %v", from)
	}
}

// fakeMX is a DNS with one mail exchanger, and a domain that is its own.
func fakeMX(domain string, preference int, mx string) dns.Resolver {
	return &dns.Fake{
		MXs:   map[string][]dns.MX{domain: {{Preference: preference, Host: mx}}},
		Hosts: map[string][]netip.Addr{"plain.example": {netip.MustParseAddr("192.0.2.3")}},
	}
}
