package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// slots are the objects that the administrators of the model edit. A slot's value is a number, 0 is its absence where it
// can be absent.
var slots = map[string]func(c *Config, value int){
	`hostname`: func(c *Config, v int) { c.Hostname = fmt.Sprintf("m%d.example", v) },
	`delivery`: func(c *Config, v int) { c.Delivery.Concurrency = 100 + v },
	`destination_controls."a.example"`: func(c *Config, v int) {
		if delete(c.Destinations, "a.example"); v > 0 {
			c.Destinations["a.example"] = &Destination{Concurrency: new(v)}
		}
	},
	`listeners.InboundMail`: func(c *Config, v int) { c.Listeners["InboundMail"].MaxConnections = 10 + v },
	`listeners.InboundMail.recipient_access."r.example"`: func(c *Config, v int) {
		l := c.Listeners["InboundMail"]
		if delete(l.RecipientAccess, "r.example"); v > 0 {
			if l.RecipientAccess == nil {
				l.RecipientAccess = RecipientAccess{}
			}
			l.RecipientAccess["r.example"] = &RecipientRule{Code: 500 + v}
		}
	},
	`listeners.InboundMail.recipient_access."s.example"`: func(c *Config, v int) {
		l := c.Listeners["InboundMail"]
		if delete(l.RecipientAccess, "s.example"); v > 0 {
			if l.RecipientAccess == nil {
				l.RecipientAccess = RecipientAccess{}
			}
			l.RecipientAccess["s.example"] = &RecipientRule{Code: 500 + v}
		}
	},
	`listeners.InboundMail.host_access.groups.RELAYLIST`: func(c *Config, v int) {
		c.Listeners["InboundMail"].HostAccess.Groups[0].Members = []string{fmt.Sprintf("192.0.2.%d", v)}
	},
	`listeners.InboundMail.host_access.groups.BLOCKED_LIST`: func(c *Config, v int) {
		c.Listeners["InboundMail"].HostAccess.Groups[2].Members = []string{fmt.Sprintf("192.0.2.%d", v)}
	},
}

// admin is an administrator of the model: what he saw when his candidate was made, and what he has in it.
type admin struct {
	candidate *Candidate
	base, own map[string]int
}

// Several administrators edit and commit in any order. What is running is what a model says that knows nothing of
// configurations: a commit lays its own changes over what runs, or is refused with every object that both changed, by
// whom, and both values; then nothing has changed.
func TestSeveralAdministrators(t *testing.T) {
	names := slices.Sorted(maps.Keys(slots))
	rapid.Check(t, func(rt *rapid.T) {
		c := Default("m0.example")
		for _, name := range names {
			slots[name](c, 0)
		}
		s, err := Create(t.TempDir(), c, alice)
		if err != nil {
			rt.Fatal(err)
		}
		running, by := map[string]int{}, map[string]string{}
		admins := map[string]*admin{}
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			who := rapid.SampledFrom([]string{"anna", "bert", "carl"}).Draw(rt, "who")
			a := admins[who]
			if a == nil {
				a = &admin{s.Candidate(), maps.Clone(running), maps.Clone(running)}
				admins[who] = a
			}
			if rapid.IntRange(0, 3).Draw(rt, "commit") > 0 {
				name, value := rapid.SampledFrom(names).Draw(rt, "object"), rapid.IntRange(0, 2).Draw(rt, "value")
				slots[name](a.candidate.Config, value)
				a.own[name] = value
				continue
			}
			var clashes []string
			next := maps.Clone(running)
			for _, name := range names {
				switch {
				case a.own[name] == a.base[name] || a.own[name] == running[name]:
				case running[name] == a.base[name]:
					next[name] = a.own[name]
				default:
					clashes = append(clashes, name)
				}
			}
			_, err := s.Commit(t.Context(), a.candidate, Author{User: who}, "", true)
			checkRefusal(rt, err, clashes, by)
			if len(clashes) == 0 {
				if maps.Equal(next, running) != errors.Is(err, ErrNothing) || err != nil && !errors.Is(err, ErrNothing) {
					rt.Fatalf("got %v", err)
				}
				for name := range next {
					if next[name] != running[name] {
						by[name] = who
					}
				}
				running = next
			}
			want := c.Clone()
			for name, value := range running {
				slots[name](want, value)
			}
			if changes := Diff(want, s.Running().Config); len(changes) > 0 {
				rt.Fatalf("running is not what the model says:\n%s", FormatChanges(changes))
			}
			delete(admins, who)
		}
	})
}

func checkRefusal(t *rapid.T, err error, clashes []string, by map[string]string) {
	found := ConflictErrors(err)
	if len(found) != len(clashes) {
		t.Fatalf("conflicts %v, want %v", err, clashes)
	}
	for _, e := range found {
		if !slices.Contains(clashes, e.Object) || e.By.Author.User != by[e.Object] || len(e.Values) == 0 {
			t.Fatalf("%+v; want one of %v, by %s", e, clashes, by[e.Object])
		}
		for _, v := range e.Values {
			if v.Theirs == v.Ours || !strings.HasPrefix(v.Path, e.Object) {
				t.Fatalf("both have %+v", v)
			}
		}
	}
}
