package shell

import (
	"context"
	"strings"
	"testing"
)

// progressing is a command that shows progress, prints beside it, and ends as it is told.
func progressing(end func(*Session) error) *Command {
	return &Command{Name: "work", Run: func(_ context.Context, s *Session, _ []string) error {
		s.Println("Working, please wait.")
		s.Progress("1 of 20 done")
		s.Progress("10 of 20 done, and more words")
		s.Println("a line between")
		s.Progress(strings.Repeat("wide ", 40))
		s.Progress("20 of 20 done")
		return end(s)
	}}
}

func TestProgress(t *testing.T) {
	opts := testOptions()
	opts.Table = append(opts.Table, progressing(func(s *Session) error {
		s.Progress("")
		s.Println("All is done.")
		return nil
	}))
	out := RunTyped(t.Context(), opts, "work\r", 80, 24)
	for _, want := range []string{"1 of 20 done", "10 of 20 done, and more words", "20 of 20 done"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q was never shown in %q", want, out)
		}
	}
	if strings.Contains(out, "wide") {
		t.Errorf("a line that has no room is shown: %q", out)
	}
	screen := newVT(80, out).String()
	if want := "Working, please wait.\na line between\nAll is done.\n"; !strings.Contains(screen, want) {
		t.Errorf("on the screen is\n%s", screen)
	}
	if text, status := RunLines(t.Context(), opts, "work\n"); status != 0 || strings.Contains(text, "of 20") {
		t.Errorf("without a terminal, status %d:\n%s", status, text)
	}
}

// TestProgressEndsWithItsCommand: a command that fails in the middle leaves nothing of it.
func TestProgressEndsWithItsCommand(t *testing.T) {
	for name, end := range map[string]func(*Session) error{
		"failure": func(*Session) error { return Fail("Failed to work.") },
		"panic":   func(*Session) error { panic("no") },
		"success": func(*Session) error { return nil },
	} {
		opts := testOptions()
		opts.Table = append(opts.Table, progressing(end))
		screen := newVT(80, RunTyped(t.Context(), opts, "work\r", 80, 24)).String()
		if strings.Contains(screen, "of 20") || !strings.Contains(screen, "a line between") {
			t.Errorf("%s: on the screen is\n%s", name, screen)
		}
	}
}
