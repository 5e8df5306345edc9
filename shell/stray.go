package shell

import (
	"slices"
	"strings"
)

// Stray is Usage for a word where one of the accepted ones was wanted: the shell adds what was probably meant, from the
// accepted words and from the command's forms.
func Stray(word string, accepted []string, format string, args ...any) error {
	f := newFailure(true, format, args)
	f.stray, f.accepted = word, accepted
	return f
}

// otherWords are what operators bring along from other appliances, with the words for it here.
var otherWords = map[string][]string{
	"add": {"new"}, "create": {"new"}, "remove": {"delete"}, "rm": {"delete"}, "erase": {"delete"}, "show": {"list", "print"}, "ls": {"list"},
	"print": {"list", "show"}, "list": {"print", "show"}, "modify": {"edit"}, "change": {"edit"}, "set": {"edit", "setup"},
}

// meant is a sentence that says what a stray word was probably meant for; empty where nothing is near.
func (c *Command) meant(f *failure) string {
	if w := nearest(f.stray, f.accepted); w != "" {
		return " The nearest is " + w + "."
	}
	for _, w := range otherWords[strings.ToLower(f.stray)] {
		if slices.Contains(f.accepted, w) {
			return " The word for it is " + w + "."
		}
	}
	for _, form := range c.Batch {
		if hasWord(parseForm(form), f.stray) {
			return " It stands in: " + form
		}
	}
	return ""
}

// nearest is the word with the fewest typing errors between it and what was typed, empty where there are too many.
func nearest(typed string, words []string) string {
	best, least := "", 1+max(1, min(len(typed), 12)/3)
	for _, w := range words {
		if d := distance(strings.ToLower(typed), w, least); d < least && len(w) > 1 && d < len(w) {
			best, least = w, d
		}
	}
	return best
}

// hasWord says whether a literal word stands somewhere in a form.
func hasWord(parts []formPart, word string) bool {
	return slices.ContainsFunc(parts, func(p formPart) bool {
		return hasWord(p.group, word) || slices.ContainsFunc(p.words, func(w string) bool {
			return !isPlaceholder(w) && strings.EqualFold(w, word)
		})
	})
}
