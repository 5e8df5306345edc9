package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// maxWrong is how many wrong answers in a row end a command.
const maxWrong = 5

// Question is what Ask asks.
type Question struct {
	Text     string             // one line or several; empty: only the prompt
	Default  string             // what an empty line answers; shown in the prompt
	Bare     bool               // the prompt is "> " and not "[]> "
	Required bool               // an empty line without a default is a wrong answer
	Check    func(string) error // nil or what is accepted instead; not asked for an empty answer unless Required
	Complete func() []string    // proposals; may be nil
}

// Ask asks q until the answer passes its check, and returns it without blanks around it. At a terminal a wrong answer
// is named and the question comes again, five times; in exec requests and scripts it ends the command.
func (s *Session) Ask(q Question) (string, error) {
	tail := "[" + q.Default + "]> "
	if q.Bare {
		tail = "> "
	}
	var complete func(string) []string
	if q.Complete != nil {
		complete = func(string) []string { return q.Complete() }
	}
	return s.retry(q.Text, tail, complete, q.accept)
}

// accept is the check of one answer.
func (q Question) accept(answer string) (string, error) {
	if answer == "" {
		answer = q.Default
	}
	if answer == "" {
		if q.Required {
			return "", Fail("Invalid answer: something must be entered here.")
		}
		return "", nil
	}
	if q.Check != nil {
		if err := q.Check(answer); err != nil {
			return "", err
		}
	}
	return answer, nil
}

// retry asks until accept takes the answer.
func (s *Session) retry(text, tail string, complete func(string) []string, accept func(string) (string, error)) (string, error) {
	asked := text
	for wrong := 0; ; {
		answer, err := s.ask(asked, tail, false, complete)
		asked = text
		if err == nil {
			answer = strings.TrimSpace(answer)
			if s.asksForHelp(answer, accept) {
				s.say(acceptedHere(tail, complete, accept))
				continue
			}
			var ok string
			if ok, err = accept(answer); err == nil {
				return ok, nil
			}
			err = wrongAnswer(answer, err)
			if answer == "" {
				asked = withoutList(text) // the list that nothing was chosen from stands right above
			}
		}
		wrong++
		if err := s.askAgain(err, wrong); err != nil {
			return "", err
		}
	}
}

// askAgain says what was wrong with an answer, the wrong-th in a row, and returns nil where the question is to come again.
func (s *Session) askAgain(err error, wrong int) error {
	var f *failure
	if !errors.As(err, &f) || f.tried {
		return err
	}
	if s.way != terminal {
		return &failure{text: f.text, tried: true, usage: f.usage}
	}
	s.say(f.text)
	if err := s.dropPaste(); err != nil {
		return err
	}
	if wrong == maxWrong {
		return &failure{text: fmt.Sprintf("Error: %d wrong answers in a row; the command ends and nothing is changed.", maxWrong), tried: true}
	}
	return nil
}

// wrongAnswer makes the line for an answer that err refuses: it names what was typed and what is accepted.
func wrongAnswer(answer string, err error) error {
	text := err.Error()
	var f *failure
	if errors.As(err, &f) && (answer == "" || strings.Contains(text, quote(answer)) || len(answer) > 3 && strings.Contains(text, answer)) {
		return &failure{text: text}
	}
	text = strings.TrimPrefix(text, "Error: ")
	if answer == "" {
		return &failure{text: "Invalid answer: " + text}
	}
	return &failure{text: fmt.Sprintf("Invalid answer %s: %s", quote(answer), text)}
}

// ask shows text and the prompt behind it and returns the line as it came.
func (s *Session) ask(text, tail string, secret bool, complete func(string) []string) (string, error) {
	if s.ctx.Err() != nil {
		return "", ErrInterrupted
	}
	s.showWords()
	s.scr.fresh()
	if text != "" && s.way != exec {
		io.WriteString(s.scr, s.broken(strings.TrimSuffix(text, "\n"))+"\n")
	}
	above, beside := s.breakPrompt(tail)
	io.WriteString(s.scr, above)
	answer, err := s.readLine(s.ctx, prompt{text: beside, secret: secret, complete: complete})
	return answer, s.unanswered(err, text, tail)
}

