package commands

import (
	"fmt"
	"strconv"
	"strings"

	"posthouse/shell"
)

// setting is one key of a batch form with what its value does; set returns an error that says what is accepted.
type setting struct {
	key string
	set func(value string) error
}

// abbreviated is the index of the word that typed means, in any case: the word itself or the beginning of only one; else -1.
func abbreviated(typed string, words []string) int {
	found, many := -1, 0
	for i, w := range words {
		if strings.EqualFold(w, typed) {
			return i
		}
		if fits(typed, w) {
			found = i
			many++
		}
	}
	if many != 1 {
		return -1
	}
	return found
}

// fits says whether typed is a word or the beginning of one, in any case. Commands and the judgement of who may run them
// both go by it: what one of them read otherwise would be run by those who may not.
func fits(typed, word string) bool {
	return strings.EqualFold(word, typed) || typed != "" && len(typed) < len(word) && strings.EqualFold(word[:len(typed)], typed)
}

// applySettings reads "key value key value ..." in any order.
func applySettings(words []string, settings []setting) error {
	keys := make([]string, len(settings))
	for i, s := range settings {
		keys[i] = s.key
	}
	for len(words) > 0 {
		i := abbreviated(words[0], keys)
		if i < 0 {
			return shell.Usage("Invalid key %q: %s.", words[0], acceptedAre(keys))
		}
		if len(words) == 1 {
			return shell.Usage("Invalid command: %s needs a value.", settings[i].key)
		}
		if err := settings[i].set(words[1]); err != nil {
			return err
		}
		words = words[2:]
	}
	return nil
}

// unknownKey is where in "key value key value ..." behind from stands the first word that is no key: it may be a secret that
// is to be hidden with everything behind it.
func unknownKey(words []string, from int, keys ...string) int {
	for ; from < len(words); from += 2 {
		if abbreviated(words[from], keys) < 0 {
			break
		}
	}
	return from
}

// number reads a whole number between low and high, called what in the refusal.
func number(what, word string, low, high int) (int, error) {
	n, err := strconv.Atoi(strings.ReplaceAll(word, ",", ""))
	if err != nil || n < low || n > high {
		return 0, shell.Fail("Invalid %s %q: %s is accepted.", what, word, numberFrom(low, high))
	}
	return n, nil
}

// numberFrom says in a refusal which numbers there are.
func numberFrom(low, high int) string {
	if low == high {
		return strconv.Itoa(low)
	}
	return fmt.Sprintf("a number from %d to %d", low, high)
}

// switched reads on or off.
func switched(what, word string) (bool, error) {
	switch strings.ToLower(word) {
	case "on", "yes", "y":
		return true, nil
	case "off", "no", "n":
		return false, nil
	}
	return false, shell.Fail("Invalid %s %q: on or off is accepted.", what, word)
}

// acceptedAre ends a refusal with the names that there are.
func acceptedAre(names []string) string {
	switch len(names) {
	case 0:
		return "there is none"
	case 1:
		return names[0] + " is accepted"
	}
	return "accepted are " + strings.Join(names, ", ")
}

// oneOf reads one of the accepted words.
func oneOf(what, word string, accepted ...string) (string, error) {
	i := abbreviated(word, accepted)
	if i < 0 {
		return "", shell.Fail("Invalid %s %q: %s.", what, word, acceptedAre(accepted))
	}
	return accepted[i], nil
}

// subcommand is one first word of a batch form; least and most count the words behind it, most < 0 is any number.
type subcommand struct {
	word        string
	least, most int
	run         func(args []string) error
}

// dispatch runs the subcommand that args[0] names: the whole word, or the beginning of exactly one.
func dispatch(name string, args []string, subcommands []subcommand) error {
	sub, err := chosen(name, args[0], subcommands)
	if err != nil {
		return err
	}
	args = args[1:]
	if len(args) < sub.least || sub.most >= 0 && len(args) > sub.most {
		return wrongWords(sub, len(args))
	}
	return sub.run(args)
}

// wrongWords refuses n words behind a subcommand, too few of them or too many.
func wrongWords(sub subcommand, n int) error {
	if n < sub.least {
		return shell.Misformed("Invalid command: something is missing behind %q", sub.word)
	}
	return shell.Misformed("Invalid command: there are too many words behind %q", sub.word)
}

func chosen(name, word string, subcommands []subcommand) (subcommand, error) {
	words := make([]string, len(subcommands))
	for i, s := range subcommands {
		words[i] = s.word
	}
	if i := abbreviated(word, words); i >= 0 {
		return subcommands[i], nil
	}
	return subcommand{}, shell.Stray(word, words, "Invalid word %q behind %s: accepted are %s.", word, name, strings.Join(words, ", "))
}

// noWords refuses words behind a command that takes none.
func noWords(name string, args []string) error {
	if len(args) > 0 {
		return shell.Usage("Invalid word %q: %s takes none.", args[0], name)
	}
	return nil
}

// startingWith keeps the words that the last of args begins, in any case: what completion proposes.
func startingWith(args []string, words []string) []string {
	if len(args) == 0 {
		return words
	}
	last := strings.ToLower(args[len(args)-1])
	var fits []string
	for _, w := range words {
		if strings.HasPrefix(strings.ToLower(w), last) {
			fits = append(fits, w)
		}
	}
	return fits
}
