package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"posthouse/internal/localtime"
)

// ConflictError says that Object was changed by a commit after the candidate was made and by the candidate too, in
// different ways.
type ConflictError struct {
	Object string          // the path of the object, such as destination_controls."partner.example"
	By     Revision        // the commit that changed it
	Values []ConflictValue // the settings of the object in which the two differ, in the order of their paths
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("%s was changed by %s at %s", e.Object, e.By.Author.User, localtime.Of(e.By.Time).Format(time.ANSIC))
}

// ConflictValue is a setting as it was, as it runs now and as the candidate has it, shown as Diff shows values.
type ConflictValue struct{ Path, Was, Theirs, Ours string }

// conflict makes the error of a merge that failed. There may be as many conflicts as a table has entries, so what belongs
// to each is looked up in order, not searched for.
func (s *Store) conflict(paths []string, since int, base, running, wanted *Config) error {
	was, is, own := flatten(base), flatten(running), flatten(wanted)
	keys, commits := allKeys(joined(was, is), own), s.changesSince(since)
	faults := make([]error, len(paths))
	for i, path := range paths {
		settings, part := belonging(keys, path, func(key string) string { return key }), belongsTo(path)
		if presence(is, settings) != presence(own, settings) { // what is gone went with all that belonged to it
			part = func(string) bool { return true }
		}
		e := &ConflictError{Object: path, By: s.lastChange(commits, path, part)}
		for _, at := range settings {
			theirs, has := is[at]
			ours, had := own[at]
			if part(at) && (theirs != ours || has != had) && theirs != presentValue && ours != presentValue {
				e.Values = append(e.Values, conflictValue(at, was, is, own))
			}
		}
		if len(e.Values) == 0 { // the object as such was removed, or nothing of it is set
			e.Values = append(e.Values, ConflictValue{path, presence(was, settings), presence(is, settings), presence(own, settings)})
		}
		faults[i] = e
	}
	if len(faults) == 1 {
		return faults[0]
	}
	return errors.Join(faults...)
}

// conflictValue shows one setting. A passphrase is not shown, not even by the name of its hash.
func conflictValue(path string, was, is, own map[string]string) ConflictValue {
	value := func(from map[string]string) string {
		text, has := from[path]
		switch {
		case isUserSecret(path) && has && text != was[path]:
			return secretValue
		case isUserSecret(path) && has:
			return presentValue
		}
		return shown(path, text, has)
	}
	return ConflictValue{path, value(was), value(is), value(own)}
}

// presence is whether a configuration has any of an object's settings.
func presence(flat map[string]string, settings []string) string {
	for _, at := range settings {
		if _, has := flat[at]; has {
			return presentValue
		}
	}
	return noValue
}

// belonging are the elements of a list whose path is that of an object or of a setting of it. They stand together, since the
// list is in the order of comparePaths.
func belonging[T any](list []T, object string, path func(T) string) []T {
	first, _ := slices.BinarySearchFunc(list, object, func(e T, object string) int { return comparePaths(path(e), object) })
	end := first
	for end < len(list) && within(path(list[end]), object) {
		end++
	}
	return list[first:end]
}

// within says whether a setting's path is that of an object or belongs to it.
func within(path, object string) bool {
	return path == object || strings.HasPrefix(path, object+".")
}

// commitChanges is a commit with what it changed.
type commitChanges struct {
	Revision
	changes []Change
}

// changesSince reads what the commits after a revision changed, the newest first. One that cannot be read changed nothing
// that can be named.
func (s *Store) changesSince(number int) (list []commitChanges) {
	for _, r := range s.since(number) {
		changes, _ := s.ChangesOf(r.Number)
		list = append(list, commitChanges{r, changes})
	}
	return list
}

// lastChange returns the commit that changed one of an object's settings last, of those that part takes; the running one
// where that is not known.
func (s *Store) lastChange(commits []commitChanges, object string, part func(path string) bool) Revision {
	for _, c := range commits {
		if slices.ContainsFunc(belonging(c.changes, object, func(c Change) string { return c.Path }), func(c Change) bool { return part(c.Path) }) {
			return c.Revision
		}
	}
	return s.Running().Revision
}

// ConflictErrors returns the conflicts that an error of Commit joins; none where it is another error.
func ConflictErrors(err error) (list []*ConflictError) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			list = append(list, ConflictErrors(e)...)
		}
		return list
	}
	var e *ConflictError
	if errors.As(err, &e) {
		list = append(list, e)
	}
	return list
}