// unanswered turns the reason why no answer came into the command's failure.
func (s *Session) unanswered(err error, text, tail string) error {
	name := quote(questionName(text, tail))
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errLeave), errors.Is(err, io.EOF) && s.way == terminal:
		return ErrInterrupted // Ctrl-D in a dialogue
	case errors.Is(err, io.EOF):
		return &failure{text: "Error: the input ended at the question " + name + ".", tried: true}
	case errors.Is(err, errTimeout):
		return &failure{text: fmt.Sprintf("Error: no line came within %s for the question %s.", s.opts.answerLimit(), name), tried: true}
	case errors.Is(err, context.Canceled):
		return ErrInterrupted
	}
	return err
}

// listedLine matches the lines that a numbered choice and a menu list below their heading.
var listedLine = regexp.MustCompile(`^([0-9]+\. |- [A-Z0-9-]+ - )`)

// withoutList is a question without the lines that it lists.
func withoutList(text string) string {
	lines := strings.Split(text, "\n")
	return strings.Join(slices.DeleteFunc(lines, listedLine.MatchString), "\n")
}

// questionName is the line by which a message names a question: its last one, or the heading above what it lists.
func questionName(text, tail string) string {
	if beside, _, _ := strings.Cut(tail, " ["); !strings.HasSuffix(beside, "> ") {
		text = beside // a question beside which the prompt stands
	}
	for _, line := range slices.Backward(strings.Split(text, "\n")) {
		if name := strings.TrimSpace(line); name != "" && !listedLine.MatchString(name) {
			return name
		}
	}
	return strings.TrimSpace(tail)
}

// AskInt asks for a whole number from min to max.
func (s *Session) AskInt(q Question, min, max int) (int, error) {
	check := q.Check
	q.Required = true
	q.Check = func(answer string) error {
		n, err := strconv.Atoi(answer)
		if err != nil || n < min || n > max {
			return fmt.Errorf("enter a whole number from %d to %d.", min, max)
		}
		if check != nil {
			return check(answer)
		}
		return nil
	}
	answer, err := s.Ask(q)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(answer)
}

// YesNo asks a question whose prompt stands on the same line.
func (s *Session) YesNo(text string, def bool) (bool, error) {
	tail := " [N]> "
	if def {
		tail = " [Y]> "
	}
	before, last := cutLastLine(text)
	answer, err := s.retry(before, last+tail, yesNoWords, func(answer string) (string, error) {
		switch strings.ToLower(answer) {
		case "":
			return map[bool]string{true: "y", false: "n"}[def], nil
		case "y", "ye", "yes":
			return "y", nil
		case "n", "no":
			return "n", nil
		}
		return "", errors.New("enter Y or N.")
	})
	return answer == "y", err
}

func yesNoWords(string) []string { return []string{"yes", "no"} }

// cutLastLine separates the last line of text, beside which a prompt stands, from what comes before it: whole lines.
func cutLastLine(text string) (before, last string) {
	i := strings.LastIndexByte(text, '\n')
	return text[:i+1], text[i+1:]
}

// Choice is a numbered choice. Heading stands above the options, Question below them; both may be empty.
type Choice struct {
	Heading  string
	Options  []string
	Question string
	Default  int // from 1; 0: none, so that an option must be named
}

// Choose asks for one of options, by number or by text, under a heading, and returns its number, from 1.
func (s *Session) Choose(heading string, options []string, def int) (int, error) {
	return s.Pick(Choice{Heading: heading, Options: options, Default: def})
}

// Pick asks c and returns the number of the chosen option, from 1.
func (s *Session) Pick(c Choice) (int, error) {
	var b strings.Builder
	if c.Heading != "" {
		b.WriteString(c.Heading + "\n")
	}
	for i, o := range c.Options {
		fmt.Fprintf(&b, "%d. %s\n", i+1, o)
	}
	b.WriteString(c.Question)
	tail := "[]> "
	if c.Default > 0 {
		tail = fmt.Sprintf("[%d]> ", c.Default)
	}
	text := b.String()
	answer, err := s.retry(text, tail, func(string) []string { return c.Options }, func(answer string) (string, error) {
		n, err := c.pick(answer)
		return strconv.Itoa(n), err
	})
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(answer)
}

