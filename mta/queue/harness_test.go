package queue

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"posthouse/config"
	"posthouse/internal/eventlog"
	"posthouse/mta/maillog"
	"posthouse/mta/spool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a spool in memory that says in which order things were asked of it.
type memory struct {
	mu       sync.Mutex
	messages map[uint64]spool.Message
	trace    []string
	fail     error // of Update
	loose    bool  // some update is not synced
}

func (m *memory) Messages(do func(spool.Message) error) error {
	for _, msg := range m.messages {
		if err := do(msg); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) Message(mid uint64) (spool.Message, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	msg, ok := m.messages[mid]
	if !ok {
		return spool.Message{}, spool.ErrNotFound
	}
	msg.States = slices.Clone(msg.States)
	return msg, nil
}

// put keeps a message as the spool would.
func (m *memory) put(msg spool.Message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	msg.States = slices.Clone(msg.States)
	m.messages[msg.MID] = msg
}

func (m *memory) note(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.trace = append(m.trace, fmt.Sprintf(format, args...))
}

func (m *memory) Update(mid uint64, updates ...spool.Update) (finished bool, err error) {
	for _, u := range updates {
		m.note("update %d/%d done=%v attempts=%d", mid, u.RID, u.Done, u.Attempts)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return false, m.fail
	}
	msg, ok := m.messages[mid]
	if !ok {
		return false, spool.ErrNotFound
	}
	m.loose = true
	for _, u := range updates {
		for i, r := range m.messages[mid].Recipients {
			if st := &m.messages[mid].States[i]; r.RID == u.RID {
				u.Done, u.Via = u.Done || st.Done, cmp.Or(u.Via, st.Via)
				*st = u.State
			}
		}
	}
	for _, st := range msg.States {
		if !st.Done {
			return false, nil
		}
	}
	m.trace = append(m.trace, fmt.Sprintf("remove %d", mid))
	delete(m.messages, mid)
	return true, nil
}

func (m *memory) breakWith(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

func (m *memory) Sync() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.loose = false
	return nil
}

func (m *memory) Discard(mid uint64) error {
	m.note("discard %d", mid)
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.messages, mid)
	return nil
}

func (m *memory) SetAside(mid uint64, reason string) error {
	m.note("set aside %d: %s", mid, reason)
	return nil
}

// notices is a Bouncer that remembers what it was told.
type notices struct {
	*memory
	next uint64
	fail error

	failed, late []string  // the recipients of the latest bounce, and those of each warning behind its message
	tried        time.Time // the last attempt that a bounce tells of
	how          Notice    // of the latest bounce
}

func (n *notices) Bounce(env *spool.Envelope, failed []Failed, how Notice) (spool.Message, error) {
	n.mu.Lock()
	fail := n.fail
	if fail == nil {
		n.failed, n.how = nil, how
		for _, f := range failed {
			n.failed, n.tried = append(n.failed, f.Address), f.At
		}
	}
	n.mu.Unlock()
	if fail != nil {
		return spool.Message{}, fail
	}
	n.note("bounce %d to %s: %s", env.MID, how.To, failed[0].Failure.Text())
	return n.letterTo(how), nil
}

func (n *notices) Delay(env *spool.Envelope, late []Failed, until time.Time, how Notice) (spool.Message, error) {
	warning := fmt.Sprint(env.MID)
	for _, f := range late {
		warning += " " + f.Address
	}
	n.mu.Lock()
	n.late = append(n.late, warning)
	n.mu.Unlock()
	n.note("delay %d to %s until %s", env.MID, how.To, until.UTC().Format("15:04"))
	return n.letterTo(how), nil
}

func (n *notices) Success(env *spool.Envelope, reached []Reached, how Notice) (spool.Message, error) {
	n.mu.Lock()
	fail := n.fail
	n.mu.Unlock()
	if fail != nil {
		return spool.Message{}, fail
	}
	for _, r := range reached {
		n.note("success %d of %s to %s: %d %s", env.MID, r.Address, how.To, r.Handover, r.Response)
	}
	return n.letterTo(how), nil
}

