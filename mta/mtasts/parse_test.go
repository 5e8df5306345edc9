package mtasts

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseRecords(t *testing.T) {
	for _, c := range []struct {
		name    string
		records []string
		id      string
		fails   string
	}{
		{"the RFC's own", []string{"v=STSv1; id=20160831085700Z;"}, "20160831085700Z", ""},
		{"no semicolon at the end", []string{"v=STSv1; id=1"}, "1", ""},
		{"no blanks", []string{"v=STSv1;id=1"}, "1", ""},
		{"blanks around every semicolon", []string{"v=STSv1 ;\tid=1 ; a=b ;"}, "1", ""},
		{"an unknown field", []string{"v=STSv1; ext.1=x/y:z; id=abc"}, "abc", ""},
		{"the first id counts", []string{"v=STSv1; id=a; id=b"}, "a", ""},
		{"records of another kind", []string{"v=spf1 -all", "v=STSv1; id=a", "v=STSv12; id=b", "v=STSv1"}, "a", ""},
		{"two records", []string{"v=STSv1; id=a", "v=STSv1; id=a"}, "", "more than one"},
		{"none", nil, "", "no record"},
		{"another case", []string{"V=STSv1; id=a"}, "", "no record"},
		{"no id", []string{"v=STSv1; x=y"}, "", "no id"},
		{"no field", []string{"v=STSv1;"}, "", "no id"},
		{"an id of signs", []string{"v=STSv1; id=a-b"}, "", "no id"},
		{"an id of 33 characters", []string{"v=STSv1; id=" + strings.Repeat("a", 33)}, "", "no id"},
		{"an id of 32 characters", []string{"v=STSv1; id=" + strings.Repeat("a", 32)}, strings.Repeat("a", 32), ""},
		{"an empty field", []string{"v=STSv1;; id=a"}, "", "no field"},
		{"a field with a blank", []string{"v=STSv1; id =a"}, "", "no field"},
		{"a value with a blank", []string{"v=STSv1; x=a b; id=a"}, "", "no field"},
	} {
		t.Run(c.name, func(t *testing.T) {
			id, err := ParseRecords(c.records)
			if id != c.id || (err != nil) != (c.fails != "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("got %q, %v; want %q, %q", id, err, c.id, c.fails)
			}
		})
	}
	if _, err := ParseRecords([]string{"x"}); !errors.Is(err, errNoRecord) {
		t.Errorf("%v is not errNoRecord", err)
	}
}

const usual = "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\nmx: backupmx.example.com\r\nmax_age: 604800\r\n"

