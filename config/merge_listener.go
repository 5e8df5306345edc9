package config

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// mergeListener lays what own changed of a listener since base over running, part by part: each recipient, server name,
// mail flow policy and sender group is an object of its own, and so is the order of the sender groups, which decides who
// matches first. Everything else of the listener is one object. The paths are those that both changed in different ways;
// there running's stays. None of the three is modified.
func mergeListener(at string, base, running, own *Listener) (merged *Listener, conflicts []string) {
	merged = new(Listener)
	plain := threeOf(base, running, own, func(l *Listener) Listener {
		rest := *l
		rest.HostAccess, rest.RecipientAccess, rest.ServerNames = HostAccess{}, nil, nil
		return rest
	})
	*merged = plain.pick(at, &conflicts)
	merged.ServerNames = pickMap(join(at, "server_names"), base.ServerNames, running.ServerNames, own.ServerNames, &conflicts)
	merged.RecipientAccess = pickMap(join(at, "recipient_access"), base.RecipientAccess, running.RecipientAccess, own.RecipientAccess, &conflicts)
	tables := threeOf(base, running, own, func(l *Listener) *HostAccess { return &l.HostAccess })
	at = join(at, "host_access")
	merged.HostAccess.Default = threeOf(tables.base, tables.running, tables.own,
		func(h *HostAccess) PolicyParams { return h.Default }).pick(join(at, "default"), &conflicts)
	merged.HostAccess.Policies = pickMap(join(at, "policies"), tables.base.Policies, tables.running.Policies, tables.own.Policies, &conflicts)
	merged.HostAccess.Groups = pickGroups(join(at, "groups"), tables.base.Groups, tables.running.Groups, tables.own.Groups, &conflicts)
	return merged, conflicts
}

// belongsTo returns which settings belong to an object that a merge takes whole. What mergeListener takes apart is not the
// listener's own, and the order of the sender groups is none of theirs.
func belongsTo(object string) func(path string) bool {
	listener, rest, ok := cutListener(object)
	switch {
	case ok && rest == "":
		return func(path string) bool {
			_, rest, _ := cutListener(path)
			first, _, nested := strings.Cut(rest, ".")
			return within(path, listener) && !(nested && slices.Contains(listenerParts, first))
		}
	case ok && rest == "host_access.groups":
		return func(path string) bool { return path == object }
	}
	return func(path string) bool { return within(path, object) }
}

// listenerParts are the tables of a listener whose entries are objects of their own.
var listenerParts = []string{"host_access", "recipient_access", "server_names"}

// cutListener splits a path behind the listener that it begins with.
func cutListener(path string) (listener, rest string, ok bool) {
	name, ok := strings.CutPrefix(path, "listeners.")
	if !ok {
		return "", "", false
	}
	end := strings.IndexByte(name, '.')
	if quoted, err := strconv.QuotedPrefix(name); err == nil {
		end = len(quoted)
	}
	if end < 0 || end == len(name) {
		return path, "", true
	}
	at := len("listeners.") + end
	return path[:at], path[at+1:], true
}

// three is one part of three configurations.
type three[T any] struct{ base, running, own T }

func threeOf[L, T any](base, running, own L, part func(L) T) three[T] {
	return three[T]{part(base), part(running), part(own)}
}

// pick is the part that a merge takes; where both changed it differently, the path is added to conflicts.
func (t three[T]) pick(path string, conflicts *[]string) T {
	switch {
	case reflect.DeepEqual(t.base, t.own) || reflect.DeepEqual(t.running, t.own):
	case reflect.DeepEqual(t.base, t.running):
		return t.own
	default:
		*conflicts = append(*conflicts, path)
	}
	return t.running
}

// entry is a value of a map, or its absence.
type entry[V any] struct {
	value V
	there bool
}

func pickMap[M ~map[string]V, V any](path string, base, running, own M, conflicts *[]string) M {
	all := maps.Clone(base)
	if all == nil {
		all = make(M)
	}
	maps.Copy(all, running)
	maps.Copy(all, own)
	for _, k := range slices.Sorted(maps.Keys(all)) {
		picked := threeOf(base, running, own, func(m M) entry[V] {
			v, ok := m[k]
			return entry[V]{v, ok}
		}).pick(join(path, key(k)), conflicts)
		if all[k] = picked.value; !picked.there {
			delete(all, k)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

// pickGroups merges the contents of the sender groups by their labels, and the order as one thing.
func pickGroups(path string, base, running, own []SenderGroup, conflicts *[]string) (merged []SenderGroup) {
	order := threeOf(base, running, own, groupLabels).pick(path, conflicts)
	groups := pickMap(path, groupsByLabel(base), groupsByLabel(running), groupsByLabel(own), conflicts)
	for _, label := range order {
		if g := groups[label]; g != nil {
			merged = append(merged, *g)
		}
	}
	return merged
}

func groupsByLabel(groups []SenderGroup) map[string]*SenderGroup {
	all := make(map[string]*SenderGroup, len(groups))
	for i, label := range groupLabels(groups) {
		all[label] = &groups[i]
	}
	return all
}
