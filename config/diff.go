package config

import (
	"cmp"
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
	a, b := flatten(old), flatten(new)
	var changes []Change
	for _, path := range allKeys(a, b) {
		before, had := a[path]
		after, has := b[path]
		if had == has && before == after {
			continue
		}
		changes = append(changes, Change{path, shown(path, before, had), shown(path, after, has)})
	}
	return dropPresence(changes)
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

// secretNames are what the ends of a user's keys in Refs are shown as.
var secretNames = map[string]string{"passphrase": "passphrase", "history": "passphrase_history", "two_factor": "two_factor_secret"}

// isUserSecret says whether the path is that of a user's secret.
func isUserSecret(path string) bool {
	if !strings.HasPrefix(path, "users.") {
		return false
	}
	for _, name := range secretNames {
		if strings.HasSuffix(path, "."+name) {
			return true
		}
	}
	return false
}

func allKeys(a, b map[string]string) []string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return slices.SortedFunc(maps.Keys(all), comparePaths)
}

// comparePaths orders by the parts of a path, so that an object's own line stands right before its settings: a full stop comes
// before everything else.
func comparePaths(x, y string) int {
	for i := range min(len(x), len(y)) {
		if a, b := x[i], y[i]; a != b {
			switch {
			case a == '.':
				return -1
			case b == '.':
				return 1
			}
			return cmp.Compare(a, b)
		}
	}
	return cmp.Compare(len(x), len(y))
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
func flatten(c *Config) map[string]string {
	if c == nil {
		return nil
	}
	c = c.Clone()
	c.Normalize()
	out := make(map[string]string)
	flattenStruct(out, "", reflect.ValueOf(c).Elem())
	for ref, id := range c.Refs {
		if _, what, _ := userRef(ref); what == "history" {
			continue // it changes with the passphrase, which says so
		}
		out[refPath(ref)] = id
	}
	return out
}

// refPath returns the path under which a key of Refs is shown.
func refPath(ref string) string {
	if name, ok := strings.CutPrefix(ref, "certificates."); ok {
		return join("certificates", key(name), "content")
	}
	if user, what, ok := userRef(ref); ok {
		return join("users", key(user), secretNames[what])
	}
	return join(ref, "content")
}

func flattenStruct(out map[string]string, path string, v reflect.Value) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name := tomlName(field)
		if name == "" || strings.HasSuffix(field.Tag.Get("toml"), ",omitempty") && v.Field(i).IsZero() {
			continue
		}
		flattenValue(out, join(path, name), v.Field(i))
	}
}

func flattenValue(out map[string]string, path string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			flattenValue(out, path, v.Elem())
		}
	case reflect.Struct:
		flattenStruct(out, path, v)
	case reflect.Map:
		for _, k := range sortedKeys(v) {
			at := join(path, key(k.String()))
			out[at] = presentValue
			flattenValue(out, at, v.MapIndex(k))
		}
	case reflect.Slice:
		flattenSlice(out, path, v)
	default:
		out[path] = scalar(v)
	}
}

// flattenSlice shows a list of words as one value. A list of tables is shown as the order of their labels, which is
// a setting too, and as a table for each label.
func flattenSlice(out map[string]string, path string, v reflect.Value) {
	var labels []string
	for i := range v.Len() {
		switch list := v.Interface().(type) {
		case []SenderGroup:
			labels = append(labels, groupLabel(list, i))
		case []DNSServer:
			labels = append(labels, serverLabel(list, i))
		case []AlertSubscription:
			labels = append(labels, list[i].Class+" ("+strings.Join(list[i].Severities, ", ")+")")
			continue
		default:
			labels = append(labels, scalar(v.Index(i)))
			continue
		}
		flattenStruct(out, join(path, key(labels[i])), v.Index(i))
	}
	if len(labels) > 0 {
		out[path] = strings.Join(labels, ", ")
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

// groupLabel names an entry of a host access table: its group's name or its member, with a number behind a later
// entry of the same member.
func groupLabel(groups []SenderGroup, i int) string {
	return label(len(groups), i, func(j int) string {
		if g := &groups[j]; g.Name != "" || len(g.Members) == 0 {
			return g.Name
		}
		return groups[j].Members[0]
	})
}

func serverLabel(servers []DNSServer, i int) string {
	return label(len(servers), i, func(j int) string {
		if servers[j].Domain != "" {
			return servers[j].Address + " for " + servers[j].Domain
		}
		return servers[j].Address
	})
}

func label(n, i int, name func(int) string) string {
	own, count := name(i), 1
	for j := range min(i, n) {
		if name(j) == own {
			count++
		}
	}
	if count > 1 {
		return own + "#" + strconv.Itoa(count)
	}
	return own
}
