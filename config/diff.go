package config

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Change is one setting that differs between two configurations.
type Change struct {
	Path string // as posthouse.toml names it, such as destination_controls."partner.example".tls
	Old  string
	New  string
}

const (
	noValue      = "(none)"    // what an absent value is shown as
	inherited    = "default"   // what an unset value of a destination is shown as
	secretValue  = "(changed)" // what a passphrase is shown as
	presentValue = "(present)" // what an object of which nothing is set is shown as
)

// Diff returns the settings that differ, sorted by path. Secrets are named by their content's name in the vault,
// passphrases not even so.
func Diff(old, new *Config) []Change {
	changes, _ := DiffUntil(context.Background(), old, new)
	return changes
}

// DiffUntil is Diff for somebody who may give it up: the end of ctx is its error then.
func DiffUntil(ctx context.Context, old, new *Config) ([]Change, error) {
	a, b := flattenUntil(ctx, old), flattenUntil(ctx, new)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var changes []Change
	for _, path := range allKeys(a, b) {
		before, had := a[path]
		after, has := b[path]
		if had == has && before == after {
			continue
		}
		changes = append(changes, Change{path, shown(path, before, had), shown(path, after, has)})
	}
	return dropPresence(changes), ctx.Err()
}

// shown is what a value, or its absence, is printed as.
func shown(path, value string, has bool) string {
	switch {
	case has:
		return value
	case strings.HasPrefix(path, "destination_controls.") && !strings.HasPrefix(path, "destination_controls."+DefaultDestination+"."):
		return inherited
	}
	return noValue
}

// dropPresence leaves out that an object came or went where the changes of its settings say so already, and shows a
// new passphrase as changed without the name of its hash.
func dropPresence(changes []Change) []Change {
	var out []Change
	for i, c := range changes {
		if c.Old == presentValue || c.New == presentValue {
			if i+1 < len(changes) && strings.HasPrefix(changes[i+1].Path, c.Path+".") {
				continue
			}
			c.Old, c.New = strings.ReplaceAll(c.Old, inherited, noValue), strings.ReplaceAll(c.New, inherited, noValue)
		}
		if isUserSecret(c.Path) {
			c.Old, c.New = "", secretValue
		}
		out = append(out, c)
	}
	return out
}

// isUserSecret says whether the path is that of a user's secret.
func isUserSecret(path string) bool {
	if !strings.HasPrefix(path, "users.") {
		return false
	}
	return slices.ContainsFunc(userSecrets[:], func(what userSecret) bool { return strings.HasSuffix(path, "."+what.shown) })
}

func allKeys(a, b map[string]string) []string {
	return slices.SortedFunc(maps.Keys(joined(a, b)), comparePaths)
}

// joined has what either has, b's values where both have one.
func joined(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// comparePaths is the order of the parts of paths: a full stop comes before every other sign, so that an object's own line
// stands right before its settings.
func comparePaths(x, y string) int {
	for i := range min(len(x), len(y)) {
		switch {
		case x[i] == y[i]:
		case x[i] == '.':
			return -1
		case y[i] == '.':
			return 1
		default:
			return int(x[i]) - int(y[i])
		}
	}
	return len(x) - len(y)
}

// FormatChanges returns the changes as showchanges prints them, a line each. The values begin in one column, counted
// without the quotes of a path.
func FormatChanges(changes []Change) string {
	width := 0
	for _, c := range changes {
		width = max(width, pathWidth(c.Path))
	}
	var b strings.Builder
	for _, c := range changes {
		b.WriteString(c.Path + ":" + strings.Repeat(" ", width-pathWidth(c.Path)+2))
		if c.Old != "" {
			b.WriteString(c.Old + " -> ")
		}
		b.WriteString(c.New + "\n")
	}
	return b.String()
}

func pathWidth(path string) int {
	return utf8.RuneCountInString(path) - strings.Count(path, `"`)
}

// flatten returns every setting that posthouse.toml would hold, and every reference, by path. Maps also yield a line
// for each of their objects, so that an object of which nothing is set can be seen to come and go.
func flatten(c *Config) map[string]string { return flattenUntil(context.Background(), c) }

// flattenUntil is flatten as far as it gets until ctx ends.
func flattenUntil(ctx context.Context, c *Config) map[string]string {
	if c == nil || ctx.Err() != nil {
		return nil
	}
	c = c.Clone()
	c.Normalize()
	f := flat{ctx: ctx, settings: make(map[string]string)}
	f.fields("", reflect.ValueOf(c).Elem())
	for ref, id := range c.Refs {
		if _, what, _ := userRef(ref); what.end == "history" {
			continue // it changes with the passphrase, which says so
		}
		f.settings[refPath(ref)] = id
	}
	return f.settings
}

// flat gathers settings by path.
type flat struct {
	ctx      context.Context // who waits for it
	settings map[string]string
}

// refPath returns the path under which a key of Refs is shown.
func refPath(ref string) string {
	if name, ok := strings.CutPrefix(ref, "certificates."); ok {
		return join("certificates", key(name), "content")
	}
	if user, what, ok := userRef(ref); ok {
		return join("users", key(user), what.shown)
	}
	return join(ref, "content")
}

func (f flat) fields(path string, v reflect.Value) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name := tomlName(field)
		if name == "" || strings.HasSuffix(field.Tag.Get("toml"), ",omitempty") && v.Field(i).IsZero() {
			continue
		}
		f.value(join(path, name), v.Field(i))
	}
}

