package commands

import (
	"flag"
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

	"posthouse/certstore"
	"posthouse/config"
	"posthouse/mta/alert"
	"posthouse/mta/tlsreport"
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
	example    = regexp.MustCompile(`\(Ex: "?([^") ]+)`)
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
	p.a.Reports = &reportNotes{received: []tlsreport.Received{{}}}
	p.opts.Table = Table(p.a)
	for name, data := range p.files() {
		if err := writeFile(p.a, name, data); err != nil {
			t.Fatal(err)
		}
	}
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

// files are what lies in the folder of the operators' files.
func (p *typist) files() map[string][]byte {
	pair, err := certstore.Create(certstore.Request{CommonName: "mx.example.com", Days: 30})
	if err != nil {
		p.t.Fatal(err)
	}
	bundle, err := certstore.ExportPKCS12(pair, "p")
	if err != nil {
		p.t.Fatal(err)
	}
	table := config.DefaultHostAccess(config.Public)
	return map[string][]byte{"bundle.p12": bundle, "hat.txt": []byte(table.Text()), "new.txt": []byte("partner.example\n"), "pair.pem": {0x30, 0x82}}
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

// choose answers a question: mostly with something that is on the screen or fits what is asked for, so that the typist gets
// somewhere.
func (p *typist) choose(q shell.Asked) (string, error) {
	switch n := p.r.IntN(100); {
	case n < 2:
		return "", shell.ErrInterrupted
	case n < 3:
		return "", io.EOF
	case n < 15:
		return p.one(vocabulary...), nil
	case strings.HasSuffix(q.Prompt, "[Y]> ") || strings.HasSuffix(q.Prompt, "[N]> "):
		return p.one("y", "y", "n", "", "maybe"), nil
	case q.Secret:
		return p.one(benchPassphrase, "a new passphrase", "a new passphrase", "", "x"), nil
	}
	var offered []string
	for _, pattern := range []*regexp.Regexp{menuLine, choice, example} {
		for _, m := range pattern.FindAllStringSubmatch(q.Screen, -1) {
			offered = append(offered, m[1])
		}
	}
	offered = append(offered, q.Proposals...)
	if q.Prompt != "[]> " && q.Prompt != "> " {
		offered = append(offered, "") // the default
	}
	if len(offered) == 0 || p.r.IntN(5) == 0 {
		offered = append(offered, p.fitting(q.Screen)...)
	}
	return p.one(append(offered, "")...), nil
}

// words fit what a question, or a placeholder of a batch form, asks for; the first that is found in it counts.
var words = []struct {
	about string
	fit   []string
}{
	{"email", []string{"ops@example.com", "admin@partner.example"}},
	{"passphrase", []string{"p", benchPassphrase}},
	{"file", []string{"pair.pem", "bundle.p12", "hat.txt", "new.txt", "missing.txt"}},
	{"port", []string{"25", "2527", "0", "587"}},
	{"url", []string{"http://crl.example/list.crl"}},
	{"certificate", []string{"Demo", "partner"}}, {"cert", []string{"Demo", "partner"}}, {"profile", []string{"Default", "Short", "Demo", "partner"}},
	{"listener", []string{"InboundMail", "OutboundMail", "Third"}}, {"interface", []string{"Management", "Data1"}},
	{"destination host", []string{"mx.example", "192.0.2.7", "[192.0.2.7]:2525, mx.example"}},
	{"domain", []string{"partner.example", ".example.com", "a.example"}}, {"host", []string{"mx.example.com", "partner.example"}},
	{"recipient", []string{"example.com", "user@", "user@example.com", "ALL"}}, {"address", []string{"192.0.2.9", "::1", "ops@example.com"}},
	{"ip", []string{"192.0.2.9", "2001:db8::9"}}, {"group", []string{"RELAYLIST", "MYGROUP"}}, {"policy", []string{"TRUSTED", "MYPOLICY"}},
	{"member", []string{"192.0.2.0/24", ".example.com"}}, {"time", []string{"+5m", "03:00"}}, {"role", []string{"admin", "operator", "guest"}},
	{"name", []string{"Third", "partner", "Data1", "Short"}}, {"minutes", []string{"5", "60"}}, {"seconds", []string{"60", "3600"}},
	{"number", []string{"1", "10", "100"}}, {"how many", []string{"1", "10"}}, {"size", []string{"10M", "1024"}},
}

func (p *typist) fitting(text string) []string {
	text = strings.ToLower(text)
	if i := strings.LastIndexByte(strings.TrimRight(text, "\n"), '\n'); i >= 0 && len(text)-i > 12 {
		text = text[i:] // the question itself
	}
	for _, w := range words {
		if strings.Contains(text, w.about) {
			return w.fit
		}
	}
	return vocabulary
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
	switch n := p.r.IntN(8); {
	case n < 4 || len(cmd.Batch) == 0:
	case n < 7:
		line = p.batch(cmd.Batch[p.r.IntN(len(cmd.Batch))])
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

// batch makes a line of a batch form: of alternatives one, for a placeholder something that fits, and what is optional
// sometimes.
func (p *typist) batch(form string) string {
	var line []string
	skip := false
	for i, part := range strings.Fields(form) {
		if strings.HasPrefix(part, "[") {
			skip = p.r.IntN(2) == 0
		}
		if !skip {
			bare := p.one(strings.Split(strings.Trim(part, `[]"`), "|")...)
			switch {
			case i == 0:
			case p.r.IntN(12) == 0:
				bare = quoted(p.one(vocabulary...))
			case strings.Contains(bare, "="):
				key, value, _ := strings.Cut(bare, "=")
				bare = quoted(key + "=" + p.word(value))
			case bare == "key":
				continue
			default:
				bare = quoted(p.word(bare))
			}
			line = append(line, bare)
		}
		if strings.HasSuffix(part, "]") {
			skip = false
		}
	}
	return strings.Join(line, " ")
}

// word is what a word of a batch form stands for: itself, or something for a placeholder.
func (p *typist) word(of string) string {
	if of == "" || of != strings.ToUpper(of) && of != "..." && of != "value" {
		return of
	}
	if n := len(of); n == 1 {
		return p.one("1", "2", "10")
	}
	return p.one(p.fitting(of)...)
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

var dialogues = flag.Uint64("dialogues", 2, "how many sessions are typed at random")

// Whatever is answered, in whatever order: the candidate is valid or unchanged, failures say so, everything ends.
func TestDialoguesWithRandomAnswers(t *testing.T) {
	for seed := range *dialogues {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { typeAtRandom(t, seed, 200) })
	}
}

func FuzzDialogues(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { typeAtRandom(t, seed, 20) })
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
