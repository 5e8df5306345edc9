package commands

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"posthouse/internal/eventlog"
	"posthouse/internal/expression"
	"posthouse/mta/maillog"
	"posthouse/shell"
)

const (
	contextMost = 1000 // lines around a match
	grepTail    = 1000 // the latest lines that grep -t begins with
)

func grep(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:     "grep",
		Summary:  "Search a log for a regular expression.",
		Roles:    shell.Readers | shell.HelpDesk,
		RolesFor: logRoles(a),
		Batch:    []string{"grep [-C COUNT] [-e REGEX]... [-i] [-p] [-t] [-v] [--since TIME] [--until TIME] [REGEX] LOG"},
		Help: `Prints the matching lines of every file of the log, the oldest first. Expressions are those of RE2, of up to 2,000 characters:
a|b finds either of two, and with a backslash, as in a\|b, a | is an ordinary character.

-C COUNT  COUNT lines before and after each match      -e REGEX  a further expression: a line matches when one of them does
-i        upper and lower case are the same            -p        stop at the end of each page
-t        the matches among the latest 1,000 lines, then every new one until Ctrl-C
-v        the lines that do not match
TIME is 2026-05-23, "2026-05-23 11:42", an RFC 3339 time, or a span back from now such as 90s, 15m, 2h or 3d.

For example: grep "TLS success" mail_logs`,
		Documents: []shell.Document{
			{For: "grep", Value: grepJSON{}},
			{For: "grep -t", Value: logLineJSON{}, Lines: true},
		},
		Run: func(ctx context.Context, s *shell.Session, args []string) error {
			g := &grepping{s: s}
			var err error
			if len(args) > 0 {
				err = g.words(a, args, time.Now())
			} else {
				err = g.ask(a)
			}
			if err != nil {
				return err
			}
			return g.run(ctx)
		},
		Complete: func(_ *shell.Session, args []string) []string {
			if len(args) < 2 {
				return nil
			}
			return startingWith(args, logNames(a))
		},
	}
}

// grepJSON is what grep prints for programs.
type grepJSON struct {
	Log   string         `json:"log" doc:"its name"`
	Lines []grepLineJSON `json:"lines" doc:"the matching lines and, with -C, those around them"`
}

// grepLineJSON is one line of a log. A line that does not begin as all others do has only a text.
type grepLineJSON struct {
	Time  *time.Time `json:"time,omitempty" doc:"when it was written"`
	Level string     `json:"level,omitempty" doc:"Info, Warning, Critical and so on"`
	Text  string     `json:"text" doc:"the rest of the line"`
}

// logLineJSON is a line that stands alone.
type logLineJSON struct {
	Log string `json:"log" doc:"its name"`
	grepLineJSON
}

func lineJSON(line string) grepLineJSON {
	if e, ok := maillog.ParseLine(line); ok {
		return grepLineJSON{&e.Time, e.Level, e.Text}
	}
	document := grepLineJSON{Text: line}
	if t, ok := eventlog.LineTime(line); ok {
		document.Time = &t
	}
	return document
}

// grepping is one run of grep.
type grepping struct {
	s           *shell.Session
	log         *eventlog.Log
	expressions []string
	query       eventlog.Query
	fold        bool
	follow      bool
	paginate    bool
}

// words reads the batch form.
func (g *grepping) words(a *Appliance, args []string, now time.Time) error {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") && len(args[0]) > 1 {
		option := args[0]
		args = args[1:]
		taken, err := g.option(option, args, now)
		if err != nil {
			return err
		}
		args = args[taken:]
	}
	switch {
	case len(args) == 0:
		return shell.Usage("Invalid command: the name of a log is missing at the end.")
	case len(args) == 2:
		g.expressions = append(g.expressions, args[0])
	case len(args) > 2:
		return shell.Usage("Invalid word %q: an expression with blanks stands in double quotes, the log behind it.", args[1])
	case len(g.expressions) == 0:
		return shell.Usage("Invalid command: a regular expression and the name of a log are needed.")
	}
	var err error
	if g.log, err = logNamed(a, args[len(args)-1]); err != nil {
		return err
	}
	return g.compile()
}