func (n *notices) breakWith(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.fail = err
}

func (n *notices) letterTo(how Notice) spool.Message {
	n.mu.Lock()
	n.next++
	mid := n.next
	n.mu.Unlock()
	m := letter(mid, "", how.To)
	n.put(m)
	return m
}

func letter(mid uint64, sender string, to ...string) spool.Message {
	env := spool.Envelope{MID: mid, Sender: sender, Received: time.Now()}
	for i, a := range to {
		env.Recipients = append(env.Recipients, spool.Recipient{RID: i, Address: a})
	}
	return spool.Message{Envelope: env, States: make([]spool.State, len(to))}
}

// delivery is a Deliverer made of a function.
type delivery func(ctx context.Context, t *Trip)

func (d delivery) Deliver(ctx context.Context, t *Trip) { d(ctx, t) }

// bench is a queue that runs in a bubble of synctest.
type bench struct {
	*Queue
	spool   *memory
	notices *notices
	conf    *config.Config
	start   time.Time
	stop    func() error
	lines   func() []string

	mu   sync.Mutex
	told []string // faults
}

// Add is the queue's, for a message that the spool holds.
func (b *bench) Add(m spool.Message) {
	b.spool.put(m)
	b.Queue.Add(m)
}

// recipients are all that fit.
func (b *bench) recipients(t *testing.T, f Filter) []RecipientInfo {
	t.Helper()
	var list []RecipientInfo
	if err := b.Recipients(t.Context(), f, func(r RecipientInfo) error { list = append(list, r); return nil }); err != nil {
		t.Fatal(err)
	}
	return list
}

func (b *bench) faults() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.told)
}

// run starts a queue in the present bubble.
func run(t *testing.T, d delivery, change ...func(*bench, *Options)) *bench {
	t.Helper()
	dir := t.TempDir()
	log, err := eventlog.Open(eventlog.Options{Dir: dir, Name: "mail_logs", File: "mail", Type: "Text Mail Logs"})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{spool: &memory{messages: map[uint64]spool.Message{}}, conf: testConfig(), start: time.Now()}
	b.notices = &notices{memory: b.spool, next: 1000}
	opt := Options{
		Config: func() *config.Config { return b.conf }, Spool: b.spool, Log: maillog.New(log), Deliverer: d, Bouncer: b.notices,
		Random: func() float64 { return 0 }, Linger: -1,
		Fault: func(what string, err error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.told = append(b.told, what+": "+err.Error())
		},
	}
	for _, f := range change {
		f(b, &opt)
	}
	b.Queue = New(opt)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	b.stop = sync.OnceValue(func() error {
		cancel()
		err := <-done
		log.Close()
		return err
	})
	b.lines = func() []string {
		b.stop()
		return readLog(t, dir)
	}
	t.Cleanup(func() { b.stop() })
	<-b.Loaded()
	return b
}

// readLog returns the texts of all lines but the head's and the end's.
func readLog(t *testing.T, dir string) []string {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(dir, "mail_logs", "*.s"))
	var lines []string
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			_, text, _ := strings.Cut(strings.TrimSpace(line), " Info: ")
			if !strings.HasPrefix(text, "Begin") && !strings.HasPrefix(text, "Version") && !strings.HasPrefix(text, "Time offset") && !strings.HasPrefix(text, "End") {
				lines = append(lines, text)
			}
		}
	}
	return lines
}

// pause lets time go by in the bubble, and then everything that this set off.
func pause(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func compare(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n  %s\nwant:\n  %s", what, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// The failures that a host may have.
var (
	refused   = &Failure{Class: "4.4.0", Cause: "N3", Remote: "mx.one.example", Lines: []string{"[Errno 61] Connection refused"}}
	silent    = &Failure{Class: "4.4.0", Cause: "N4", Remote: "mx.one.example", Lines: []string{"[Errno 60] Operation timed out"}}
	unmatched = &Failure{Class: "4.4.0", Cause: "D1", Remote: "mx.one.example", Lines: []string{"no TLSA record matches"}}
)
