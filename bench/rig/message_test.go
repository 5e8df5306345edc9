package rig

import (
	"bytes"
	"testing"
)

func TestParseRecipient(t *testing.T) {
	for path, want := range map[string]recipient{
		"<m0r0@d0.bench.test>\r\n":            {0, 0},
		" <m12r345@dead.bench.test> NOTIFY=X": {12, 345},
		"<m999999999r1@x>":                    {999999999, 1},
		"<m9999999999r1@x>":                   {-1, -1},
		"<mr1@x>":                             {-1, -1},
		"<m1r@x>":                             {-1, -1},
		"<m1r1":                               {-1, -1},
		"<m1x1@x>":                            {-1, -1},
		"<postmaster@x>":                      {-1, -1},
		"":                                    {-1, -1},
	} {
		if got := parseRecipient([]byte(path)); got != want {
			t.Errorf("%q is %v, want %v", path, got, want)
		}
	}
}

// TestMark reads what a header says, and requires nothing of anything else.
func TestMark(t *testing.T) {
	c := newContent(1000)
	header := c.appendHeader(nil, "run1", 77)
	_, value, found := bytes.Cut(header, []byte(markField))
	value, _, _ = bytes.Cut(value, []byte("\r\n"))
	if m := parseMark(value); !found || m != (mark{"run1", 77, c.length, c.crc}) {
		t.Errorf("%q is %+v", value, m)
	}
	for _, bad := range []string{"", "run 1 2", "run x 2 3", "run 1 2 g", "run 1 x 3", "a b c d e"} {
		if m := parseMark([]byte(bad)); m != (mark{seq: -1}) {
			t.Errorf("%q is %+v", bad, m)
		}
	}
}

// TestStuffing takes the doubled dots away again and finds the body that the sum is of.
func TestStuffing(t *testing.T) {
	c := newContent(10_000)
	lines := bytes.SplitAfter(c.stuffed, []byte("\r\n"))
	dots, length := 0, 0
	for _, line := range lines {
		if bytes.HasPrefix(line, []byte("..")) {
			dots++
			line = line[1:]
		} else if bytes.HasPrefix(line, []byte(".")) {
			t.Errorf("a bare dot begins %q", line)
		}
		length += len(line)
	}
	if dots == 0 || length != c.length {
		t.Errorf("%d dots, %d bytes, want some and %d", dots, length, c.length)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("<m12r3@d0.bench.test>"))
	f.Add([]byte("run 1 2 ff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r := parseRecipient(b); r.seq < -1 || r.k < -1 || (r.seq < 0) != (r.k < 0) {
			t.Errorf("%q is %v", b, r)
		}
		if m := parseMark(b); m.run == "" && m.seq != -1 {
			t.Errorf("%q is %+v", b, m)
		}
	})
}