// option reads one option and says how many of the words behind it are its own.
func (g *grepping) option(option string, rest []string, now time.Time) (taken int, err error) {
	switch option {
	case "-i":
		g.fold = true
		return 0, nil
	case "-p":
		g.paginate = true
		return 0, nil
	case "-t":
		g.follow = true
		return 0, nil
	case "-v":
		g.query.Invert = true
		return 0, nil
	case "-C", "-e", "--since", "--until":
		if len(rest) == 0 {
			return 0, shell.Usage("Invalid command: %s needs a value.", option)
		}
	default:
		return 0, shell.Usage("Invalid option %q: accepted are -C, -e, -i, -p, -t, -v, --since, --until.", option)
	}
	switch option {
	case "-C":
		g.query.Context, err = number("count", rest[0], 0, contextMost)
	case "-e":
		g.expressions = append(g.expressions, rest[0])
	case "--since":
		g.query.Since, err = moment(rest[0], now)
	case "--until":
		g.query.Until, err = moment(rest[0], now)
	}
	return 1, err
}

func (g *grepping) ask(a *Appliance) (err error) {
	if g.log, err = askLog(a, g.s, "Enter the number of the log you wish to grep."); err != nil {
		return err
	}
	wanted, err := g.s.Ask(shell.Question{
		Text:     "Enter the regular expression to grep.",
		Required: true,
		Check: func(answer string) error {
			_, err := expression.Compile(answer)
			return invalidExpression([]string{answer}, err)
		},
	})
	if err != nil {
		return err
	}
	g.expressions = []string{wanted}
	for _, question := range []struct {
		text   string
		usual  bool
		answer *bool
	}{
		{"Do you want this search to be case insensitive?", true, &g.fold},
		{"Do you want to search for non-matching lines?", false, &g.query.Invert},
		{"Do you want to tail the logs?", false, &g.follow},
		{"Do you want to paginate the output?", false, &g.paginate},
	} {
		if *question.answer, err = g.s.YesNo(question.text, question.usual); err != nil {
			return err
		}
	}
	return g.compile()
}

func (g *grepping) compile() error {
	if g.follow && g.query.Context > 0 {
		return shell.Usage("Invalid option \"-t\": it does not go with -C.")
	}
	texts := slices.Clone(g.expressions)
	for i := range texts {
		if g.fold {
			texts[i] = "(?i)" + texts[i]
		}
	}
	var err error
	g.query.Patterns, err = expression.CompileAll(texts)
	return invalidExpression(g.expressions, err)
}

// invalidExpression is the refusal of expressions; nil where err is.
func invalidExpression(texts []string, err error) error {
	if err == nil {
		return nil
	}
	return shell.Fail("Invalid regular expression %q: %v.", shortenedWord(strings.Join(texts, " or ")), err)
}

func (g *grepping) run(ctx context.Context) error {
	if !g.paginate {
		g.s.Unpaged()
	}
	switch {
	case g.follow:
		return g.tail(ctx)
	case g.s.JSON:
		return g.document(ctx)
	}
	found := false
	err := g.log.Search(ctx, g.query, func(lines []byte) error {
		found = true
		_, err := g.s.Write(lines)
		return err
	})
	if err == nil && !found {
		g.s.Say("No results were found. Use another regular expression(s) to search.")
		g.hint()
	}
	return err
}

// hint tells those who are used to another grep why nothing matches.
func (g *grepping) hint() {
	for _, text := range g.expressions {
		if hint := expression.Hint(text); hint != "" {
			g.s.Hint(hint)
			return
		}
	}
}

// document writes the lines as JSON while they are found: there may be more of them than fit into memory.
func (g *grepping) document(ctx context.Context) error {
	out, err := g.s.DocumentWriter(grepJSON{})
	if err != nil {
		return err
	}
	name, _ := json.Marshal(g.log.Name())
	fmt.Fprintf(out, "{\n  \"log\": %s,\n  \"lines\": [", name)
	between, after, found := "\n    ", "]\n}\n", false
	var some bytes.Buffer
	err = g.log.Search(ctx, g.query, func(lines []byte) error {
		some.Reset()
		found = true
		for line := range bytes.Lines(lines) {
			text, err := json.Marshal(lineJSON(string(line[:len(line)-1])))
			if err != nil {
				return err
			}
			some.WriteString(between)
			some.Write(text)
			between, after = ",\n    ", "\n  ]\n}\n"
		}
		_, err := out.Write(some.Bytes())
		return err
	})
	io.WriteString(out, after)
	if err == nil && !found {
		g.hint()
	}
	return err
}

// tail prints the latest matches and then every new one.
func (g *grepping) tail(ctx context.Context) error {
	if slices.ContainsFunc(g.expressions, func(text string) bool { return strings.Contains(text, `\|`) }) {
		g.hint() // at once: nobody knows what is still to come, and a | hardly ever stands in a log
	}
	return follow(ctx, g.s, g.log, grepTail, g.query.Matches)
}