func TestParsePolicy(t *testing.T) {
	for _, c := range []struct {
		name, text string
		mode       Mode
		mx         []string
		age        time.Duration
		fails      string
	}{
		{"the RFC's own", usual, Enforce, []string{"mail.example.com", "*.example.net", "backupmx.example.com"}, 604800 * time.Second, ""},
		{"line feeds only", strings.ReplaceAll(usual, "\r", ""), Enforce, []string{"mail.example.com", "*.example.net", "backupmx.example.com"}, 604800 * time.Second, ""},
		{"any order, no blanks, no end", "max_age:0\nmx:MX.Example\nmode:testing\nversion:STSv1", Testing, []string{"mx.example"}, 0, ""},
		{"mode none without mx", "version: STSv1\nmode: none\nmax_age: 86400\n", None, nil, 24 * time.Hour, ""},
		{"unknown fields", "version: STSv1\nmode: testing\nmx: a.example\nmax_age: 1\nrua: x: y ü\n", Testing, []string{"a.example"}, time.Second, ""},
		{"the first of each counts", "version: STSv1\nmode: testing\nmode: enforce\nmx: a.example\nmax_age: 5\nmax_age: 6\nversion: x\n", Testing, []string{"a.example"}, 5 * time.Second, ""},
		{"longer than a year", "version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 9999999999\n", Enforce, []string{"a.example"}, MaxAge, ""},
		{"blanks at the end", "version: STSv1  \nmode: enforce\t\nmx: a.example \nmax_age: 1 \n\n", Enforce, []string{"a.example"}, time.Second, ""},

		{"nothing", "", "", nil, 0, "version"},
		{"another version", "version: STSv2\nmode: none\nmax_age: 1\n", "", nil, 0, "version"},
		{"another mode", "version: STSv1\nmode: Enforce\nmx: a.example\nmax_age: 1\n", "", nil, 0, "mode"},
		{"no mode", "version: STSv1\nmx: a.example\nmax_age: 1\n", "", nil, 0, "mode"},
		{"no mx", "version: STSv1\nmode: enforce\nmax_age: 1\n", "", nil, 0, "no mx"},
		{"no max_age", "version: STSv1\nmode: none\n", "", nil, 0, "max_age"},
		{"a negative max_age", "version: STSv1\nmode: none\nmax_age: -1\n", "", nil, 0, "max_age"},
		{"a signed max_age", "version: STSv1\nmode: none\nmax_age: +1\n", "", nil, 0, "max_age"},
		{"eleven digits", "version: STSv1\nmode: none\nmax_age: 00000000001\n", "", nil, 0, "max_age"},
		{"a wildcard within", "version: STSv1\nmode: enforce\nmx: a.*.example\nmax_age: 1\n", "", nil, 0, "mx"},
		{"a bare wildcard", "version: STSv1\nmode: enforce\nmx: *.\nmax_age: 1\n", "", nil, 0, "mx"},
		{"a U-label", "version: STSv1\nmode: enforce\nmx: ü.example\nmax_age: 1\n", "", nil, 0, "mx"},
		{"a web page", "<html><body>404</body></html>", "", nil, 0, "no field"},
		{"not UTF-8", "version: STSv1\nx: \xff\nmode: none\nmax_age: 1\n", "", nil, 0, "UTF-8"},
		{"too large", "version: STSv1\nmode: none\nmax_age: 1\n" + strings.Repeat("x: y\n", maxPolicy/5), "", nil, 0, "larger"},
		{"too many", "version: STSv1\nmode: enforce\nmax_age: 1\n" + strings.Repeat("mx: a.example\n", maxPatterns+1), "", nil, 0, "more than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := parsePolicy([]byte(c.text))
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Errorf("error %v, want %q", err, c.fails)
				}
				return
			}
			if err != nil || p.mode != c.mode || !slices.Equal(p.mx, c.mx) || p.maxAge != c.age {
				t.Errorf("got %v %v %v %v", p.mode, p.mx, p.maxAge, err)
			}
		})
	}
}

func TestMatch(t *testing.T) {
	p := Policy{Mode: Enforce, MX: []string{"mx.example.com", "*.example.net"}}
	for host, want := range map[string]bool{
		"mx.example.com": true, "MX.Example.COM.": true, "mx2.example.com": false, "a.mx.example.com": false,
		"a.example.net": true, "a.b.example.net": false, "example.net": false, ".example.net": false, "": false,
	} {
		if p.Match(host) != want {
			t.Errorf("Match(%q) is %v", host, !want)
		}
	}
}

func FuzzRecord(f *testing.F) {
	for _, seed := range []string{"v=STSv1; id=20160831085700Z;", "v=STSv1;;", "v=STSv1 ;id=a;x=y", "v=spf1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, err := ParseRecords([]string{text})
		if (err == nil) != validID(id) {
			t.Errorf("%q gives the id %q and the error %v", text, id, err)
		}
		if err == nil {
			if again, err := ParseRecords([]string{"v=STSv1; id=" + id}); err != nil || again != id {
				t.Errorf("the id %q of %q does not stand for itself: %q, %v", id, text, again, err)
			}
		}
	})
}

func FuzzPolicy(f *testing.F) {
	for _, seed := range []string{usual, "version: STSv1\nmode: none\nmax_age: 1", "mx:*.a\n\r\n: \n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := parsePolicy(text)
		if err != nil {
			return
		}
		if p.maxAge < 0 || p.maxAge > MaxAge || len(p.mx) > maxPatterns || p.mode != None && len(p.mx) == 0 {
			t.Errorf("%q gives %+v", text, p)
		}
		again, err := parsePolicy([]byte(strings.Join(p.lines, "\n")))
		if err != nil || again.mode != p.mode || again.maxAge != p.maxAge || !slices.Equal(again.mx, p.mx) || !slices.Equal(again.lines, p.lines) {
			t.Errorf("the lines of %q give another policy: %+v and %+v, %v", text, p, again, err)
		}
	})
}