// pick finds the option that answer names.
func (c Choice) pick(answer string) (int, error) {
	if answer == "" && c.Default > 0 {
		return c.Default, nil
	}
	if n, err := strconv.Atoi(answer); err == nil && n >= 1 && n <= len(c.Options) {
		return n, nil
	}
	if i, _ := matchWord(answer, c.Options); i >= 0 {
		return i + 1, nil
	}
	if len(c.Options) == 1 {
		return 0, errors.New("enter 1 or the text of the line.")
	}
	return 0, fmt.Errorf("enter a number from 1 to %d or the text of one line.", len(c.Options))
}

// matchWord finds the word that typed names: exactly in any case, or as its only beginning. It returns -1 and the
// number of words that begin so where there is none.
func matchWord(typed string, words []string) (index, candidates int) {
	index = -1
	if typed == "" {
		return
	}
	for i, w := range words {
		if strings.EqualFold(w, typed) {
			return i, 1
		}
		if len(w) > len(typed) && strings.EqualFold(w[:len(typed)], typed) {
			index = i
			candidates++
		}
	}
	if candidates != 1 {
		index = -1
	}
	return index, candidates
}

// Secret asks for something that is not shown while it is typed. The answer is returned as it came.
func (s *Session) Secret(text string) (string, error) {
	before, last := cutLastLine(text)
	return s.ask(before, last+" ", true, nil)
}

// AskSecret asks for a secret until check takes it, as Ask does for what is shown. Check may ask for it once more.
func (s *Session) AskSecret(text string, check func(string) error) (string, error) {
	for wrong := 1; ; wrong++ {
		answer, err := s.Secret(text)
		if err == nil {
			if err = check(answer); err == nil {
				return answer, nil
			}
		}
		if err := s.askAgain(err, wrong); err != nil {
			return "", err
		}
	}
}

const (
	maxBlock = 4 << 20 // bytes of a block of text
	blockEnd = "."
)

// Block reads lines until one that is a single full stop; text, with its "(end with '.'):", stands above them.
// The lines come back with a line feed behind each.
func (s *Session) Block(text string) (string, error) { return s.BlockTo(text, nil) }

// BlockTo is Block for a text that may also end by itself: with the line that last says yes to. A full stop behind it is
// passed over wherever the next line is read.
func (s *Session) BlockTo(text string, last func(line string) bool) (string, error) {
	if s.ctx.Err() != nil {
		return "", ErrInterrupted
	}
	s.showWords()
	s.scr.fresh()
	if s.way != exec {
		io.WriteString(s.scr, text+"\n")
	}
	return s.readBlock(text, false, last)
}

// Input reads what stands on standard input: lines until one that is a single full stop, or until the input ends.
// Batch forms take certificates so. In an exec request it may be a file in DER as well, which comes back as it is.
func (s *Session) Input() (string, error) {
	const name = "the text on standard input"
	s.scr.fresh()
	if p, ok := s.in.(*piped); ok && s.way == exec && !p.typed.keys {
		data, err := s.reading(s.ctx, p.binary)
		if err != nil {
			return "", s.unanswered(err, name, "")
		}
		if data != "" {
			return data, nil
		}
	}
	return s.readBlock(name, true, nil)
}

// ReadLine reads one line under a prompt of the caller's own, which may be empty; io.EOF at the end of the input.
func (s *Session) ReadLine(ctx context.Context, tail string) (string, error) {
	s.showWords()
	s.scr.fresh()
	return s.readLine(ctx, prompt{text: tail})
}

var errLongBlock = &failure{text: fmt.Sprintf("Error: the text is longer than %d bytes.", maxBlock), tried: true}

func (s *Session) readBlock(name string, untilEnd bool, last func(line string) bool) (string, error) {
	var b strings.Builder
	for {
		line, err := s.readLine(s.ctx, prompt{})
		if untilEnd && (errors.Is(err, io.EOF) || errors.Is(err, errLeave)) {
			return b.String(), nil
		}
		if err != nil {
			return "", s.unanswered(err, name, "")
		}
		if strings.TrimRight(line, " \t") == blockEnd {
			return b.String(), nil
		}
		if b.Len()+len(line) > maxBlock {
			return "", errLongBlock
		}
		b.WriteString(line + "\n")
		if last != nil && last(line) {
			s.ended = true
			return b.String(), nil
		}
	}
}

// say shows one line of the shell's own beside the command's output: past the filters.
func (s *Session) say(line string) {
	s.scr.fresh()
	io.WriteString(s.scr, s.broken(clip(line))+"\n")
}
