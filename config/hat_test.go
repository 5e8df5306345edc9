package config

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const exampleHAT = `$ACCEPTED
    ACCEPT
$THROTTLED
    ACCEPT {
        max_msgs_per_session = 10
        max_concurrency = 10
        max_rcpts_per_msg = 25
        max_rcpts_per_hour = 20
        max_message_size = 1048576
        tls = "off"
    }
$TRUSTED
    ACCEPT {
        max_msgs_per_session = 5000
        max_concurrency = 600
        max_rcpts_per_msg = 5000
        max_rcpts_per_hour = -1
        max_message_size = 104857600
        tls = "preferred"
    }
$RELAYED
    RELAY
$BLOCKED
    REJECT

RELAYLIST:
    192.0.2.0/24
        $RELAYED (Only select hosts can relay from this box)
ALLOWED_LIST:
        $TRUSTED (My trusted senders)
BLOCKED_LIST:
    .spam.example
        $BLOCKED (Spammers are rejected)
SUSPECTLIST:
        $THROTTLED (Suspicious senders are throttled)
PARTNERS:
    partner.example
        $ACCEPTED (a sender group's policy may be given inline too:)
203.0.113.7
    ACCEPT {
        tls = "required"
        tls_verify = "on"
    }
ALL
        $ACCEPTED
`

