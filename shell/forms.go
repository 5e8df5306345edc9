package shell

import (
	"slices"
	"strings"
)

// formPart is one place of a batch form: some words of which one may stand there, or a group that may be left out.
type formPart struct {
	words  []string   // literal words in lower case, names of things in capitals
	group  []formPart // instead of words: what stands in brackets
	repeat bool       // what stands here may come again
}

// parseForm reads a batch form such as "last [NUMBER]" without the command's name. Brackets are optional, | separates
// words of which one is chosen, ... repeats what is before it; capitals stand for something of that kind. An explanation in
// parentheses ends the form.
func parseForm(form string) []formPart {
	if i := strings.Index(form, " ("); i >= 0 {
		form = form[:i]
	}
	tokens := formTokens(form)
	if len(tokens) == 0 {
		return nil
	}
	rest := tokens[1:]
	return parseParts(&rest)
}

// formTokens separates words and the brackets around words; a bracket within a word, as in ADDRESS[:PORT], ends the word.
func formTokens(form string) []string {
	var tokens []string
	for _, field := range strings.Fields(form) {
		for strings.HasPrefix(field, "[") {
			tokens, field = append(tokens, "["), field[1:]
		}
		word, tail := field, ""
		if i := strings.IndexAny(field, "[]"); i >= 0 {
			word, tail = field[:i], field[i:]
		}
		if word != "" {
			tokens = append(tokens, word)
		}
		// What opens within the word closes within it; what is left closes groups.
		for range strings.Count(tail, "]") - strings.Count(tail, "[") {
			tokens = append(tokens, "]")
		}
	}
	return tokens
}

func parseParts(tokens *[]string) []formPart {
	var parts []formPart
	for len(*tokens) > 0 {
		word := (*tokens)[0]
		*tokens = (*tokens)[1:]
		switch {
		case word == "]":
			return parts
		case word == "[":
			parts = append(parts, formPart{group: parseParts(tokens)})
		case word == "...":
			parts = repeating(parts)
		default:
			parts = append(parts, formPart{words: strings.Split(strings.Trim(word, `"`), "|")})
		}
	}
	return parts
}

// repeating lets the last part come again; where that is a group, all the groups before it may, in any order.
func repeating(parts []formPart) []formPart {
	at := len(parts)
	for at > 0 && parts[at-1].group != nil {
		at--
	}
	switch {
	case at < len(parts):
		return append(parts[:at:at], formPart{group: slices.Clone(parts[at:]), repeat: true})
	case at > 0:
		parts[at-1].repeat = true
	}
	return parts
}

// maxFormStates bounds how many readings of a line are followed at once.
const maxFormStates = 64

// open lists what can stand next: states whose first part has words.
func open(state []formPart) [][]formPart {
	left := maxFormStates
	return opened(state, &left)
}

func opened(state []formPart, left *int) [][]formPart {
	if *left--; *left < 0 || len(state) == 0 || len(state) > maxFormStates {
		return nil
	}
	first, rest := state[0], state[1:]
	if first.group == nil {
		return [][]formPart{state}
	}
	inside := slices.Concat(first.group, rest)
	if first.repeat {
		inside = slices.Concat(first.group, state)
	}
	return append(opened(inside, left), opened(rest, left)...)
}

// step follows a form over one typed word: to where a literal word fits, and to where the name of something may stand.
func step(states [][]formPart, typed string) (exact, named [][]formPart) {
	for _, state := range states[:min(len(states), maxFormStates)] {
		for _, s := range open(state) {
			next := s[1:]
			if s[0].repeat {
				next = slices.Concat([]formPart{{group: s[:1]}}, s[1:])
			}
			switch literal, name := s[0].fits(typed); {
			case literal:
				exact = append(exact, next)
			case name:
				named = append(named, next)
			}
		}
	}
	return distinct(exact), distinct(named)
}

// distinct leaves out what is there already: where groups may come again, many readings of a line come to the same.
func distinct(states [][]formPart) [][]formPart {
	var out [][]formPart
	for _, s := range states {
		if !slices.ContainsFunc(out, func(o []formPart) bool { return slices.EqualFunc(o, s, formPart.equal) }) {
			out = append(out, s)
		}
	}
	return out
}

// equal says whether the same words may stand at both places.
func (p formPart) equal(o formPart) bool {
	return p.repeat == o.repeat && slices.Equal(p.words, o.words) && slices.EqualFunc(p.group, o.group, formPart.equal)
}

