package smtp

import (
	"strings"
	"testing"
)

func TestParsePath(t *testing.T) {
	long := strings.Repeat("a", 250)
	cases := []struct{ in, path, rest string }{
		{"<>", "", ""},
		{"<> SIZE=3", "", " SIZE=3"},
		{"<a@b.example>", "a@b.example", ""},
		{"<a@b.example>x", "a@b.example", "x"},
		{"<Postmaster>", "Postmaster", ""},
		{"<a.b+c!#$%&'*/=?^_`{|}~-@example.com>", "a.b+c!#$%&'*/=?^_`{|}~-@example.com", ""},
		{`<"a b"@example.com>`, `"a b"@example.com`, ""},
		{`<"ab"@example.com>`, `ab@example.com`, ""},
		{`<"a>b\"\\@c"@example.com> BODY=7BIT`, `"a>b\"\\@c"@example.com`, " BODY=7BIT"},
		{"<@one.example,@two.example:a@b.example>", "a@b.example", ""},
		{"<@[192.0.2.1]:a@b.example>", "a@b.example", ""},
		{"<a@[192.0.2.1]>", "a@[192.0.2.1]", ""},
		{"<a@[ipv6:2001:DB8::1]>", "a@[IPv6:2001:db8::1]", ""},
		{"<jöran@bücher.example>", "jöran@bücher.example", ""},
		{"<a@under_score.example>", "a@under_score.example", ""},
	}
	for _, c := range cases {
		p, rest, err := ParsePath(c.in)
		if err != nil || p.String() != c.path || rest != c.rest {
			t.Errorf("%s: %q rest %q error %v, want %q rest %q", c.in, p, rest, err, c.path, c.rest)
		}
	}
	for _, in := range []string{
		"", "a@b", "<", "<a@b", "a@b>", "<@>", "<a@>", "<@b>", "<a@b@c>", "<.a@b>", "<a.@b>", "<a..b@c>", "<a b@c>",
		`<"a@b>`, `<""@b>`, `<"a"b@c>`, "<a@-b>", "<a@b->", "<a@b..c>", "<a@.b>", "<a@b.>", "<a@[1.2.3]>", "<a@[192.0.2.1>",
		"<a@[IPv6:fe80::1%eth0]>", "<a@[x:y]>", "<@a,b@c>", "<@a:>", "<@a;b@c>", "<a@b c>", "<" + long + "@b.example>",
		"<a@" + strings.Repeat("b", 64) + ">", "<a@b\xff>", "<a\xff@b>", "<a\x00@b>", "<a\u0085@b>", "<<a@b>>", "<\"a\\\">",
	} {
		if p, rest, err := ParsePath(in); err == nil {
			t.Errorf("%q is taken for %q, rest %q", in, p, rest)
		}
	}
}

func FuzzPath(f *testing.F) {
	for _, s := range []string{"<a@b>", `<"a b"@c.example>`, "<@a,@b:c@d>", "<é@ü.example>", "<a@[IPv6:::1]>", "<>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		p, rest, err := ParsePath(in)
		if err != nil {
			return
		}
		if !strings.HasSuffix(in, rest) {
			t.Fatalf("%q: rest %q is not its end", in, rest)
		}
		again, rest, err := ParsePath("<" + p.String() + ">")
		if err != nil || rest != "" || again != p {
			t.Fatalf("%q: %+v prints as %q, which is %+v, rest %q, %v", in, p, p, again, rest, err)
		}
		if strings.ContainsFunc(p.String(), func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Fatalf("%q: control bytes in %q", in, p)
		}
	})
}