func mustHAT(t testing.TB, text string) *HostAccess {
	t.Helper()
	h, err := ParseHAT(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return h
}

func TestHATPrintsAsItWasRead(t *testing.T) {
	if got := mustHAT(t, exampleHAT).Text(); got != exampleHAT {
		t.Errorf("got\n%s", got)
	}
}

func TestDefaultHATPrints(t *testing.T) {
	h := DefaultHostAccess(Public)
	want := strings.NewReplacer(
		"    192.0.2.0/24\n", "", "    .spam.example\n", "",
		exampleHAT[strings.Index(exampleHAT, "PARTNERS"):strings.Index(exampleHAT, "ALL\n")], "").Replace(exampleHAT)
	if got := h.Text(); got != want {
		t.Errorf("got\n%s", got)
	}
}

func TestHATOtherForms(t *testing.T) {
	h := mustHAT(t, "# exported\r\n$WIDE accept {max_message_size=10M, max_rcpts_per_hour = unlimited; dhap_limit = 150 "+
		"spam_check = \"on\" use_sb=\"off\"\n virus_check = on}\n$OPEN RELAY {}\n"+
		"251.192.1. TCPREFUSE\nA: 192.0.2.1, 192.0.2.2 sbrs[-4.0:-1.0] dnslist[query.example.net] $WIDE (a (b) c)\n"+
		"Inline:\n mx.Example.com. RELAY { tls = required }\n10.1.1.1 10.1.1.2 CONTINUE\n2001:db8: $OPEN\nALL: $wide")
	want := &HostAccess{
		Policies: map[string]*Policy{
			"WIDE": {Behavior: Accept, Params: PolicyParams{
				MaxMessageSize: new(int64(10 << 20)), MaxRecipientsPerHour: new(-1),
				Extra: map[string]string{"dhap_limit": "150", "spam_check": "on", "use_sb": "off", "virus_check": "on"},
			}},
			"OPEN": {Behavior: Relay},
		},
		Groups: []SenderGroup{
			{Members: []string{"251.192.1."}, Inline: &Policy{Behavior: TCPRefuse}},
			{
				Name: "A", Policy: "WIDE", Comment: "a (b) c",
				Members: []string{"192.0.2.1", "192.0.2.2", "sbrs[-4.0:-1.0]", "dnslist[query.example.net]"},
			},
			{Name: "Inline", Members: []string{"mx.example.com"}, Inline: &Policy{Behavior: Relay, Params: PolicyParams{TLS: TLSRequired}}},
			{Members: []string{"10.1.1.1"}, Inline: &Policy{Behavior: Continue}},
			{Members: []string{"10.1.1.2"}, Inline: &Policy{Behavior: Continue}},
			{Members: []string{"2001:db8:"}, Policy: "OPEN"},
			{Members: []string{"ALL"}, Policy: "WIDE"},
		},
	}
	if !reflect.DeepEqual(h, want) {
		t.Errorf("got\n%s", h.Text())
	}
}

func TestHATLookup(t *testing.T) {
	h := mustHAT(t, strings.Replace(exampleHAT, "PARTNERS:", "SKIPPED: 203.0.113.7, 198.51.100.1 CONTINUE\nPARTNERS:", 1))
	h.Default = DefaultHostAccess(Public).Default
	h.Default.MaxConcurrency = new(7)
	for _, c := range []struct {
		addr, name, group, pattern string
		behavior                   Behavior
		tls                        TLSMode
		concurrency                int
	}{
		{"192.0.2.9", "", "RELAYLIST", "192.0.2.0/24", Relay, TLSOff, 7},
		{"192.0.2.9", "a.spam.example", "RELAYLIST", "192.0.2.0/24", Relay, TLSOff, 7},
		{"198.51.100.1", "a.spam.example", "BLOCKED_LIST", ".spam.example", Reject, TLSOff, 7},
		{"198.51.100.1", "partner.example", "PARTNERS", "partner.example", Accept, TLSOff, 7},
		{"203.0.113.7", "", "None", "203.0.113.7", Accept, TLSRequired, 7},
		{"2001:db8::1", "", "None", "ALL", Accept, TLSOff, 7},
	} {
		group, pattern, b, p := h.Compile().Lookup(Peer{Addr: netip.MustParseAddr(c.addr), Name: c.name})
		if group != c.group || pattern != c.pattern || b != c.behavior || p.TLS != c.tls || *p.MaxConcurrency != c.concurrency {
			t.Errorf("%s %q: %s match %s %s %s %d", c.addr, c.name, group, pattern, b, p.TLS, *p.MaxConcurrency)
		}
	}
	if !h.Compile().NeedsName() {
		t.Error("the table has names")
	}
}

// A table without any entry and without a default still gives every limit.
func TestHATLookupInEmptyTable(t *testing.T) {
	group, pattern, b, p := new(HostAccess).Compile().Lookup(Peer{Addr: netip.MustParseAddr("192.0.2.1")})
	if group != "None" || pattern != "ALL" || b != Accept {
		t.Errorf("%s match %s %s", group, pattern, b)
	}
	v := reflect.ValueOf(p)
	for i := range v.NumField() {
		if v.Field(i).Kind() == reflect.Pointer && v.Field(i).IsNil() {
			t.Errorf("%s is not set", v.Type().Field(i).Name)
		}
	}
}

func TestHATFaultsNameTheLine(t *testing.T) {
	for text, want := range map[string]string{
		"$A ACCEPT\n$A REJECT":                   "line 2: policy $A is there twice",
		"$A ALLOW":                               `"ALLOW" is not an action`,
		"A:\n 192.0.2.1\n":                       "line 3: an entry needs a policy",
		"A:\n 192.0.2.300\n REJECT":              `line 2: "192.0.2.300" is not a member`,
		"ACCEPT":                                 "an entry without a label needs a member",
		"$A ACCEPT {\n max_concurency = 3 }":     `line 2: unknown parameter "max_concurency"`,
		"$A ACCEPT {\n\n max_concurrency = x }":  `line 3: max_concurrency: "x" is not a number`,
		"$A ACCEPT { tls = \"off\"\n":            "closing brace is missing",
		"$A ACCEPT { tls = \"off\n\" }":          "closing quote is missing",
		"$A ACCEPT { tls \"off\" }":              `"=" is missing`,
		"$A ACCEPT { tls = off tls = required }": "tls is there twice",
		"$A ACCEPT\nALL $A (x":                   "line 2: a closing parenthesis is missing",
		"ALL $MISSING":                           `there is no policy "MISSING"`,
		"A: $B\na: $B\n$B ACCEPT":                `sender group "a" is there twice`,
		"} ":                                     `"}" is not expected here`,
		"$bad!name ACCEPT":                       "not a name of a policy",
	} {
		_, err := ParseHAT(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func drawParams(t *rapid.T) PolicyParams {
	number := func(label string) *int {
		if !rapid.Bool().Draw(t, "has "+label) {
			return nil
		}
		return new(rapid.IntRange(1, 1000000).Draw(t, label))
	}
	p := PolicyParams{
		MaxConcurrency: number("concurrency"), MaxMessages: number("messages"), MaxRecipients: number("recipients"),
		MaxRecipientsPerHour: number("hour"),
		TLS:                  rapid.SampledFrom([]TLSMode{"", TLSOff, TLSPreferred, TLSRequired}).Draw(t, "tls"),
		AcceptText:           rapid.StringMatching(`|[a-z"\\(){}#;=][a-z"\\(){}#;= ]{0,20}é`).Draw(t, "text"),
	}
	if rapid.Bool().Draw(t, "verify") {
		p.TLSVerify = new(rapid.Bool().Draw(t, "on"))
		p.MaxMessageSize = new(rapid.Int64Range(1, MaxSize).Draw(t, "size"))
		p.BannerHost = "mx.example.com"
	}
	if rapid.Bool().Draw(t, "extra") {
		p.Extra = map[string]string{"spam_check": rapid.StringMatching(`[0-9+-]{1,3}|[a-z "\\]{1,9}x`).Draw(t, "spam")}
	}
	return p
}

func drawTable(t *rapid.T) *HostAccess {
	h := &HostAccess{Policies: map[string]*Policy{}}
	behaviors := rapid.SampledFrom([]Behavior{Accept, Relay, Reject, TCPRefuse, Continue})
	names := rapid.SliceOfNDistinct(rapid.StringMatching(`[A-Z_][A-Z0-9_-]{1,8}x?`), 1, 4, strings.ToUpper).Draw(t, "policies")
	for i, name := range names {
		names[i] = strings.ToUpper(name)
		if names[i] == MemberAll {
			names[i] = "ALLES"
		}
		h.Policies[names[i]] = &Policy{Behavior: behaviors.Draw(t, "behavior"), Params: drawParams(t)}
	}
	member := rapid.OneOf(
		rapid.StringMatching(`[12]?[0-9]\.[12]?[0-9]\.[12]?[0-9]\.[12]?[0-9](/[12][0-9])?`),
		rapid.StringMatching(`10\.1\.2\.[1-9]-[1-9][0-9]`), rapid.StringMatching(`10\.[1-9]\.`),
		rapid.StringMatching(`2001:db8:[1-9a-f]{1,4}:`), rapid.StringMatching(`2001:db8::[1-9a-f]{1,4}`),
		rapid.StringMatching(`\.?[a-z][a-z0-9]{0,5}\.example`), rapid.StringMatching(`sbrs\[-[0-9]\.0:[0-9]\.0\]`),
		rapid.StringMatching(`cert\[[a-z=](\\[\\,\[\]]|[a-z "#$(){}:;=é]){0,9}x,[A-Z][a-z =]{0,5}(\\,|A)\]`),
		rapid.Just(MemberAll),
	)
	groups := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z][A-Za-z0-9_.-]{2,8}x`), 0, 6, strings.ToLower).Draw(t, "groups")
	for _, name := range groups {
		g := SenderGroup{
			Name: name, Members: rapid.SliceOfN(member, 0, 4).Draw(t, "members"),
			Comment: rapid.StringMatching(`[a-z()#$:,.' ]{0,20}`).Draw(t, "comment"),
		}
		if rapid.IntRange(0, 3).Draw(t, "unnamed") == 0 {
			g.Name, g.Members = "", []string{member.Draw(t, "member")}
		}
		if rapid.Bool().Draw(t, "inline") {
			g.Inline = &Policy{Behavior: behaviors.Draw(t, "action"), Params: drawParams(t)}
		} else {
			g.Policy = rapid.SampledFrom(names).Draw(t, "policy")
		}
		h.Groups = append(h.Groups, g)
	}
	h.normalize()
	return h
}

func TestHATReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawTable(t)
		var f faults
		f.policiesAndGroups("", h)
		if err := f.err(); err != nil {
			t.Fatalf("the table itself is wrong: %v", err)
		}
		back, err := ParseHAT(h.Text())
		if err != nil {
			t.Fatalf("%v\n%s", err, h.Text())
		}
		if !reflect.DeepEqual(back, h) {
			t.Fatalf("reads back as\n%sinstead of\n%s", back.Text(), h.Text())
		}
	})
}

