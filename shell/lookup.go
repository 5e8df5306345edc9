package shell

import (
	"slices"
	"strings"
)

// lookup finds the command that typed names: its name or an alias in any case, or the only beginning of a name.
func (o *Options) lookup(typed string) (*Command, error) {
	var found []*Command
	for _, c := range o.Table {
		if c.named(typed) {
			return c, nil
		}
		if len(c.Name) > len(typed) && strings.EqualFold(c.Name[:len(typed)], typed) && typed != "" {
			found = append(found, c)
		}
	}
	switch {
	case len(found) == 0:
		return nil, o.unknown(typed)
	case len(found) > 1:
		return nil, Usage("Unknown command: %s. It could be %s.", clean(typed), orList(names(found)))
	case found[0].WholeWord:
		return nil, Usage("Unknown command: %s. %s must be typed in full.", clean(typed), found[0].Name)
	}
	return found[0], nil
}

func (c *Command) named(word string) bool {
	return strings.EqualFold(c.Name, word) || slices.ContainsFunc(c.Aliases, func(a string) bool { return strings.EqualFold(a, word) })
}

// unknown is the failure for a word that begins no command; it proposes the nearest name.
func (o *Options) unknown(typed string) error {
	var known []string
	for _, c := range o.Table {
		known = append(append(known, c.Name), c.Aliases...)
	}
	best := nearest(typed, known)
	if best == "" {
		return Usage("Unknown command: %s", clean(typed))
	}
	return Usage("Unknown command: %s. The nearest known name is %s.", clean(typed), best)
}

// clean shortens a word for a message; the splitter has refused control bytes before.
func clean(word string) string {
	const most = 60
	if r := []rune(word); len(r) > most {
		return string(r[:most]) + "..."
	}
	return word
}

func names(list []*Command) []string {
	var out []string
	for _, c := range list {
		out = append(out, c.Name)
	}
	slices.Sort(out)
	return out
}

// distance is the number of signs to insert, delete, replace or swap to make b of a, or most if it is not less.
func distance(a, b string, most int) int {
	if len(a)-len(b) >= most || len(b)-len(a) >= most {
		return most
	}
	prev2, prev, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], prev2[j-2]+1)
			}
		}
		prev2, prev, row = prev, row, prev2
	}
	return min(prev[len(b)], most)
}
