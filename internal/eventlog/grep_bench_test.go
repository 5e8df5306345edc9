package eventlog

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// grepPatterns are searched for, each in one run by Grep and by GNU grep: what operators look for, and what has no text of
// its own to look for.
var grepPatterns = []string{
	"MID 4711 queued", "(?i)mid 4711 QUEUED", "(?i)user471@partner", "(?i)bounced|delayed", "(?i)nothing like it", "MID [0-9]+99999 ",
	"(?i)tls failed: .*verify", "[0-9]{7}",
}

// TestGrepBesideGNU is `make bench-grep`: a log of POSTHOUSE_GREP bytes is searched by both in turn. It prints and asserts
// nothing but that both find the same number of lines.
func TestGrepBesideGNU(t *testing.T) {
	size, _ := strconv.ParseInt(os.Getenv("POSTHOUSE_GREP"), 10, 64)
	if size <= 0 {
		t.Skip("POSTHOUSE_GREP says for how many bytes of log this is run")
	}
	dir := t.TempDir()
	files := makeLog(t, filepath.Join(dir, "mail_logs"), size)
	l, err := Open(Options{Dir: dir, Name: "mail_logs", File: "mail", MaxFiles: 1000})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	before := peak(t)
	fmt.Printf("%-24s %9s %9s %9s %6s %9s %9s %6s\n", "pattern", "lines", "grep s", "ours s", "ratio", "grep cpu", "ours cpu", "ratio")
	for _, pattern := range grepPatterns {
		var theirs, ours, theirWork, ourWork []time.Duration
		lines := 0
		for range 3 {
			took, work, found := gnuGrep(t, pattern, files)
			theirs, theirWork = append(theirs, took), append(theirWork, work)
			began, workBefore := time.Now(), spent()
			lines = 0
			err := l.Grep(context.Background(), Query{Patterns: []*regexp.Regexp{regexp.MustCompile(pattern)}}, func(string) error { lines++; return nil })
			ours, ourWork = append(ours, time.Since(began)), append(ourWork, spent()-workBefore)
			if err != nil || lines != found {
				t.Errorf("%q: %d lines, GNU grep finds %d (%v)", pattern, lines, found, err)
			}
		}
		for _, list := range [][]time.Duration{theirs, ours, theirWork, ourWork} {
			slices.Sort(list)
		}
		ratio := func(a, b []time.Duration) float64 { return a[1].Seconds() / b[1].Seconds() }
		fmt.Printf("%-24s %9d %9.3f %9.3f %6.2f %9.3f %9.3f %6.2f\n", pattern, lines, theirs[1].Seconds(), ours[1].Seconds(),
			ratio(theirs, ours), theirWork[1].Seconds(), ourWork[1].Seconds(), ratio(theirWork, ourWork))
	}
	fmt.Printf("peak memory: %d KiB more than before the first search\n", peak(t)-before)
}

// makeLog writes finished files of lines as a day has them.
func makeLog(t *testing.T, folder string, size int64) (files []string) {
	t.Helper()
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.Local)
	mid := 0
	for size > 0 {
		path := filepath.Join(folder, "mail.@"+at.Format(stampLayout)+".s")
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		w := bufio.NewWriterSize(f, 1<<20)
		left := min(size, 100<<20)
		for written := 0; int64(written) < left; mid++ {
			at = at.Add(10 * time.Millisecond)
			n, _ := w.WriteString(mailLines(at.Format(timeLayout), mid))
			written += n
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		f.Close()
		files = append(files, path)
		size -= left
		at = at.Add(time.Second)
	}
	return files
}

func mailLines(at string, mid int) string {
	var b strings.Builder
	line := func(format string, args ...any) {
		b.WriteString(at + " Info: ")
		fmt.Fprintf(&b, format, args...)
		b.WriteByte('\n')
	}
	line("New SMTP ICID %d interface Management (192.0.2.1) address 198.51.100.%d reverse dns host mx%d.example.com verified yes", mid, mid%250, mid%1000)
	line("ICID %d RELAY SG RELAYLIST match 198.51.100.0/24 SBRS None", mid)
	line("Start MID %d ICID %d", mid, mid)
	line("MID %d ICID %d From: <sender%d@example.com>", mid, mid, mid%10000)
	line("MID %d ICID %d RID 0 To: <user%d@partner.example>", mid, mid, mid%5000)
	line("MID %d Message-ID '<%d.abcdef@mx.example.com>'", mid, mid*7919)
	line("MID %d Subject \"Invoice %d for your order\"", mid, mid)
	line("MID %d queued for delivery", mid)
	line("New SMTP DCID %d interface 192.0.2.1 address 203.0.113.7 port 25", mid)
	line("DCID %d TLS success protocol TLSv1.3 cipher TLS_AES_128_GCM_SHA256", mid)
	if mid%5000 == 0 {
		line("Bounced: DCID %d MID %d to RID 0 - 5.1.1 - Bad destination mailbox address ('550', ['no such user']) []", mid, mid)
		line("DCID %d TLS failed: verify error: unable to get local issuer certificate [V2]", mid)
	}
	line("Message done DCID %d MID %d to RID [0]", mid, mid)
	line("Message finished MID %d done", mid)
	return b.String()
}

func gnuGrep(t *testing.T, pattern string, files []string) (took, processor time.Duration, lines int) {
	args := []string{"-hE"}
	if rest, ok := strings.CutPrefix(pattern, "(?i)"); ok {
		pattern = rest
		args = append(args, "-i")
	}
	cmd := exec.Command("grep", append(append(args, "-e", pattern, "--"), files...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	var out lineCounter
	cmd.Stdout = &out // grep stops at the first line where its output is /dev/null
	began := time.Now()
	err := cmd.Run()
	took = time.Since(began)
	if err != nil && cmd.ProcessState.ExitCode() > 1 {
		t.Fatal(err)
	}
	return took, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), int(out)
}

type lineCounter int

// Write is io.Writer's.
func (c *lineCounter) Write(b []byte) (int, error) {
	*c += lineCounter(bytes.Count(b, []byte("\n")))
	return len(b), nil
}

// spent is the processor time of this process so far.
func spent() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peak is the most memory that the process has had, in KiB.
func peak(t *testing.T) int {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip(err)
	}
	_, rest, _ := strings.Cut(string(data), "VmHWM:")
	n, _ := strconv.Atoi(strings.Fields(rest)[0])
	return n
}