func (f flat) value(path string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			f.value(path, v.Elem())
		}
	case reflect.Struct:
		f.fields(path, v)
	case reflect.Map:
		for _, k := range sortedKeys(v) {
			if f.ctx.Err() != nil {
				return
			}
			at := join(path, key(k.String()))
			f.settings[at] = presentValue
			f.value(at, v.MapIndex(k))
		}
	case reflect.Slice:
		f.list(path, v)
	default:
		f.settings[path] = scalar(v)
	}
}

// list shows a list of words as one value. A list of tables is shown as the order of their labels, which is
// a setting too, and as a table for each label.
func (f flat) list(path string, v reflect.Value) {
	var names []string
	objects := true // each has settings of its own, and not only a value
	switch list := v.Interface().(type) {
	case []SenderGroup:
		names = groupLabels(list)
	case []DNSServer:
		names = serverLabels(list)
	case []AlertSubscription:
		objects = false
		for _, sub := range list {
			names = append(names, sub.Class+" ("+strings.Join(sub.Severities, ", ")+")")
		}
	default:
		objects = false
		for i := range v.Len() {
			names = append(names, scalar(v.Index(i)))
		}
	}
	for i := 0; objects && i < len(names); i++ {
		f.fields(join(path, key(names[i])), v.Index(i))
	}
	if len(names) > 0 {
		f.settings[path] = strings.Join(names, ", ")
	}
}

func scalar(v reflect.Value) string {
	switch v.Kind() {
	case reflect.String:
		// Quotes keep an empty value, and one that would be taken for an absent one, visible.
		if s := v.String(); s != "" && strings.TrimSpace(s) == s && s[0] != '(' && plainText(s) {
			return s
		}
		return strconv.Quote(v.String())
	case reflect.Bool:
		return strconv.FormatBool(v.Bool())
	}
	return fmt.Sprint(v.Interface())
}

// sortedKeys returns the keys of a map with string keys in order.
func sortedKeys(v reflect.Value) []reflect.Value {
	return slices.SortedFunc(slices.Values(v.MapKeys()), func(a, b reflect.Value) int {
		return strings.Compare(a.String(), b.String())
	})
}

// groupLabels name the entries of a host access table: each by its group's name or its member, with a number behind a later
// entry of the same member.
func groupLabels(groups []SenderGroup) []string {
	return labels(groups, func(g *SenderGroup) string {
		if g.Name != "" || len(g.Members) == 0 {
			return g.Name
		}
		return g.Members[0]
	})
}

func serverLabels(servers []DNSServer) []string {
	return labels(servers, func(s *DNSServer) string {
		if s.Domain != "" {
			return s.Address + " for " + s.Domain
		}
		return s.Address
	})
}

func labels[T any](list []T, name func(*T) string) []string {
	all, count := make([]string, len(list)), make(map[string]int, len(list))
	for i := range list {
		all[i] = name(&list[i])
		count[all[i]]++
		if n := count[all[i]]; n > 1 {
			all[i] += "#" + strconv.Itoa(n)
		}
	}
	return all
}