// fits says whether typed is one of the part's words or the beginning of one, and whether it may be the name of something.
func (p formPart) fits(typed string) (literal, name bool) {
	for _, w := range p.words {
		if isPlaceholder(w) {
			name = true
		} else if len(typed) > 0 && len(typed) <= len(w) && strings.EqualFold(w[:len(typed)], typed) {
			literal = true
		}
	}
	return literal, name
}

// isPlaceholder says whether a word of a form stands for something of its kind.
func isPlaceholder(word string) bool {
	return word == strings.ToUpper(word) && word != strings.ToLower(word) || word == "key" || word == "value"
}

// kind is a placeholder without what is not letters at its end: CIDR for "CIDR,...".
func kind(word string) string {
	end := strings.IndexFunc(word, func(r rune) bool { return (r < 'A' || r > 'Z') && r != '_' })
	if end >= 0 {
		word = word[:end]
	}
	return word
}

// maxFormWords bounds how many words of a line are followed: a line has room for tens of thousands.
const maxFormWords = 100

// following are the forms of c that the typed words begin, with what of each comes next. Where a literal word of some form
// fits, the forms in which a name would stand there do not count.
func (c *Command) following(typed []string) (forms []string, states [][]formPart) {
	at, n := c.follow(typed)
	if n < len(typed) {
		return nil, nil
	}
	for _, form := range c.Batch {
		if len(at[form]) > 0 {
			forms, states = append(forms, form), append(states, at[form]...)
		}
	}
	return forms, states
}

// nearest are the forms that as many of the typed words begin as any form does.
func (c *Command) nearest(typed []string) []string {
	at, _ := c.follow(typed)
	return slices.DeleteFunc(slices.Clone(c.Batch), func(form string) bool { return len(at[form]) == 0 })
}

// follow follows the forms over the typed words, as far as any form goes with them: n words. It returns what of each form
// comes next there.
func (c *Command) follow(typed []string) (at map[string][][]formPart, n int) {
	at = map[string][][]formPart{}
	for _, form := range c.Batch {
		at[form] = [][]formPart{parseForm(form)}
	}
	for _, word := range typed[:min(len(typed), maxFormWords)] {
		exact, named := map[string][][]formPart{}, map[string][][]formPart{}
		for form, states := range at {
			literal, name := step(states, word)
			if len(literal) > 0 {
				exact[form] = literal
			}
			if len(name) > 0 {
				named[form] = name
			}
		}
		next := exact
		if len(exact) == 0 {
			next = named
		}
		if len(next) == 0 {
			break
		}
		at, n = next, n+1
	}
	return at, n
}

// expected are the words that may come next, and the kinds of names.
func expected(states [][]formPart) (words, kinds []string) {
	for _, state := range states {
		for _, s := range open(state) {
			for _, w := range s[0].words {
				switch {
				case w == "":
				case !isPlaceholder(w):
					words = append(words, w)
				case kind(w) != "":
					kinds = append(kinds, kind(w))
				}
			}
		}
	}
	slices.Sort(words)
	slices.Sort(kinds)
	return slices.Compact(words), slices.Compact(kinds)
}

// fromForms proposes what the batch forms let come behind the typed words: literal words, and the names that there are.
func (s *Session) fromForms(c *Command, typed []string) []string {
	_, states := c.following(typed)
	words, kinds := expected(states)
	for _, k := range kinds {
		if s.opts.Names != nil {
			words = append(words, s.opts.Names(s, c.Name, typed, k)...)
		}
	}
	return words
}

// describeNext is what ? prints behind some words of a command: the forms that they begin, and what may come next.
func (s *Session) describeNext(c *Command, typed []string) error {
	forms, states := c.following(typed)
	if len(forms) == 0 {
		return Usage("Invalid words %s: no form of %s begins so; see 'help %s'.", quote(strings.Join(typed, " ")), c.Name, c.Name)
	}
	s.Println("On one line:")
	for _, form := range forms {
		s.Println("  " + form)
	}
	words, kinds := expected(states)
	next := s.arguments(c, append(slices.Clone(typed), ""))
	for _, k := range kinds {
		if !slices.Contains(next, k) {
			words = append(words, k)
		}
	}
	next = append(next, slices.DeleteFunc(words, func(w string) bool { return slices.Contains(next, w) })...)
	if len(next) > 0 {
		s.Println(s.wrapped("\nAccepted next: " + listSome(next)))
	}
	return nil
}

// listSome joins words, not more than anybody reads.
func listSome(words []string) string {
	const most = 40
	if more := len(words) - most; more > 0 {
		return strings.Join(words[:most], ", ") + " and " + plural(more, "other")
	}
	return strings.Join(words, ", ")
}
