package commands

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

func (d *destinations) importTable() error {
	name, _, err := askFile(d.a, d.s, "Enter the name of the file to import:")
	if err != nil {
		return err
	}
	return d.readTable(name)
}

// readTable puts the file's entries in the place of the present ones. The present default stays where the file has none.
func (d *destinations) readTable(file string) error {
	data, err := readFile(d.a, file)
	if err != nil {
		return err
	}
	read, err := parseDestinations(string(data), d.config())
	if err != nil {
		return err
	}
	err = change(d.s, func(c *config.Config) error {
		if read.entries[config.DefaultDestination] == nil {
			read.entries[config.DefaultDestination] = c.Destinations[config.DefaultDestination]
		}
		c.Destinations, c.Delivery.TLSAlert = read.entries, read.alert
		return nil
	})
	if err != nil {
		return err
	}
	for _, note := range read.notes {
		d.s.Say("%s", note)
	}
	d.s.Say("%d entries imported.", len(read.entries))
	return nil
}

func (d *destinations) exportTable() error {
	if err := d.s.Permit("export"); err != nil {
		return err
	}
	name, err := askNewFile(d.s, "Enter the name of the file to export to:")
	if err != nil {
		return err
	}
	return d.writeTable(name)
}

func (d *destinations) writeTable(file string) error {
	if err := writeFile(d.a, file, []byte(formatDestinations(d.config()))); err != nil {
		return err
	}
	written(d.s, d.a, file)
	return nil
}

// ini is one reading of an INI file of destination controls.
type ini struct {
	config  *config.Config // whose certificates and bounce profiles may be named
	entries map[string]*config.Destination
	notes   []string // what is known but has no effect here
	alert   bool     // the switch for every destination; as it was where the file does not say it

	section string
	entry   *config.Destination
	seen    map[string]bool // the keys of the section
}

// parseDestinations reads an INI file.
func parseDestinations(text string, c *config.Config) (*ini, error) {
	r := &ini{config: c, entries: map[string]*config.Destination{}, alert: c.Delivery.TLSAlert}
	for i, line := range strings.Split(text, "\n") {
		if err := r.line(strings.TrimSpace(line)); err != nil {
			return nil, shell.Fail("Invalid line %d%s: %w", i+1, r.where(), err)
		}
	}
	if err := r.finish(); err != nil {
		return nil, shell.Fail("Invalid section%s: %w", r.where(), err)
	}
	return r, nil
}

func (r *ini) where() string {
	if r.section == "" {
		return ""
	}
	return " [" + r.section + "]"
}

func (r *ini) line(line string) error {
	if line == "" || line[0] == '#' || line[0] == ';' {
		return nil
	}
	if inner, ok := strings.CutPrefix(line, "["); ok && strings.HasSuffix(inner, "]") && !strings.Contains(inner, "=") {
		if err := r.finish(); err != nil {
			return err
		}
		return r.open(strings.TrimSpace(strings.TrimSuffix(inner, "]")))
	}
	key, value, ok := strings.Cut(line, "=")
	key, value = strings.ToLower(strings.TrimSpace(key)), strings.TrimSpace(value)
	switch {
	case !ok:
		return fmt.Errorf("%q is neither [DOMAIN] nor key = value.", line)
	case r.entry == nil:
		return fmt.Errorf("%q stands before the first [DOMAIN].", key)
	case r.seen[key]:
		return fmt.Errorf("%q is said twice.", key)
	}
	r.seen[key] = true
	return r.set(key, value)
}

func (r *ini) open(section string) error {
	name := hostWord(section)
	if strings.EqualFold(name, config.DefaultDestination) {
		name = config.DefaultDestination
	}
	if r.entries[name] != nil {
		return fmt.Errorf("there are two sections [%s].", name)
	}
	r.section, r.entry, r.seen = name, &config.Destination{}, map[string]bool{}
	r.entries[name] = r.entry
	return nil
}

// finish checks the section that ends.
func (r *ini) finish() error {
	if r.entry == nil {
		return nil
	}
	if r.seen["recipient_limit"] {
		for _, key := range []string{"recipient_minutes", "limit_type", "limit_apply"} {
			if !r.seen[key] {
				return fmt.Errorf("recipient_limit needs %s.", key)
			}
		}
	}
	if r.section != config.DefaultDestination {
		return nil
	}
	for _, key := range []string{"max_host_concurrency", "limit_type", "limit_apply", "table_tls", "dane"} {
		if !r.seen[key] {
			return fmt.Errorf("the default needs %s.", key)
		}
	}
	r.completeDefault()
	return nil
}

// completeDefault takes what files of other products do not know from the default that there is.
func (r *ini) completeDefault() {
	present := r.config.Destinations[config.DefaultDestination]
	if present == nil {
		return
	}
	r.entry.MTASTS = cmp.Or(r.entry.MTASTS, present.MTASTS)
	r.entry.Alert = cmp.Or(r.entry.Alert, present.Alert)
}

// iniTLS and the lists below give the words of a key; a word's place is its number.
var (
	iniTLS       = []string{"off", "on", "required", "on_verify", "require_verify", "require_verify_hosted"}
	iniSort      = []string{"prefer_v6", "require_v6", "prefer_v4", "require_v4"}
	iniLimitType = []string{"host", "mxip"}
	iniApply     = []string{"system", "vg"}
	iniOnOff     = []string{"off", "on"}
)

