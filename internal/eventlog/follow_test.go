package eventlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

var errSeen = errors.New("seen")

// A follower gets every line once and in order, over rotation and beside busy mail.
func TestFollowOverRotation(t *testing.T) {
	l, err := Open(Options{Dir: t.TempDir(), Name: "mail_logs", File: "mail", MaxFiles: 1000})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	const lines = 3000
	began := make(chan struct{})
	go func() {
		<-began
		for i := range lines {
			l.Line(Info, fmt.Sprintf("line %d of many %s", i, strings.Repeat("x", 100)))
			if i%500 == 499 {
				l.Rollover()
			}
		}
		l.Line(Info, strings.Repeat("long ", maxLine/4))
		l.Line(Info, "the end")
	}()
	l.Line(Info, "before")
	next := 0
	err = l.Follow(t.Context(), 1, Follower{LeftOut: func() error { return errors.New("lines are left out") }, Lines: func(b []byte) error {
		for line := range bytes.Lines(b) {
			switch {
			case bytes.HasSuffix(line, []byte("before\n")):
				close(began)
			case bytes.Contains(line, []byte("of many")):
				if !bytes.Contains(line, fmt.Appendf(nil, "line %d of", next)) {
					return fmt.Errorf("%q instead of line %d", line, next)
				}
				next++
			case bytes.HasSuffix(line, []byte("the end\n")):
				return errSeen
			}
		}
		return nil
	}})
	if !errors.Is(err, errSeen) || next != lines {
		t.Errorf("%d lines of %d: %v", next, lines, err)
	}
}

// A follower that was not quick enough is told where lines are missing, and goes on with what there is.
func TestFollowLeavesOut(t *testing.T) {
	l, err := Open(Options{Dir: t.TempDir(), Name: "mail_logs", File: "mail", MaxSize: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	filler := strings.Repeat("y", 1<<10)
	l.Line(Info, "first")
	seen, left := 0, 0
	err = l.Follow(t.Context(), 1, Follower{LeftOut: func() error { left++; return nil }, Lines: func(b []byte) error {
		switch {
		case bytes.Contains(b, []byte("first")):
			l.Line(Info, "second") // by then the follower has seen the latest line
		case bytes.Contains(b, []byte("second")):
			for i := range mostBehind>>10 + 1000 {
				l.Line(Info, filler)
				if i%1000 == 0 {
					if err := l.Flush(); err != nil {
						return err
					}
				}
			}
			l.Line(Info, "latest")
			return l.Flush()
		}
		seen += bytes.Count(b, []byte{'\n'})
		if bytes.Contains(b, []byte("latest")) {
			return errSeen
		}
		return nil
	}})
	if !errors.Is(err, errSeen) || left != 1 || seen > 2*resumed {
		t.Errorf("%d lines, left out %d times: %v", seen, left, err)
	}
}

// Where a file was removed before a follower came to it, that is said as well.
func TestFollowRemovedFile(t *testing.T) {
	l, err := Open(Options{Dir: t.TempDir(), Name: "mail_logs", File: "mail"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.Line(Info, "first")
	for _, text := range []string{"next", "third"} {
		if err := l.Rollover(); err != nil {
			t.Fatal(err)
		}
		l.Line(Info, text)
	}
	removed, left := false, 0
	got := gatherFrom(t, l, func() error {
		if removed {
			return nil
		}
		removed = true
		return os.Remove(l.Files()[1])
	}, func() error { left++; return nil })
	if left != 1 || !strings.Contains(got, "first") || strings.Contains(got, "next") || !strings.Contains(got, "third") {
		t.Errorf("left out %d times: %s", left, got)
	}
}

// gatherFrom follows from the first line to the third, and does something at each batch.
func gatherFrom(t *testing.T, l *Log, at func() error, leftOut func() error) string {
	t.Helper()
	var got bytes.Buffer
	err := l.Follow(t.Context(), 1000, Follower{LeftOut: leftOut, Lines: func(b []byte) error {
		got.Write(b)
		if bytes.Contains(b, []byte("third")) {
			return errSeen
		}
		return at()
	}})
	if !errors.Is(err, errSeen) {
		t.Fatal(err)
	}
	return got.String()
}

// A search ends with its context between two pieces, which are small where an expression is hard on every line.
func TestSearchEndsWithContext(t *testing.T) {
	l, err := Open(Options{Dir: t.TempDir(), Name: "mail_logs", File: "mail"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for i := range 2000 {
		l.Line(Info, fmt.Sprintf("line %d %s", i, strings.Repeat("\u00e9a", 500)))
	}
	ctx, cancel := context.WithCancel(t.Context())
	found := 0
	err = l.Search(ctx, Query{Patterns: []*regexp.Regexp{regexp.MustCompile(`(a?\pL?){300}x|line`)}}, func(lines []byte) error {
		found += bytes.Count(lines, []byte{'\n'})
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) || found == 0 || found > 1000 {
		t.Errorf("%d lines were found: %v", found, err)
	}
}
