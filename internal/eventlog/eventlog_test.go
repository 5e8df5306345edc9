package eventlog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a time that stands still until it is moved.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2018, 4, 7, 0, 57, 53, 0, time.Local)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func testOptions(t *testing.T, c *clock) Options {
	return Options{Dir: t.TempDir(), Name: "mail_logs", File: "mail", Type: "Text Mail Logs", Version: "1.0.0-001", Serial: "S1", Now: c.now}
}

func mustOpen(t *testing.T, o Options) *Log {
	t.Helper()
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func names(t *testing.T, l *Log) []string {
	t.Helper()
	var list []string
	for _, f := range l.Files() {
		list = append(list, filepath.Base(f))
	}
	return list
}

// all is every line of every file.
func all(t *testing.T, l *Log) []string {
	t.Helper()
	var lines []string
	if err := l.Grep(t.Context(), Query{}, func(s string) error { lines = append(lines, s); return nil }); err != nil {
		t.Fatal(err)
	}
	return lines
}

// texts is the lines without times and without what the log says of itself.
func texts(t *testing.T, l *Log) []string {
	t.Helper()
	return slices.DeleteFunc(all(t, l), func(s string) bool {
		return strings.HasSuffix(s, "Begin Logfile") || strings.HasSuffix(s, "End Logfile") ||
			strings.Contains(s, "Info: Version: ") || strings.Contains(s, "Time offset from UTC")
	})
}

func TestFileFromHeadToEnd(t *testing.T) {
	c := newClock()
	l := mustOpen(t, testOptions(t, c))
	l.Line(Info, "one")
	l.Line(Debug, "not at this level")
	l.Line(Warning, "two\nThu Jan  1 00:00:00 1970 Info: forged")
	if got, err := os.Readlink(filepath.Join(l.folder, "mail.current")); err != nil || got != "mail.@20180407T005753.c" {
		t.Errorf("link while open: %q, %v", got, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, offset := c.now().Zone()
	want := []string{
		"Sat Apr  7 00:57:53 2018 Info: Begin Logfile",
		"Sat Apr  7 00:57:53 2018 Info: Version: 1.0.0-001 SN: S1",
		fmt.Sprintf("Sat Apr  7 00:57:53 2018 Info: Time offset from UTC: %d seconds", offset),
		"Sat Apr  7 00:57:53 2018 Info: one",
		`Sat Apr  7 00:57:53 2018 Warning: two\x0aThu Jan  1 00:00:00 1970 Info: forged`,
		"Sat Apr  7 00:57:53 2018 Info: End Logfile",
	}
	if got := all(t, l); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got, err := os.Readlink(filepath.Join(l.folder, "mail.current")); err != nil || got != "mail.@20180407T005753.s" {
		t.Errorf("link after the end: %q, %v", got, err)
	}
	if len(l.Unclean()) != 0 {
		t.Error("a log that was closed is unclean")
	}
}

func TestRolloversInOneSecond(t *testing.T) {
	l := mustOpen(t, testOptions(t, newClock()))
	var want []string
	for i := range 5 {
		l.Line(Info, fmt.Sprint("line ", i))
		want = append(want, fmt.Sprintf("Sat Apr  7 00:57:53 2018 Info: line %d", i))
		if err := l.Rollover(); err != nil {
			t.Fatal(err)
		}
	}
	wantNames := []string{"mail.@20180407T005753.s", "mail.@20180407T005754.s", "mail.@20180407T005755.s",
		"mail.@20180407T005756.s", "mail.@20180407T005757.s", "mail.@20180407T005758.c"}
	if got := names(t, l); !slices.Equal(got, wantNames) {
		t.Errorf("files %q", got)
	}
	if got := texts(t, l); !slices.Equal(got, want) {
		t.Errorf("lines %q", got)
	}
}

func TestRotationBySizeKeepsSoManyFiles(t *testing.T) {
	o := testOptions(t, newClock())
	o.MaxSize, o.MaxFiles = 1000, 3
	l := mustOpen(t, o)
	for i := range 200 {
		l.Line(Info, fmt.Sprint("line ", i))
		if err := l.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(l.Files()); n != 3 {
		t.Errorf("%d files are kept", n)
	}
	entries, err := os.ReadDir(l.folder)
	if err != nil || len(entries) != 5 { // 3 files, the link, the run's mark
		t.Errorf("%d entries in the folder, %v", len(entries), err)
	}
	got := texts(t, l)
	if last := got[len(got)-1]; !strings.HasSuffix(last, "line 199") {
		t.Errorf("the last line is %q", last)
	}
}

// copyFolder makes what a process leaves that is killed now: the files as they are, with nobody to end them.
func copyFolder(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(filepath.Join(to, "mail_logs"), os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestStartAfterAKill(t *testing.T) {
	c := newClock()
	o := testOptions(t, c)
	l := mustOpen(t, o)
	l.Line(Info, "one")
	if err := l.Rollover(); err != nil {
		t.Fatal(err)
	}
	l.Line(Info, "two")
	l.Flush()
	o.Dir = copyFolder(t, l.folder)
	f, err := os.OpenFile(filepath.Join(o.Dir, "mail_logs", "mail.@20180407T005754.c"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString("Sat Apr  7 00:57:53 2018 Info: torn")
	f.Close()
	c.move(time.Minute)

	second := mustOpen(t, o)
	wantNames := []string{"mail.@20180407T005753.s", "mail.@20180407T005754.s", "mail.@20180407T005853.c"}
	if got := names(t, second); !slices.Equal(got, wantNames) {
		t.Errorf("files %q", got)
	}
	var unclean []string
	for _, p := range second.Unclean() {
		unclean = append(unclean, filepath.Base(p))
	}
	if !slices.Equal(unclean, wantNames[:2]) {
		t.Errorf("unclean %q", unclean)
	}
	got := all(t, second)
	if i := slices.Index(got, "Sat Apr  7 00:57:53 2018 Info: torn"); i < 0 || got[i+1] != "Sat Apr  7 00:58:53 2018 Info: End Logfile" {
		t.Errorf("lines %q", got)
	}
	// Killed again before anything was settled: the next start still knows of the first run.
	o.Dir = copyFolder(t, second.folder)
	third := mustOpen(t, o)
	if n := len(third.Unclean()); n != 3 {
		t.Errorf("%d files are unclean after two kills", n)
	}
	if err := third.Settled(); err != nil {
		t.Fatal(err)
	}
	o.Dir = copyFolder(t, third.folder)
	if n := len(mustOpen(t, o).Unclean()); n != 1 {
		t.Errorf("%d files are unclean after a settled run was killed", n)
	}
}

func TestLinesOfManyGoroutinesAreWholeAndInOrder(t *testing.T) {
	o := testOptions(t, newClock())
	o.MaxSize, o.MaxFiles = 4000, 1000
	l := mustOpen(t, o)
	const writers, lines = 8, 200
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range lines {
				l.Line(Info, fmt.Sprintf("writer %d line %d", w, i))
			}
		})
	}
	wg.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	next := make(map[int]int)
	for _, s := range texts(t, l) {
		var w, i int
		if _, err := fmt.Sscanf(s[len("Sat Apr  7 00:57:53 2018 Info: "):], "writer %d line %d", &w, &i); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		if i != next[w] {
			t.Fatalf("writer %d: line %d where %d is due", w, i, next[w])
		}
		next[w]++
	}
	for w := range writers {
		if next[w] != lines {
			t.Errorf("writer %d has %d lines", w, next[w])
		}
	}
}

func TestGrep(t *testing.T) {
	c := newClock()
	l := mustOpen(t, testOptions(t, c))
	for i, s := range []string{"alpha", "beta", "gamma", "delta", "epsilon"} {
		l.Line(Info, s)
		c.move(time.Minute)
		if i == 2 {
			l.Rollover()
		}
	}
	begin := newClock().now()
	re := regexp.MustCompile
	for _, tc := range []struct {
		name string
		q    Query
		want string
	}{
		{"one", Query{Patterns: []*regexp.Regexp{re("gam+a")}}, "gamma"},
		{"several", Query{Patterns: []*regexp.Regexp{re("alpha$"), re("delta$")}}, "alpha delta"},
		{"context over rotation", Query{Patterns: []*regexp.Regexp{re("delta$")}, Context: 1}, "seconds delta epsilon"},
		{"inverted", Query{Patterns: []*regexp.Regexp{re("Logfile|Version|offset|a$")}, Invert: true}, "epsilon"},
		{"window", Query{Patterns: []*regexp.Regexp{re("Info: [a-z]+$")}, Since: begin.Add(time.Minute), Until: begin.Add(3 * time.Minute)}, "beta gamma delta"},
		{"nothing", Query{Patterns: []*regexp.Regexp{re("omega")}}, ""},
	} {
		var got []string
		err := l.Grep(t.Context(), tc.q, func(s string) error {
			f := strings.Fields(s)
			got = append(got, f[len(f)-1])
			return nil
		})
		if err != nil || strings.Join(got, " ") != tc.want {
			t.Errorf("%s: %q, %v", tc.name, got, err)
		}
	}
	stop := errors.New("enough")
	if err := l.Grep(t.Context(), Query{}, func(string) error { return stop }); err != stop {
		t.Errorf("an error of the callback comes back as %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Grep(ctx, Query{}, func(string) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("a search that was stopped gives %v", err)
	}
}

func TestTailOverRotation(t *testing.T) {
	l := mustOpen(t, testOptions(t, newClock()))
	l.Line(Info, "before 1")
	l.Rollover()
	l.Line(Info, "before 2")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	lines := make(chan string)
	ended := make(chan error, 1)
	go func() {
		ended <- l.Tail(ctx, 6, func(s string) error {
			lines <- s[len("Sat Apr  7 00:57:53 2018 Info: "):]
			return nil
		})
	}()
	expect := func(want string) {
		t.Helper()
		for {
			got := <-lines
			if strings.HasPrefix(got, "line") || strings.HasPrefix(got, "before") {
				if got != want {
					t.Fatalf("got %q, want %q", got, want)
				}
				return
			}
		}
	}
	expect("before 1")
	expect("before 2")
	for i := range 20 {
		l.Line(Info, fmt.Sprint("line ", i))
		if i%4 == 0 {
			l.Rollover()
		}
	}
	for i := range 20 {
		expect(fmt.Sprint("line ", i))
	}
	cancel()
	go l.Line(Info, "a line that ends the wait")
	for {
		select {
		case <-lines:
		case err := <-ended:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("tail ended with %v", err)
			}
			return
		}
	}
}

func TestTailEndsWithTheLog(t *testing.T) {
	l := mustOpen(t, testOptions(t, newClock()))
	l.Line(Info, "only")
	var got []string
	ended := make(chan error, 1)
	started := make(chan struct{}, 10)
	go func() {
		ended <- l.Tail(t.Context(), 1, func(s string) error { got = append(got, s); started <- struct{}{}; return nil })
	}()
	<-started
	l.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if len(got) != 2 || !strings.HasSuffix(got[0], "only") || !strings.HasSuffix(got[1], "End Logfile") {
		t.Errorf("lines %q", got)
	}
}

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"plain":              "plain",
		"grüße":              "grüße",
		"a\r\nb":             `a\x0d\x0ab`,
		"nul\x00 del\x7f":    `nul\x00 del\x7f`,
		"bad \xff\xfe utf-8": `bad \xff\xfe utf-8`,
		"c1 \u0085":          `c1 \u0085`,
		"sep \u2028 \u202e":  `sep \u2028 \u202e`,
		`back\slash`:         `back\slash`,
		"\ufffd":             "\ufffd",
	} {
		if got := Escape(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func FuzzEscape(f *testing.F) {
	f.Add("a\nb")
	f.Add(strings.Repeat("ä", 400))
	f.Add(strings.Repeat("\xff", 400))
	f.Fuzz(func(t *testing.T, s string) {
		got := Escape(s)
		if len(got) > 500 {
			t.Errorf("%d bytes", len(got))
		}
		if Escape(got) != got {
			t.Errorf("%q is escaped again to %q", got, Escape(got))
		}
		for _, r := range got {
			if r < 0x20 || r == 0x7f {
				t.Errorf("control byte in %q", got)
			}
		}
	})
}

// TestPlain holds the test of eight bytes at a time to the plain one, for every byte at every place.
func TestPlain(t *testing.T) {
	for length := range 20 {
		for place := range length {
			for c := range 256 {
				b := []byte(strings.Repeat("~ ", 10)[:length])
				b[place] = byte(c)
				want := c >= 0x20 && c < 0x7f
				if plain(b) != want || plain(string(b)) != want {
					t.Fatalf("%q: %v", b, !want)
				}
			}
		}
	}
}

func FuzzPlain(f *testing.F) {
	f.Add([]byte("plain text of some length"))
	f.Fuzz(func(t *testing.T, b []byte) {
		want := !slices.ContainsFunc(b, func(c byte) bool { return c < 0x20 || c >= 0x7f })
		if plain(b) != want {
			t.Errorf("%q: %v", b, !want)
		}
	})
}

func TestLineBytes(t *testing.T) {
	l := mustOpen(t, testOptions(t, newClock()))
	text := []byte("one")
	l.LineBytes(Warning, text)
	copy(text, "two\n")
	l.LineBytes(Info, append(text, '\n'))
	l.LineBytes(Debug, text)
	l.Lines(Warning, []byte("three\nfour\n"))
	l.Lines(Info, []byte("five\n\tsix\n\n"))
	l.Lines(Debug, []byte("seven\n"))
	l.Lines(Info, nil)
	want := []string{"Sat Apr  7 00:57:53 2018 Warning: one", `Sat Apr  7 00:57:53 2018 Info: two\x0a`,
		"Sat Apr  7 00:57:53 2018 Warning: three", "Sat Apr  7 00:57:53 2018 Warning: four",
		"Sat Apr  7 00:57:53 2018 Info: five", `Sat Apr  7 00:57:53 2018 Info: \x09six`, "Sat Apr  7 00:57:53 2018 Info: "}
	if got := texts(t, l); !slices.Equal(got, want) {
		t.Errorf("lines %q", got)
	}
}
