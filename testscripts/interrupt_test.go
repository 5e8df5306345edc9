package testscripts

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// asking are the ends of output at which an answer is waited for, or Ctrl-C.
var asking = regexp.MustCompile(`(?s)(\[[^\n]*\]> |\n> |(?i:pass ?(phrase|word)|base64|code)[^\n]*[:?] |\(end with '\.'\):\s*|blank line to finish\.\s*|-Press Any Key For More-|(Press Ctrl-C to stop|Hit Ctrl-C to return to the main prompt)\..*)$`)

const mainPrompt = "\r\nmail.example.com> "

// keyword is a line of a menu, option a line of a numbered choice.
var (
	keyword = regexp.MustCompile(`(?m)^- ([A-Z0-9-]+) - `)
	option  = regexp.MustCompile(`(?m)^\d+\. (.*?)\r$`)
	bracket = regexp.MustCompile(`(\[[^\n]*\])?>$`) // the end of a prompt
)

// answers are what is tried at a question without a default, by words of the question; the first that fits is taken.
var answers = []struct {
	question *regexp.Regexp
	tries    []string
}{
	{regexp.MustCompile(`(?i)\.pem|pkcs|certificate authorit|import`), []string{"ca.pem", "table", "mx.p12"}},
	{regexp.MustCompile(`(?i)key.*\(end with`), []string{"nonsense\r.", "FILE mx.key"}},
	{regexp.MustCompile(`\(end with`), []string{"nonsense\r.", "FILE mx.pem"}},
	{regexp.MustCompile(`blank line to finish`), []string{"nonsense\r"}},
	{regexp.MustCompile(`(?i)pass ?(phrase|word)`), []string{"correct horse battery 9"}},
	{regexp.MustCompile(`(?i)mask|netmask|port|number|how many|seconds|max|limit`), []string{"24", "60", "10M"}},
	{regexp.MustCompile(``), []string{"InboundMail", "old.example", "Demo", "192.0.2.77", "mail_logs", "profile"}},
}

// inEarnest do at once what is confirmed: they are never told y.
var inEarnest = []string{"reboot", "rollbackconfig", "shutdown"}

// dialogue explores the questions of one command, on a path of answers each.
type dialogue struct {
	p       *typist
	command string
	seen    map[string]bool
	todo    [][]string
}

// interruptsVerb is "interrupts NAME MINIMUM": walk through the dialogues of every command that help lists, and press
// Ctrl-C at every question found on the way. The main prompt must be back each time, and nothing changed. At least
// MINIMUM questions must be found.
func interruptsVerb(ts *testscript.TestScript, neg bool, args []string) {
	minimum, err := strconv.Atoi(args[1])
	ts.Check(err)
	p := sitDown(ts, "132x2000", "ssh", "-tt", args[0])
	defer p.leave()
	ts.Check(p.see(mainPrompt))
	found := 0
	for _, name := range p.commands() {
		if name == "exit" {
			continue
		}
		d := &dialogue{p: p, command: name, seen: map[string]bool{}, todo: [][]string{nil}}
		for len(d.todo) > 0 {
			path := d.todo[0]
			d.todo = d.todo[1:]
			d.walk(path)
		}
		ts.Logf("%s: %d questions", name, len(d.seen))
		found += len(d.seen)
	}
	if found < minimum {
		ts.Fatalf("Ctrl-C was pressed at %d questions, not at %d", found, minimum)
	}
}

// commands lists the names that help has.
func (p *typist) commands() []string {
	p.ts.Check(p.press("help\r"))
	p.ts.Check(p.see(mainPrompt))
	var names []string
	for _, line := range strings.Split(p.part, "\r\n")[1:] {
		if name, _, ok := strings.Cut(line, "  "); ok {
			names = append(names, name)
		}
	}
	return names
}

