package commands

import (
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"posthouse/config"
	"posthouse/mta/alert"
	"posthouse/shell"
)

// notTyped are the commands that the typist below leaves alone, and why. Every other command of the table is typed, a new
// one by itself.
var notTyped = map[string]string{
	"exit":     "it ends the session",
	"tail":     "it ends only with Ctrl-C",
	"rate":     "it ends only with Ctrl-C",
	"hostrate": "it ends only with Ctrl-C",
	"telnet":   "what is typed goes to the peer",
}

const (
	answersMost = 80      // of one command, then the typist presses Ctrl-C
	screenMost  = 4 << 20 // bytes that one command prints
	noAnswer    = 2 * time.Second
)

// vocabulary is what the typist knows beside what is on the screen.
var vocabulary = []string{
	"", "", "", "y", "n", "1", "2", "3", "0", "-1", "25", "2525", "99999999999999999999", "all", "ALL", "default", "none", "on", "off", ".", "..", "?",
	"example.com", ".example.com", "partner.example", "mail.example.com", "InboundMail", "OutboundMail", "Management", "Demo", "Third", "NEW",
	"192.0.2.1", "192.0.2.0/24", "2001:db8::1", "[192.0.2.1]:25", "127.0.0.1:5353", "10/mx.example", "USEDNS", "/dev/null",
	"user@example.com", "user@", "@", "admin", "operator", "a comment of several words", "\"", "'", "\\", "%s%n", "../../etc/passwd",
	"changed.xml", "file.pem", "tls", "required", "required-verify", "preferred", "no", "certificate", "port", "list", "new", "edit", "delete", "print",
	"show", "setup", "commit", "-y", "--json", "force", "check", "at", "+5m", "running", "rollback", "détail", "日本", "\u202e", strings.Repeat("x", 300),
	"$TRUSTED", "RELAYLIST", "REJECT", "public", "private", "secret password 1", "0.0.0.0/0", "::/0", "*.example.com", "https://ca.example/dir",
}

var (
	menuLine   = regexp.MustCompile(`(?m)^- ([A-Z0-9-]+) - `)
	choice     = regexp.MustCompile(`(?m)^([0-9]+)\. `)
	batchWord  = regexp.MustCompile(`[A-Za-z0-9_-]+`)
	likePrompt = regexp.MustCompile(`(?m)^[A-Za-z0-9.\[\]() -]*[A-Za-z0-9.\[\])-] ?[>#] ?$`)
	failing    = regexp.MustCompile(`(?m)^(Error:|Invalid|Failed to|Unable to|No such file|Unknown)`)
)

// typist types commands and answers at random, reads what comes and holds it to the rules of the interface.
type typist struct {
	*bench
	r      *rand.Rand
	left   int // commands to be typed
	before *config.Config
	typed  []string // the command in progress and its answers
	screen strings.Builder
	asked  int

	mu      sync.Mutex
	results []string // of cli_logs
	faults  []string // of system_logs
}

func newTypist(t *testing.T, seed uint64, commands int) *typist {
	p := &typist{bench: newBench(t), r: rand.New(rand.NewPCG(seed, 1)), left: commands}
	p.a.Alerts = alertNotes{{Alert: alert.Alert{Class: alert.System, Severity: alert.Warning, Subject: "a subject", Text: "a text"}}}
	p.opts.Table = Table(p.a)
	p.opts.Audit = func(line string) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if _, result, ok := strings.Cut(line, " ended: "); ok {
			p.results = append(p.results, result)
		}
	}
	p.opts.System = func(line string) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.faults = append(p.faults, line)
	}
	return p
}

func (p *typist) answer(q shell.Asked) (string, error) {
	p.screen.WriteString(q.Screen)
	if q.Main {
		p.check(q.Session)
		return p.command(q.Session)
	}
	if p.asked++; p.asked > answersMost+1 {
		p.t.Fatalf("Ctrl-C does not end it:\n%s", p.story())
	}
	if p.asked > answersMost {
		p.typed = append(p.typed, "^C")
		return "", shell.ErrInterrupted
	}
	line, err := p.choose(q)
	if err != nil {
		p.typed = append(p.typed, "^"+err.Error())
	} else {
		p.typed = append(p.typed, line)
	}
	return line, err
}

