package shell

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"time"

	"posthouse/config"
)

// way is how an operator's lines come in.
type way int

const (
	terminal way = iota // a person at a terminal
	lines               // lines on standard input, with prompts
	exec                // one exec request: no prompts, standard input answers
)

// Session is one operator's work: who it is, the candidate that is being edited, and the primitives with which a command
// asks and prints. A command's goroutine owns it; Write and its kin alone may be called from others too.
type Session struct {
	// JSON says that the command in progress was asked for a JSON document.
	JSON bool

	opts    *Options
	id      identity
	account account
	way     way
	in      input
	scr     *screen   // where prompts and, past the filters, output go
	err     io.Writer // where an exec's failures and the last words go

	ctx      context.Context         // of the command in progress
	end      context.CancelCauseFunc // ends ctx
	heed     func() bool             // undoes Endless; nil where the command in progress has an end
	command  *Command                // in progress
	stdout   io.Writer               // of the command in progress
	cand     *config.Candidate
	failed   bool // a command failed since the last Discard
	status   int  // the exit status so far
	jsonMode bool // set json on
	ended    bool // a block ended by itself: a full stop that follows on a line of its own belongs to it

	live    *liveSession // the entry in the server's list; nil in tests
	marked  bool         // the ^C that interrupted the command in progress is shown
	typed   *typeahead   // what the client sent ahead
	keys    *keyReader   // the same as keys of a terminal
	unpaged bool         // set paging off
	breaks  bool         // long messages are broken between words

	mu     sync.Mutex
	cancel func() // ends the command in progress
	reply  reply  // of the command in progress
}

// identity says who is at the other end and how that was proven.
type identity struct {
	user   string
	remote string         // the address without a port, or "console"
	local  netip.AddrPort // where the connection arrived; none at the console
	method string         // "password", "keyboard-interactive", "publickey", "console"
	key    string         // the fingerprint of the proven key

	command string // the only command that the proven key may run; empty: every one of the role's

	secrets secretsOf // of the account that was proven
}

// input is where answers come from.
type input interface {
	// line shows the prompt's last part and returns one line without its ending. Errors: ErrInterrupted, io.EOF for the
	// end of input (Ctrl-D on an empty line too), errTimeout, errGone, or a *failure for a line that cannot be taken.
	line(ctx context.Context, p prompt) (string, error)
}

// prompt is what input.line needs to know of a question.
type prompt struct {
	text     string                     // what stands before the cursor
	secret   bool                       // nothing is echoed
	history  bool                       // the main prompt: the line goes into the history
	complete func(line string) []string // whole words for the last word of line; may be nil
}

func newSession(opts *Options, id identity, w way) *Session {
	return &Session{opts: opts, id: id, account: account{seen: id.secrets}, way: w, ctx: context.Background()}
}

// User is the account's name.
func (s *Session) User() string { return s.id.user }

// Context is that of the command in progress; it ends with Ctrl-C.
func (s *Session) Context() context.Context { return s.ctx }

// Remote is the address that the operator comes from, or "console".
func (s *Session) Remote() string { return s.id.remote }

// Local is the address and port at which the operator's connection arrived; not valid at the console.
func (s *Session) Local() netip.AddrPort { return s.id.local }

// Console says whether the operator came through the unix socket, which admits the machine's owner only.
func (s *Session) Console() bool { return s.id.remote == methodConsole }

// ByPassphrase says whether the operator was let in by passphrase, with or without a code behind it.
func (s *Session) ByPassphrase() bool {
	return s.id.method == methodPassword || s.id.method == methodInteractive
}

// Author names the operator in revisions and conflicts.
func (s *Session) Author() config.Author {
	return config.Author{User: s.id.user, From: s.id.remote}
}

// Interactive says whether a person sits at a terminal.
func (s *Session) Interactive() bool { return s.way == terminal }

// Width is the terminal's width in columns; 0 when there is none or its width is not known.
func (s *Session) Width() int { w, _ := s.scr.size(); return w }

// Height is the terminal's height in rows; 0 when there is none or its height is not known.
func (s *Session) Height() int { _, h := s.scr.size(); return h }

// Candidate is the configuration that this session edits: a copy of the running one, made at the first use.
func (s *Session) Candidate() *config.Config { return s.Uncommitted().Config }

// SetCandidate puts c, which the caller gives away, in the place of the session's candidate.
func (s *Session) SetCandidate(c *config.Config) { s.Uncommitted().Config = c }

// Uncommitted is the candidate with the revision that it is based on, as config.Store.Commit takes it.
func (s *Session) Uncommitted() *config.Candidate {
	if s.cand == nil {
		s.cand = s.opts.Config.Candidate()
	}
	return s.cand
}

// Changes is what a commit would change; empty when nothing was edited.
func (s *Session) Changes() []config.Change {
	if s.cand == nil {
		return nil
	}
	return s.cand.Changes()
}

// Discard forgets the candidate, and that an earlier command failed: clearchanges.
func (s *Session) Discard() { s.cand, s.failed = nil, false }

// Committed is called after the candidate was committed: the next edit begins from what is running then. Who has loaded
// another appliance's users, with the own name among them, goes on under it.
func (s *Session) Committed() {
	if s.cand != nil && s.cand.Base != nil && s.cand.Base.Config != nil {
		if own := secretsIn(s.cand.Config, s.id.user); own != secretsIn(s.cand.Base.Config, s.id.user) {
			s.account.adopt(own)
		}
	}
	s.cand = nil
}