func FuzzParseHAT(f *testing.F) {
	f.Add(exampleHAT)
	f.Add("A: 192.0.2.1, 192.0.2.2 sbrs[-4.0:-1.0] $W (a (b)\nc)\n$W accept {tls=off;dhap_limit = 150}")
	f.Add("251.192.1. TCPREFUSE\nALL: RELAY {}")
	f.Add("RELAYS: cert[CN=a\\,O=\"b\" #c,D CA], cert[x,y]: RELAY\ncert[a b,c]: $W $W ACCEPT")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := ParseHAT(text)
		if err != nil {
			return
		}
		printed := h.Text()
		back, err := ParseHAT(printed)
		if err != nil || !reflect.DeepEqual(back, h) {
			t.Errorf("%q is printed as %q, which reads back differently: %v", text, printed, err)
		}
	})
}

func TestPolicyKeys(t *testing.T) {
	var p PolicyParams
	for _, kv := range [][2]string{
		{"max_message_size", "10M"}, {"MAX_CONCURRENCY", "5"}, {"tls", "No"}, {"tls_verify", "yes"},
		{"max_rcpts_per_hour", "unlimited"}, {"accept_text", "hello there"}, {"virus_check", "on"}, {"max_msgs_per_session", "1"},
		{"max_msgs_per_session", "default"},
	} {
		if err := ParsePolicyKey(&p, kv[0], kv[1]); err != nil {
			t.Error(err)
		}
	}
	want := PolicyParams{
		MaxMessageSize: new(int64(10 << 20)), MaxConcurrency: new(5), TLS: TLSOff, TLSVerify: new(true),
		MaxRecipientsPerHour: new(-1), AcceptText: "hello there", Extra: map[string]string{"virus_check": "on"},
	}
	if !reflect.DeepEqual(p, want) {
		t.Errorf("got %+v", p.Keys())
	}
	for _, kv := range [][2]string{
		{"max_message_size", "0"}, {"max_message_size", "10Mk"}, {"max_message_size", "99999999G"}, {"max_message_size", "-1"},
		{"max_concurrency", "0"}, {"max_rcpts_per_hour", "0"}, {"max_rcpts_per_hour", "-2"}, {"tls", "maybe"}, {"tls_verify", "2"},
		{"accept_text", "a\r\nb"}, {"spam_check", "a\x00"}, {"speed", "1"}, {"", ""},
	} {
		if err := ParsePolicyKey(&p, kv[0], kv[1]); err == nil {
			t.Errorf("%q %q is accepted", kv[0], kv[1])
		}
	}
	if !reflect.DeepEqual(p, want) {
		t.Error("a wrong value changed something")
	}
}

func TestSizes(t *testing.T) {
	for s, want := range map[string]int64{"1": 1, "10k": 10240, "10M": 10 << 20, "1g": 1 << 30, "1048577": 1048577} {
		if n, err := ParseSize(s); err != nil || n != want {
			t.Errorf("%s: %d, %v", s, n, err)
		}
	}
	for n, want := range map[int64]string{1: "1", 1024: "1k", 10 << 20: "10M", 1536: "1536", 3 << 30: "3G"} {
		if got := FormatSize(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}

func BenchmarkAccessLookup(b *testing.B) {
	h := DefaultHostAccess(Public)
	for i := range 1000 {
		h.Groups[0].Members = append(h.Groups[0].Members, fmt.Sprintf("10.%d.%d.0/24", i/256, i%256), fmt.Sprintf(".host%d.example.com", i))
	}
	t := h.Compile()
	for b.Loop() {
		t.Lookup(Peer{Addr: netip.MustParseAddr("192.0.2.1"), Name: "mx.example.com"})
	}
}