// choose answers a question: mostly with something that is on the screen, so that the typist gets somewhere.
func (p *typist) choose(q shell.Asked) (string, error) {
	switch n := p.r.IntN(100); {
	case n < 2:
		return "", shell.ErrInterrupted
	case n < 3:
		return "", io.EOF
	case strings.HasSuffix(q.Prompt, "[Y]> ") || strings.HasSuffix(q.Prompt, "[N]> "):
		return p.one("y", "y", "n", "", "maybe"), nil
	case q.Secret:
		return p.one(benchPassphrase, "a new passphrase", "a new passphrase", "", "x"), nil
	}
	var offered []string
	for _, pattern := range []*regexp.Regexp{menuLine, choice} {
		for _, m := range pattern.FindAllStringSubmatch(q.Screen, -1) {
			offered = append(offered, m[1])
		}
	}
	offered = append(offered, q.Proposals...)
	if len(offered) > 0 && p.r.IntN(4) > 0 {
		return p.one(offered...), nil
	}
	return p.one(vocabulary...), nil
}

func (p *typist) one(words ...string) string { return words[p.r.IntN(len(words))] }

// command types the next command: bare, so that it asks, or with the words of one of its batch forms, or with any.
func (p *typist) command(s *shell.Session) (string, error) {
	if p.left--; p.left < 0 {
		return "", io.EOF
	}
	var cmd *shell.Command
	for cmd == nil || notTyped[cmd.Name] != "" {
		cmd = p.opts.Table[p.r.IntN(len(p.opts.Table))]
	}
	line := cmd.Name
	switch form := ""; p.r.IntN(4) {
	case 0, 1:
	case 2:
		if len(cmd.Batch) > 0 {
			form = cmd.Batch[p.r.IntN(len(cmd.Batch))]
		}
		for i, word := range batchWord.FindAllString(form, 8) {
			switch {
			case i == 0:
			case strings.ToUpper(word) == word || p.r.IntN(8) == 0:
				line += " " + quoted(p.one(vocabulary...))
			default:
				line += " " + word
			}
		}
	default:
		for range 1 + p.r.IntN(4) {
			line += " " + quoted(p.one(vocabulary...))
		}
	}
	p.before = s.Candidate().Clone()
	p.typed, p.asked = []string{line}, 0
	p.screen.Reset()
	return line, nil
}

func quoted(word string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(word) + `"`
}

// check holds the command that has ended to the rules.
func (p *typist) check(s *shell.Session) {
	if p.before == nil {
		return
	}
	p.mu.Lock()
	results, faults := p.results, p.faults
	p.results, p.faults = nil, nil
	p.mu.Unlock()
	text := p.screen.String()
	if len(faults) > 0 {
		p.t.Fatalf("a fault: %s\n%s", strings.Join(faults, "\n"), p.story())
	}
	result := "not understood"
	if len(results) > 0 {
		result = results[0]
	}
	after := s.Candidate()
	if err := firstNewFault(p.before, after); err != nil {
		p.t.Errorf("the candidate has become invalid: %v\n%s", err, p.story())
	}
	if result != "ok" && !same(p.before, after) {
		p.t.Errorf("%s, and the candidate is not what it was:\n%s%s", result, config.FormatChanges(config.Diff(p.before, after)), p.story())
	}
	if result == "failed" && !failing.MatchString(text) {
		p.t.Errorf("it failed, and no line says so in the usual words:\n%s", p.story())
	}
	if result == "ok" && p.asked == 0 && failing.MatchString(text) && !strings.Contains(p.typed[0], "help") {
		p.t.Errorf("it succeeded, and a line says otherwise:\n%s", p.story())
	}
	if len(text) > screenMost {
		p.t.Errorf("it prints %d bytes:\n%s", len(text), p.story())
	}
	if line := likePrompt.FindString(text); line != "" {
		p.t.Errorf("the line %q looks like a prompt:\n%s", line, p.story())
	}
}

// same says whether two configurations are the same in the form in which they are committed.
func same(a, b *config.Config) bool {
	a, b = a.Clone(), b.Clone()
	a.Normalize()
	b.Normalize()
	return reflect.DeepEqual(a, b)
}

// story is what was typed and what came, the end of it where it is long.
func (p *typist) story() string {
	text := p.screen.String()
	if len(text) > 4000 {
		text = "..." + text[len(text)-4000:]
	}
	return fmt.Sprintf("typed: %q\nscreen:\n%s", p.typed, text)
}

func typeAtRandom(t *testing.T, seed uint64, commands int) {
	p := newTypist(t, seed, commands)
	shell.RunAnswered(t.Context(), p.opts, noAnswer, p.answer)
}

// Whatever is answered, in whatever order: the candidate is valid or unchanged, failures say so, everything ends.
func TestDialoguesWithRandomAnswers(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { typeAtRandom(t, seed, 300) })
	}
}

func FuzzDialogues(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { typeAtRandom(t, seed, 60) })
}

// The list of what is not typed names no command that is gone.
func TestNotTyped(t *testing.T) {
	table := newBench(t).opts.Table
	for name := range notTyped {
		if !slices.ContainsFunc(table, func(c *shell.Command) bool { return c.Name == name }) {
			t.Errorf("there is no command %s", name)
		}
	}
}
