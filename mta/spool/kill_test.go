package spool

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

const childDir = "POSTHOUSE_SPOOL_TEST_DIR"

// killOptions let segments be dropped and rewritten all the time.
var killOptions = Options{SegmentSize: 128 << 10, indexEvery: 5 * time.Millisecond}

// TestKilledChild is what TestKill runs in a process of its own: it stores and finishes messages until it is killed, and
// says what was acknowledged.
func TestKilledChild(t *testing.T) {
	dir := os.Getenv(childDir)
	if dir == "" {
		t.Skip("only as a child of TestKill")
	}
	s, err := Open(dir, killOptions)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Messages(func(Message) error { return nil }); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		go func() {
			for {
				mid := s.NextMID()
				fmt.Printf("given %d\n", mid)
				if put(s, mid, strings.Repeat("x", int(mid%7)*30000), 1) != nil {
					return
				}
				fmt.Printf("stored %d\n", mid)
				if mid%3 == 0 {
					continue
				}
				if _, err := s.Update(mid, Update{RID: 0, State: State{Done: true}}); err == nil && s.Sync() == nil {
					fmt.Printf("done %d\n", mid)
				}
			}
		}()
	}
	select {}
}

// TestKill kills a process that works on a spool, several times, and finds everything that it acknowledged.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	state := make(map[uint64]string)
	for range 5 {
		runAndKill(t, dir, 300, state)
	}
	s := mustOpen(t, dir, killOptions)
	found := make(map[uint64]bool)
	for _, m := range messages(t, s) {
		found[m.MID] = true
		if got := bodyOf(t, s, m.MID); got != strings.Repeat("x", int(m.MID%7)*30000) {
			t.Errorf("message %d has a body of %d bytes", m.MID, len(got))
		}
	}
	for mid, what := range state {
		switch {
		case what == "stored" && !found[mid] && mid%3 == 0:
			t.Errorf("message %d is missing", mid)
		case what == "done" && found[mid]:
			t.Errorf("message %d is done and came back", mid)
		}
	}
	if p := s.Problems(); len(p) > 0 {
		t.Errorf("problems %q", p)
	}
}

// runAndKill runs the child until it has said so many lines, kills it, and notes all that it said.
func runAndKill(t *testing.T, dir string, lines int, state map[uint64]string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledChild$")
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	scanner := bufio.NewScanner(out)
	for n := 0; scanner.Scan(); n++ {
		var what string
		var mid uint64
		if _, err := fmt.Sscanf(scanner.Text(), "%s %d", &what, &mid); err != nil {
			t.Errorf("the child says %q", scanner.Text())
		}
		if what == "given" && state[mid] != "" {
			t.Errorf("message ID %d is given out twice", mid)
		}
		state[mid] = what
		if n == lines {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait() // it was killed
}
