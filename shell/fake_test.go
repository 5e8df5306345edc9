package shell

import (
	"context"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"posthouse/config"
	"posthouse/internal/localtime"
)

func TestMain(m *testing.M) {
	localtime.Set(time.UTC)
	goleak.VerifyTestMain(m)
}

// fakeStore is a configuration that commands of these tests edit; only the host name counts.
type fakeStore struct {
	mu   sync.Mutex
	snap *config.Snapshot
}

func (f *fakeStore) set(c *config.Config) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.snap = &config.Snapshot{Config: c}
}

func newStore() *fakeStore {
	c := &config.Config{
		Hostname: "mail.example.com",
		Users:    map[string]*config.User{"admin": {FullName: "Administrator", Role: "admin"}},
		Refs:     map[string]string{},
	}
	return &fakeStore{snap: &config.Snapshot{Config: c}}
}

func (f *fakeStore) Running() *config.Snapshot {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.snap
}

func (f *fakeStore) Candidate() *config.Candidate {
	snap := f.Running()
	return &config.Candidate{Base: snap, Config: snap.Config.Clone()}
}

// testOptions has a small table of commands that use every primitive.
func testOptions() Options {
	return Options{Table: append(Builtins(), testTable()...), Config: newStore(), Version: "1.0.0", Build: "001"}
}

func testTable() []*Command {
	return []*Command{
		{Name: "version", Summary: "Show the version.", Documents: []Document{{For: "version", Value: map[string]string{}}}, Run: func(_ context.Context, s *Session, args []string) error {
			if s.JSON {
				return s.PrintJSON(map[string]string{"version": "1.0.0"})
			}
			s.Println("Version: 1.0.0")
			return nil
		}},
		{Name: "rename", Summary: "Change the host name.", Commit: true, Run: func(_ context.Context, s *Session, args []string) error {
			name, err := s.Ask(Question{Text: "New name:", Default: s.Candidate().Hostname, Check: func(a string) error {
				if len(a) < 3 {
					return Fail("enter at least three letters.")
				}
				return nil
			}})
			if err != nil {
				return err
			}
			s.Candidate().Hostname = name
			sure, err := s.YesNo("Are you sure?", false)
			if err != nil {
				return err
			}
			if !sure {
				return Fail("Error: left as it was.")
			}
			s.Println("Now", name)
			return nil
		}},
		{Name: "form", Batch: []string{"form x NUMBER [WORD]", "form y NUMBER", "form y [WORD] NUMBER"}, Run: func(_ context.Context, _ *Session, args []string) error {
			return Misformed("Invalid command: something is missing behind form %s", args[0])
		}},
		{Name: "only", Run: func(_ context.Context, s *Session, _ []string) error {
			_, err := s.Choose("", []string{"Apple"}, 0)
			return err
		}},
		{Name: "menu", Summary: "A menu.", Run: testMenu},
		{Name: "commit", Summary: "Commit.", Run: func(_ context.Context, s *Session, args []string) error {
			if err := s.MayCommit(len(args) > 0 && args[0] == "force"); err != nil {
				return err
			}
			if len(s.Changes()) == 0 {
				s.Println("There is no data to commit.")
				return nil
			}
			s.Committed()
			s.Println("Changes committed")
			return nil
		}},
		{Name: "clearchanges", Aliases: []string{"clear"}, Summary: "Clear.", Run: func(_ context.Context, s *Session, _ []string) error {
			s.Discard()
			return nil
		}},
		{Name: "suspend", Summary: "Suspend.", WholeWord: true, Run: func(context.Context, *Session, []string) error { return nil }},
		{Name: "say", Summary: "Print the arguments, one a line.", Run: func(_ context.Context, s *Session, args []string) error {
			for _, a := range args {
				s.Println(a)
			}
			return nil
		}},
		{Name: "fail", Summary: "Fail with the argument.", Run: func(_ context.Context, s *Session, args []string) error {
			return Fail("%s", args[0])
		}},
		{Name: "report", Summary: "Print three lines and fail.", Run: func(_ context.Context, s *Session, _ []string) error {
			s.Println("one\ntwo\nthree")
			return Fail("Failed to report.")
		}},
		{Name: "many", Summary: "Print 100 lines.", Run: func(_ context.Context, s *Session, _ []string) error {
			for i := range 100 {
				if _, err := s.Write([]byte("line " + string(rune('a'+i%26)) + " of it\n")); err != nil {
					return err
				}
			}
			return nil
		}},
		{Name: "secret", Summary: "Ask a secret.", Run: func(_ context.Context, s *Session, _ []string) error {
			a, err := s.Secret("Passphrase:")
			if err != nil {
				return err
			}
			s.Println("It has", len(a), "bytes")
			return nil
		}},
		{Name: "block", Summary: "Read a block.", Run: func(_ context.Context, s *Session, _ []string) error {
			a, err := s.Block("Paste text (end with '.'):")
			if err != nil {
				return err
			}
			s.Printf("Got %q\n", a)
			return nil
		}},
		{Name: "input", Summary: "Read the input.", Run: func(_ context.Context, s *Session, _ []string) error {
			a, err := s.Input()
			if err != nil {
				return err
			}
			s.Printf("Got %d bytes\n", len(a))
			return nil
		}},
		{Name: "wait", Summary: "Wait until interrupted.", Run: func(ctx context.Context, s *Session, _ []string) error {
			s.Println("Press Ctrl-C to stop.")
			<-ctx.Done()
			s.Println("Not shown.")
			s.Closing("Waited until interrupted.\n")
			return ctx.Err()
		}},
		{Name: "follow", Summary: "Go on until somebody has seen enough.", Run: func(ctx context.Context, s *Session, _ []string) error {
			s.Endless()
			s.Println("It goes on.")
			<-ctx.Done()
			return nil
		}},
		{Name: "crash", Summary: "Panic.", Run: func(context.Context, *Session, []string) error { panic("as ordered") }},
	}
}

func testMenu(_ context.Context, s *Session, _ []string) error {
	count := 0
	return s.Menu(Menu{
		State: func() { s.Println("Count is", count) },
		Items: []MenuItem{
			{Keyword: "NEW", What: "Count one more.", Do: func(context.Context) error { count++; return nil }},
			{Keyword: "CHOOSE", What: "Choose a colour.", Do: func(context.Context) error {
				n, err := s.Choose("Colours:", []string{"Red", "Green"}, 1)
				if err == nil {
					s.Println("Chosen", n)
				}
				return err
			}},
			{Keyword: "FAIL", What: "Fail.", Do: func(context.Context) error { return Fail("Unable to do that.") }},
		},
	})
}

func runLines(t *testing.T, script string) (string, int) {
	t.Helper()
	return RunLines(t.Context(), testOptions(), script)
}