func (r *ini) set(key, value string) error {
	e := r.entry
	switch key {
	case "max_host_concurrency":
		return iniNumber(&e.Concurrency, key, value, concurrencyMost)
	case "max_messages_per_connection":
		return iniNumber(&e.Messages, key, value, messagesMost)
	case "recipient_minutes":
		return iniNumber(&e.RecipientMinutes, key, value, minutesMost)
	case "recipient_limit":
		return iniNumber(&e.Recipients, key, value, recipientsMost)
	case "limit_type":
		return iniWord(key, value, iniLimitType, func(i int) error { e.LimitPer = []string{"domain", "mx"}[i]; return nil })
	case "limit_apply":
		return iniWord(key, value, iniApply, func(i int) error { e.LimitApply = iniApply[i]; return nil })
	case "ip_sort_pref":
		return iniWord(key, value, iniSort, func(i int) error { e.IPSort = ipSorts[i].word; return nil })
	case "table_tls":
		if strings.EqualFold(value, "require") {
			value = "required"
		}
		return iniWord(key, value, iniTLS, func(i int) error { e.TLS = tlsLevels[i].level; return nil })
	case "dane":
		return iniWord(key, value, []string{"none", "opportunistic", "mandatory"},
			func(i int) error { e.DANE = daneLevels[i].level; return nil })
	case "mta_sts":
		return iniWord(key, value, iniOnOff, func(i int) error { e.MTASTS = iniOnOff[i]; return nil })
	case "alert":
		return iniWord(key, value, iniOnOff, func(i int) error { e.Alert = iniOnOff[i]; return nil })
	}
	return r.setName(key, value)
}

// setName is set for what names something else or has no effect here.
func (r *ini) setName(key, value string) (err error) {
	switch key {
	case "certificate":
		r.entry.Certificate, err = profileNamed(r.config, value)
	case "bounce_profile":
		r.entry.BounceProfile, err = bounceProfileNamed(r.config, value)
	case "bounce_validation":
		return iniWord(key, value, iniOnOff, func(i int) error { return r.without(key, i) })
	case "send_tls_req_alert":
		if r.section != config.DefaultDestination {
			return fmt.Errorf("%s belongs to [DEFAULT] only.", key)
		}
		return iniWord(key, value, iniOnOff, func(i int) error { r.alert = i == 1; return nil })
	default:
		return fmt.Errorf("unknown key %q.", key)
	}
	return err
}

// without notes a switch that is on and has no effect here.
func (r *ini) without(key string, on int) error {
	if on == 1 {
		r.notes = append(r.notes, fmt.Sprintf("Note: %s in [%s] has no effect in this version and is left out.", key, r.section))
	}
	return nil
}

func iniNumber(to **int, key, value string, most int) error {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > most {
		return fmt.Errorf("%s is %q: a number from 1 to %d is accepted.", key, value, most)
	}
	*to = &n
	return nil
}

// iniWord finds value among words, in any case or by its number.
func iniWord(key, value string, words []string, set func(i int) error) error {
	i := slices.Index(words, strings.ToLower(value))
	if n, err := strconv.Atoi(value); err == nil && n < len(words) {
		i = n
	}
	if i < 0 {
		return fmt.Errorf("%s is %q: accepted are %s.", key, value, strings.Join(words, ", "))
	}
	return set(i)
}

// formatDestinations writes every entry as parseDestinations reads it.
func formatDestinations(c *config.Config) string {
	var b strings.Builder
	formatDestination(&b, config.DefaultDestination, c.Destinations[config.DefaultDestination])
	fmt.Fprintf(&b, "send_tls_req_alert = %d\n\n", map[bool]int{true: 1}[c.Delivery.TLSAlert])
	for _, name := range slices.Sorted(maps.Keys(c.Destinations)) {
		if name != config.DefaultDestination {
			formatDestination(&b, name, c.Destinations[name])
			b.WriteString("\n")
		}
	}
	return b.String()
}

func formatDestination(b *strings.Builder, name string, e *config.Destination) {
	fmt.Fprintf(b, "[%s]\n", name)
	number := func(key string, n *int) {
		if n != nil {
			fmt.Fprintf(b, "%s = %d\n", key, *n)
		}
	}
	word := func(key, value string) {
		if value != "" {
			fmt.Fprintf(b, "%s = %s\n", key, value)
		}
	}
	number("max_host_concurrency", e.Concurrency)
	number("max_messages_per_connection", e.Messages)
	number("recipient_minutes", e.RecipientMinutes)
	number("recipient_limit", e.Recipients)
	word("limit_type", map[string]string{"domain": "host", "mx": "MXIP"}[e.LimitPer])
	word("limit_apply", map[string]string{"system": "system", "vg": "VG"}[e.LimitApply])
	word("ip_sort_pref", strings.ReplaceAll(strings.ToUpper(e.IPSort), "-", "_"))
	if i := slices.IndexFunc(tlsLevels[:], func(l tlsLevel) bool { return l.level == e.TLS }); i >= 0 {
		word("table_tls", iniTLS[i])
	}
	word("dane", e.DANE)
	word("certificate", e.Certificate)
	word("bounce_profile", e.BounceProfile)
	word("mta_sts", e.MTASTS)
	word("alert", e.Alert)
}