// StartOver forgets the candidate, as Discard does, but not that an earlier command failed: the next edit begins from what
// is running now.
func (s *Session) StartOver() { s.cand = nil }

// Failed says whether an earlier command of this exec request or script failed and clearchanges did not follow. Then a
// plain commit is refused, so that half a change is never put in force. At a terminal it is always false.
func (s *Session) Failed() bool { return s.failed && s.way != terminal }

// MayCommit is the refusal that Failed demands; nil where a commit may go on. force is commit's own word.
func (s *Session) MayCommit(force bool) error {
	if !s.Failed() || force {
		return nil
	}
	return Fail("Error: an earlier command failed, so nothing is committed. Type clearchanges and begin again, or commit force.")
}

// Print prints to the command's output, through its filters and the pager, as fmt.Print does.
func (s *Session) Print(a ...any) { fmt.Fprint(s, a...) }

// Println prints as fmt.Println does.
func (s *Session) Println(a ...any) { fmt.Fprintln(s, a...) }

// Printf prints as fmt.Printf does.
func (s *Session) Printf(format string, a ...any) { fmt.Fprintf(s, format, a...) }

// Write makes the session a writer. Where a document is wanted, it and its kin only keep what is said to people. It returns
// ErrEnough when nobody wants more, which a command that prints much returns, and ErrInterrupted after Ctrl-C.
func (s *Session) Write(b []byte) (int, error) {
	if s.ctx.Err() != nil {
		return 0, ErrInterrupted
	}
	if s.JSON {
		s.keepWords(b)
		return len(b), nil
	}
	return s.stdout.Write(b)
}

// Closing prints, as Printf does, what became of the command until now, even when Ctrl-C has ended it.
func (s *Session) Closing(format string, a ...any) {
	s.markInterrupt()
	if s.JSON {
		s.keepWords(fmt.Appendf(nil, format, a...))
		return
	}
	fmt.Fprintf(s.stdout, format, a...)
}

// Unpaged switches paging off for the rest of the command.
func (s *Session) Unpaged() { s.scr.setPaging(false) }

// Endless says that the command goes on until somebody has seen enough, as tail does: there are no pages, and an appliance
// that stops does not wait for it.
func (s *Session) Endless() {
	s.Unpaged()
	if end := s.end; end != nil && s.opts.stopping != nil && s.heed == nil {
		s.heed = context.AfterFunc(s.opts.stopping, func() { end(errClosing) })
	}
}

// InputEnded is closed once the client sends no more lines, though some that came may not have been asked for: then a
// script that has a command without an end in it goes on.
func (s *Session) InputEnded() <-chan struct{} { return s.typed.ended }

// Hostname is the appliance's name, as the main prompt shows it.
func (s *Session) Hostname() string { return s.opts.hostname() }

// Sessions lists the sessions that are open now, the oldest first.
func (s *Session) Sessions() []SessionInfo {
	if s.opts.sessions == nil {
		info := SessionInfo{User: s.id.user, Remote: s.id.remote, Login: s.opts.now(), What: "cli"}
		info.Changes, info.Objects = s.summary()
		return []SessionInfo{info}
	}
	return s.opts.sessions.list()
}

// SessionInfo is one line of who.
type SessionInfo struct {
	User   string
	Remote string
	Login  time.Time
	Idle   time.Duration // since the last input
	What   string        // "cli", "scp" or "sftp"

	Changes int      // settings that were changed and not committed, as of the last command that has ended
	Objects []string // the objects that they belong to, in order; not to be modified
}

// liveSession is a session's entry in the list of open ones.
type liveSession struct {
	serial int // grows for ever

	mu   sync.Mutex
	info SessionInfo
	last time.Time // the last input
}

// sessionList is every session that is open.
type sessionList struct {
	time func() time.Time

	mu     sync.Mutex
	all    []*liveSession
	serial int
	none   chan struct{} // closed when all is empty, once somebody asked for it
}

func (l *sessionList) add(id identity) *liveSession {
	now := l.time()
	e := &liveSession{last: now, info: SessionInfo{User: id.user, Remote: id.remote, Login: now, What: "cli"}}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.serial++
	e.serial = l.serial
	l.all = append(l.all, e)
	return e
}

func (l *sessionList) remove(e *liveSession) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.all {
		if l.all[i] == e {
			l.all = append(l.all[:i:i], l.all[i+1:]...)
			break
		}
	}
	l.tellEmpty()
}

// empty returns a channel that is closed when no session is open any more.
func (l *sessionList) empty() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.none = make(chan struct{})
	none := l.none
	l.tellEmpty()
	return none
}

func (l *sessionList) tellEmpty() {
	if l.none != nil && len(l.all) == 0 {
		close(l.none)
		l.none = nil
	}
}

func (l *sessionList) list() []SessionInfo {
	now := l.time()
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]SessionInfo, 0, len(l.all))
	for _, e := range l.all {
		e.mu.Lock()
		info := e.info
		info.Idle = now.Sub(e.last)
		e.mu.Unlock()
		out = append(out, info)
	}
	return out
}

// active notes input at t.
func (e *liveSession) active(t time.Time) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last = t
}

// called says what who shows of the session instead of cli.
func (e *liveSession) called(what string) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.info.What = what
}

// uncommitted notes what the session has changed and not committed.
func (e *liveSession) uncommitted(changes int, objects []string) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.info.Changes, e.info.Objects = changes, objects
}

// number is what the logs call the session.
func (e *liveSession) number() int {
	if e == nil {
		return 0
	}
	return e.serial
}