func TestParseMail(t *testing.T) {
	cases := []struct {
		in   string
		want Mail
		code int
	}{
		{"FROM:<a@b>", Mail{From: Path{"a", "b"}}, 0},
		{"from: <a@b>", Mail{From: Path{"a", "b"}}, 0},
		{"FROM:<> SIZE=10  BODY=8bitmime", Mail{Size: 10, Body: "8BITMIME"}, 0},
		{"FROM:<a@b> smtputf8", Mail{From: Path{"a", "b"}, UTF8: true}, 0},
		{"FROM:a@b", Mail{}, 501},
		{"TO:<a@b>", Mail{}, 501},
		{"FROM:<a@b>SIZE=1", Mail{}, 501},
		{"FROM:<a@b> SIZE=x", Mail{}, 501},
		{"FROM:<a@b> SIZE", Mail{}, 501},
		{"FROM:<a@b> SIZE=-1", Mail{}, 501},
		{"FROM:<a@b> SIZE=99999999999999999999", Mail{}, 501},
		{"FROM:<a@b> SIZE=1 SIZE=2", Mail{}, 501},
		{"FROM:<a@b> BODY=BINARYMIME", Mail{}, 501},
		{"FROM:<a@b> SMTPUTF8=yes", Mail{}, 501},
		{"FROM:<a@b> RET=hdrs ENVID=QQ+20314159", Mail{From: Path{"a", "b"}, Ret: "HDRS", EnvID: "QQ 314159"}, 0},
		{"FROM:<a@b> RET=FULL", Mail{From: Path{"a", "b"}, Ret: "FULL"}, 0},
		{"FROM:<a@b> RET=BODY", Mail{}, 501},
		{"FROM:<a@b> RET", Mail{}, 501},
		{"FROM:<a@b> RET=FULL RET=FULL", Mail{}, 501},
		{"FROM:<a@b> ENVID=a+", Mail{}, 501},
		{"FROM:<a@b> ENVID", Mail{}, 501},
		{"FROM:<a@b> NOTIFY=NEVER", Mail{}, 555},
		{"FROM:<a@b> AUTH=<>", Mail{}, 555},
		{"FROM:<a@b> -X", Mail{}, 501},
	}
	for _, c := range cases {
		m, refusal := parseMail(c.in)
		if refusal.Code != c.code || c.code == 0 && m != c.want {
			t.Errorf("%s: %+v %v", c.in, m, refusal)
		}
	}
}

func TestParseRcpt(t *testing.T) {
	for in, want := range map[string]int{
		"TO:<a@b>": 0, "TO:<a@b> NOTIFY=NEVER": 0, "TO:<a@b> NOTIFY=SUCCESS ORCPT=rfc822;c@d": 0,
		"TO:<>": 501, "TO:<a@b> NOTIFY": 501, "TO:<a@b> NOTIFY=NEVER NOTIFY=NEVER": 501, "TO:<a@b> ORCPT=c@d": 501,
		"TO:<a@b> ORCPT": 501, "TO:<a@b> NOTIFY=NEVER,DELAY": 501, "TO:<a@b> RET=FULL": 555, "TO:<a@b> SIZE=1": 555,
	} {
		if r, refusal := parseRcpt(in); refusal.Code != want || want == 0 && r.To != (Path{"a", "b"}) {
			t.Errorf("%s: %+v %v", in, r, refusal)
		}
	}
}

func TestParseChunk(t *testing.T) {
	cases := []struct {
		in   string
		size int64
		last bool
		ok   bool
	}{
		{"0", 0, false, true}, {"0 LAST", 0, true, true}, {"86 last", 86, true, true}, {"86  LAST", 86, true, true},
		{"", 0, false, false}, {"x", 0, false, false}, {"-1", 0, false, false}, {"+1", 0, false, false}, {"1 FIRST", 0, false, false},
		{"9223372036854775808", 0, false, false}, {"1LAST", 0, false, false}, {"LAST", 0, false, false}, {"0x10", 0, false, false},
		{"9223372036854775807", 1<<63 - 1, false, true},
	}
	for _, c := range cases {
		size, last, ok := parseChunk(c.in)
		if ok != c.ok || ok && (size != c.size || last != c.last) {
			t.Errorf("%q: %d %v %v", c.in, size, last, ok)
		}
	}
}
