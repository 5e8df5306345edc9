package commands

import (
	"fmt"
	"strings"

	"posthouse/config"
)

const (
	conflictsShown = 10 // objects
	valuesShown    = 4  // settings of an object
)

// conflictLines says of every object that both changed who changed it, when, and both values.
func conflictLines(conflicts []*config.ConflictError) string {
	var lines []string
	for i, e := range conflicts {
		if i == conflictsShown {
			lines = append(lines, fmt.Sprintf("Error: so were %d more objects.", len(conflicts)-i))
			break
		}
		lines = append(lines, fmt.Sprintf("Error: %s was changed by %s at %s too; nothing is committed. %s",
			e.Object, e.By.Author.User, stamp(e.By.Time), bothValues(e)))
	}
	lines[len(lines)-1] += " Look at it, then clearchanges and enter yours again."
	return strings.Join(lines, "\n")
}

// bothValues shows the settings in which the two differ.
func bothValues(e *config.ConflictError) string {
	var parts []string
	for i, v := range e.Values {
		if i == valuesShown {
			parts = append(parts, fmt.Sprintf("and %d more", len(e.Values)-i))
			break
		}
		name := strings.TrimPrefix(strings.TrimPrefix(v.Path, e.Object), ".")
		if name == "" {
			name = "it"
		}
		parts = append(parts, fmt.Sprintf("%s is %s there and %s here", name, v.Theirs, v.Ours))
	}
	return capitalized(strings.Join(parts, ", ")) + "."
}

func capitalized(text string) string {
	if strings.HasPrefix(text, "it is") {
		return "I" + text[1:]
	}
	return text
}
