package shell

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// asksForHelp says whether an answer asks what is accepted: ?, or help where that is no answer itself. In an exec request
// nobody is there to read it.
func (s *Session) asksForHelp(answer string, accept func(string) (string, error)) bool {
	if s.way == exec {
		return false
	}
	if answer == "?" {
		return true
	}
	if !strings.EqualFold(answer, "help") {
		return false
	}
	_, err := accept(answer)
	return err != nil
}

// defaultAnswer finds what an empty line answers in a prompt's end.
var defaultAnswer = regexp.MustCompile(`\[(.+)\]> $`)

// acceptedHere says what a question accepts: in the words with which it would refuse ?, with the words that exist.
func acceptedHere(tail string, complete func(string) []string, accept func(string) (string, error)) string {
	text := ""
	if _, err := accept("?"); err != nil {
		text = reasonAlone(wrongAnswer("?", err).Error())
	}
	if complete != nil {
		if words := complete(""); len(words) > 0 && !strings.Contains(text, words[0]) {
			text = sentence(text, "Known here: "+listSome(words)+".")
		}
	}
	if text == "" {
		text = "A line of text is accepted."
	}
	if m := defaultAnswer.FindStringSubmatch(tail); m != nil {
		text = sentence(text, "An empty line answers "+quote(m[1])+".")
	}
	return text + " Ctrl-C ends the command."
}

// reasonAlone takes the part behind the answer's name out of a refusal; what names no answer says nothing of what is accepted.
func reasonAlone(text string) string {
	_, why, ok := strings.Cut(text, `"?"`)
	if !ok {
		return ""
	}
	why = strings.TrimLeft(why, ": ")
	for _, w := range failureWords {
		if strings.HasPrefix(why, w) {
			return ""
		}
	}
	if why == "" {
		return ""
	}
	if _, accepted, ok := strings.Cut(why, ": "); ok && strings.HasPrefix(why, "is not ") {
		return strings.TrimSuffix(accepted, ".") + "." // what ? is not is of no interest
	}
	r, n := utf8.DecodeRuneInString(why)
	why = string(unicode.ToUpper(r)) + why[n:]
	if !strings.HasSuffix(why, ".") {
		why += "."
	}
	return why
}

func sentence(before, next string) string {
	if before == "" {
		return next
	}
	return before + " " + next
}
