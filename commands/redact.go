package commands

import "strings"

// shownForm is how many words of a batch form are surely no secrets: those before from, and then the keys that it knows with
// their values.
type shownForm struct {
	form []string
	from int
	keys []string // nil: every word behind from may be a secret
}

// redactWords hides what the first form that fits does not show. Of words that fit none, because they are misspelt or doubled,
// nothing is shown: what stands where in them is not known.
func redactWords(args []string, forms []shownForm) []string {
	from := 0
	for _, f := range forms {
		if isForm(args, f.form) {
			from = unknownKey(args, f.from, f.keys...)
			break
		}
	}
	for i := from; i < len(args); i++ {
		if !strings.EqualFold(args[i], "generate") {
			args[i] = "..."
		}
	}
	return args
}
