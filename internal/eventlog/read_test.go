package eventlog

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"
)

// FuzzReaders reads a file of any content whole, and its last lines.
func FuzzReaders(f *testing.F) {
	f.Add([]byte("one\ntwo\nthree\n"), 2)
	f.Add([]byte("one\n\n\ntorn"), 1)
	f.Add(bytes.Repeat([]byte("x"), maxLine+10), 1)
	f.Add(append(bytes.Repeat([]byte("line\n"), 7000), "end\n"...), 6999)
	f.Add([]byte{}, 0)
	f.Fuzz(func(t *testing.T, content []byte, n int) {
		n = max(0, min(n, 1<<20))
		// What is behind the last line end is not a line yet.
		whole, _, ended := cutLast(string(content))
		var lines []string
		if ended {
			lines = strings.Split(whole, "\n")
		}
		var got []string
		if _, err := eachLine(bytes.NewReader(content), func(s []byte) error { got = append(got, string(s)); return nil }); err != nil {
			t.Fatal(err)
		}
		if strings.Join(got, "\n") != strings.Join(lines, "\n") && longest(content) < maxLine {
			t.Errorf("%q is read as %q", content, got)
		}
		offset, found, err := backward(bytes.NewReader(content), int64(len(content)), n)
		if err != nil || found != min(n, len(lines)) {
			t.Fatalf("the last %d of %d lines: %d, %v", n, len(lines), found, err)
		}
		if rest, _, _ := cutLast(string(content[offset:])); found > 0 && !slices.Equal(strings.Split(rest, "\n"), lines[len(lines)-found:]) {
			t.Errorf("the last %d lines begin at %d of %q", n, offset, content)
		}
	})
}

// cutLast cuts at the last line end.
func cutLast(s string) (before, after string, found bool) {
	i := strings.LastIndexByte(s, '\n')
	if i < 0 {
		return "", s, false
	}
	return s[:i], s[i+1:], true
}

func longest(b []byte) int {
	n := 0
	for line := range bytes.SplitSeq(b, []byte{'\n'}) {
		n = max(n, len(line))
	}
	return n
}

func BenchmarkLine(b *testing.B) {
	o := Options{Dir: b.TempDir(), Name: "mail_logs", File: "mail", MaxSize: 1 << 30}
	l, err := Open(o)
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			l.Line(Info, "MID 1527 ICID 88 RID 0 To: <9554@example.com>")
		}
	})
}

// A raw log holds what it is given and nothing else, over rotation and a new start.
func TestRaw(t *testing.T) {
	c := newClock()
	o := testOptions(t, c)
	o.Raw = true
	l := mustOpen(t, o)
	early, late := c.now().UTC(), c.now().Add(time.Hour).UTC()
	l.Line(Info, `{"time":"`+early.Format(time.RFC3339)+`","n":1}`)
	if err := l.Rollover(); err != nil {
		t.Fatal(err)
	}
	l.Line(Info, `{"time":"`+late.Format(time.RFC3339)+`","n":2}`)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = mustOpen(t, o)
	if got := all(t, l); len(got) != 2 || !strings.HasSuffix(got[0], `"n":1}`) || !strings.HasSuffix(got[1], `"n":2}`) {
		t.Errorf("lines %q", got)
	}
	var got []string
	err := l.Grep(t.Context(), Query{Until: early.Add(time.Minute)}, func(s string) error { got = append(got, s); return nil })
	if err != nil || len(got) != 1 || !strings.HasSuffix(got[0], `"n":1}`) {
		t.Errorf("until a minute later %q, %v", got, err)
	}
}