// walk gives the answers of path, presses Ctrl-C at the question behind them, and notes where it could go on from there.
func (d *dialogue) walk(path []string) {
	question, here := d.follow(path)
	if here {
		key := lastKeyword(path) + " / " + question.name
		if len(question.keywords) > 0 {
			key = strings.Join(question.keywords, " ")
		}
		if !d.seen[key] {
			d.seen[key] = true
			d.ahead(path, question)
		}
		d.try(d.p.press("\x03"), path)
		d.try(d.p.see("^C\r\n"), path)
		d.try(d.p.see(mainPrompt), path)
		// ping still says how many answers came, as anybody expects of it.
		if d.p.part != mainPrompt && !strings.Contains(d.p.part, " ping statistics ---\r\n") {
			d.p.ts.Fatalf("%s %q: after Ctrl-C at %q comes\n%s", d.command, path, question.name, d.p.part)
		}
	}
	d.try(d.p.press("showchanges\r"), path)
	d.try(d.p.see(mainPrompt), path)
	if strings.Contains(d.p.part, "There are no changes.") {
		return
	}
	if here {
		d.p.ts.Fatalf("%s %q: after Ctrl-C at %q there are changes:\n%s", d.command, path, question.name, d.p.part)
	}
	d.try(d.p.press("clearchanges -y\r"), path)
	d.try(d.p.see(mainPrompt), path)
}

func (d *dialogue) try(err error, path []string) {
	if err != nil {
		d.p.ts.Fatalf("%s %q: %v", d.command, path, err)
	}
}

// asked is a question as the terminal shows it.
type asked struct {
	name     string   // what tells it from others
	keywords []string // of a menu
	options  int      // of a numbered choice
	text     string   // all that was shown since the last answer
}

// follow gives the answers of path. It is false where they end the command.
func (d *dialogue) follow(path []string) (asked, bool) {
	text := ""
	for _, answer := range append([]string{d.command}, path...) {
		if file, ok := strings.CutPrefix(answer, "FILE "); ok {
			answer = strings.ReplaceAll(d.p.ts.ReadFile(file), "\n", "\r") + "."
		}
		d.try(d.p.press(answer+"\r"), path)
		end := false
		d.try(d.p.until(func(unread string) int {
			if end = strings.HasSuffix(unread, mainPrompt); end || asking.MatchString(unread) {
				return len(unread)
			}
			return -1
		}), path)
		text = d.p.part
		if end {
			return asked{}, false
		}
	}
	return readQuestion(text), true
}

// readQuestion finds what is asked at the end of text.
func readQuestion(text string) asked {
	q := asked{text: text, options: len(option.FindAllString(text, -1))}
	for _, m := range keyword.FindAllStringSubmatch(text, -1) {
		q.keywords = append(q.keywords, m[1])
	}
	lines := strings.Split(bracket.ReplaceAllString(strings.TrimRight(text, "\r\n "), ""), "\r\n")
	for len(lines) > 1 && strings.TrimSpace(lines[len(lines)-1]) == "" {
		lines = lines[:len(lines)-1]
	}
	q.name = lines[len(lines)-1]
	if strings.HasSuffix(text, "More-") {
		q.name = "a page"
	}
	return q
}

// ahead notes the answers that may lead on from a question.
func (d *dialogue) ahead(path []string, q asked) {
	add := func(answer string) { d.todo = append(d.todo, append(slices.Clone(path), answer)) }
	switch {
	case slices.Contains(inEarnest, d.command) && strings.HasSuffix(q.text, " [N]> "):
		add("n")
	case strings.Contains(q.text, "Press Ctrl-C to stop."), strings.Contains(q.text, "Hit Ctrl-C to return"), strings.HasSuffix(q.text, "More-"):
	case len(q.keywords) > 0:
		for _, k := range q.keywords {
			add(k)
		}
	case q.options > 0:
		for i := range min(q.options, 8) {
			add(strconv.Itoa(i + 1))
		}
	case strings.HasSuffix(q.text, " [Y]> "), strings.HasSuffix(q.text, " [N]> "):
		add("y")
		add("n")
	case !strings.HasSuffix(q.text, "[]> ") && strings.HasSuffix(q.text, "]> "):
		add("")
	default:
		for _, a := range answers {
			if a.question.MatchString(q.name) {
				for _, t := range a.tries {
					add(t)
				}
				break
			}
		}
		if !strings.Contains(q.name, "(end with") { // there an empty line is text
			add("")
		}
	}
}

// lastKeyword is the last operation of a path that a menu listed.
func lastKeyword(path []string) string {
	for _, a := range slices.Backward(path) {
		if len(a) > 2 && strings.ToUpper(a) == a && a[0] >= 'A' {
			return a
		}
	}
	return ""
}
