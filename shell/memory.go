package shell

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"time"
)

// tester is who works in the sessions that RunLines, RunExec and RunTyped make.
var tester = identity{user: "admin", remote: "127.0.0.1", method: methodConsole}

// RunLines works a script in memory as `ssh -T host < script` would be, without the banner: for tests of commands. It
// returns everything that was printed, the last words of standard error included, and the exit status.
func RunLines(ctx context.Context, opts Options, script string) (out string, status int) {
	var b syncBuffer
	s := newSession(&opts, tester, lines)
	s.attach(&b, &b, true)
	return run(s, script, &b, func() int { return s.interact(ctx) })
}

// RunExec works one exec request in memory, with stdin as its standard input.
func RunExec(ctx context.Context, opts Options, line, stdin string) (stdout, stderr string, status int) {
	var b, e syncBuffer
	s := newSession(&opts, tester, exec)
	s.attach(&b, &e, false)
	stdout, status = run(s, stdin, &b, func() int { return s.runExec(ctx, line) })
	return stdout, e.String(), status
}

// RunExecAs is RunExec for a user who came from 127.0.0.1 by passphrase, with that user's role.
func RunExecAs(ctx context.Context, opts Options, user, line, stdin string) (stdout, stderr string, status int) {
	var b, e syncBuffer
	s := newSession(&opts, identity{user: user, remote: "127.0.0.1", method: methodPassword}, exec)
	s.attach(&b, &e, false)
	stdout, status = run(s, stdin, &b, func() int { return s.runExec(ctx, line) })
	return stdout, e.String(), status
}

// RunTypedAs is RunTyped for such a user.
func RunTypedAs(ctx context.Context, opts Options, user, typed string, width, height int) string {
	return runTyped(ctx, opts, identity{user: user, remote: "127.0.0.1", method: methodPassword}, typed, width, height)
}

// run feeds a session and waits for everything that it started.
func run(s *Session, input string, out *syncBuffer, work func() int) (string, int) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		s.typed.pump(strings.NewReader(input), quit)
	}()
	status := work()
	close(quit)
	<-done
	return out.String(), status
}

// RunTyped works a terminal of the given size in memory: typed is everything that the operator types, control keys
// included. It returns what the terminal was sent.
func RunTyped(ctx context.Context, opts Options, typed string, width, height int) string {
	return runTyped(ctx, opts, tester, typed, width, height)
}

func runTyped(ctx context.Context, opts Options, id identity, typed string, width, height int) string {
	var b syncBuffer
	s := newSession(&opts, id, terminal)
	s.attachTerminal(&b, &b, &history{})
	s.scr.resize(uint32(width), uint32(height))
	s.breaks = true
	out, _ := run(s, typed, &b, func() int { return s.interact(ctx) })
	return out
}

// syncBuffer is a buffer that several goroutines may write.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// Asked is a point at which a session in memory waits for a line.
type Asked struct {
	Session   *Session
	Screen    string   // what was printed since the last line
	Prompt    string   // what stands before the cursor
	Main      bool     // the main prompt
	Secret    bool     // nothing would be echoed
	Proposals []string // what completion would offer for an empty answer
}

// RunAnswered works a session in memory in which answer is asked for every line: a person at a terminal who reads before he
// types. An error of answer ends the question as the editor's would: ErrInterrupted is Ctrl-C, io.EOF is Ctrl-D, at the main
// prompt the end. A command that asks nothing for as long as patience is interrupted as by Ctrl-C.
func RunAnswered(ctx context.Context, opts Options, patience time.Duration, answer func(Asked) (string, error)) {
	var b syncBuffer
	s := newSession(&opts, tester, lines)
	s.attach(&b, &b, true)
	s.way = terminal
	in := &answers{s: s, out: &b, answer: answer, patience: patience}
	s.in = in
	s.interact(ctx)
	in.stop()
}

// answers is the input of a session that somebody answers who sees the screen.
type answers struct {
	s        *Session
	out      *syncBuffer
	seen     int
	answer   func(Asked) (string, error)
	patience time.Duration
	timer    *time.Timer
}

func (a *answers) stop() {
	if a.timer != nil {
		a.timer.Stop()
	}
}

func (a *answers) line(ctx context.Context, p prompt) (string, error) {
	a.stop()
	all := a.out.String()
	asked := Asked{Session: a.s, Screen: all[a.seen:], Prompt: p.text, Main: p.history, Secret: p.secret}
	a.seen = len(all)
	if p.complete != nil && !p.history {
		asked.Proposals = p.complete("")
	}
	line, err := a.answer(asked)
	a.timer = time.AfterFunc(a.patience, a.s.interrupt)
	if err != nil {
		return "", err
	}
	if err := checkText(line); err != nil {
		return "", err
	}
	return line, ctx.Err()
}
