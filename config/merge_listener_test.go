package config

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
)

func TestMergeParts(t *testing.T) {
	t.Parallel()
	group := func(c *Config, name string) *SenderGroup {
		groups := c.Listeners["InboundMail"].HostAccess.Groups
		return &groups[slices.IndexFunc(groups, func(g SenderGroup) bool { return g.Name == name })]
	}
	insert := func(c *Config, at int, name string) {
		h := &c.Listeners["InboundMail"].HostAccess
		h.Groups = slices.Insert(h.Groups, at, SenderGroup{Name: name, Policy: "BLOCKED"})
	}
	rule := func(name string) func(c *Config) {
		return func(c *Config) {
			c.Listeners["InboundMail"].RecipientAccess[name] = &RecipientRule{Accept: true}
		}
	}
	serverName := func(name string) func(c *Config) {
		return func(c *Config) {
			l := c.Listeners["InboundMail"]
			if l.ServerNames == nil {
				l.ServerNames = map[string][]string{}
			}
			l.ServerNames[name] = []string{"Demo"}
		}
	}
	const l = "listeners.InboundMail"
	for name, tt := range map[string]struct {
		theirs, mine func(c *Config)
		conflicts    []string
	}{
		"two recipients":           {rule("a.example"), rule("b.example"), nil},
		"the same recipient":       {rule("a.example"), rule("a.example"), nil},
		"a recipient and the port": {rule("a.example"), func(c *Config) { c.Listeners["InboundMail"].Port = 0 }, nil},
		"members of two sender groups": {
			func(c *Config) { group(c, "RELAYLIST").Members = []string{"192.0.2.1"} },
			func(c *Config) { group(c, "BLOCKED_LIST").Members = []string{"192.0.2.2"} }, nil,
		},
		"members of one sender group": {
			func(c *Config) { group(c, "RELAYLIST").Members = []string{"192.0.2.1"} },
			func(c *Config) { group(c, "RELAYLIST").Members = []string{"192.0.2.2"} },
			[]string{l + ".host_access.groups.RELAYLIST"},
		},
		"a new group and members of another": {
			func(c *Config) { insert(c, 0, "FIRST") },
			func(c *Config) { group(c, "RELAYLIST").Members = []string{"192.0.2.2"} }, nil,
		},
		"two new groups": {
			func(c *Config) { insert(c, 0, "FIRST") }, func(c *Config) { insert(c, 1, "SECOND") },
			[]string{l + ".host_access.groups"},
		},
		"a group removed and edited": {
			func(c *Config) {
				c.Listeners["InboundMail"].HostAccess.Groups = c.Listeners["InboundMail"].HostAccess.Groups[1:]
			},
			func(c *Config) { group(c, "RELAYLIST").Members = []string{"192.0.2.2"} },
			[]string{l + ".host_access.groups.RELAYLIST"},
		},
		"a recipient removed and edited": {
			func(c *Config) { delete(c.Listeners["InboundMail"].RecipientAccess, "old.example") },
			func(c *Config) { c.Listeners["InboundMail"].RecipientAccess["old.example"].Text = "x" },
			[]string{l + `.recipient_access."old.example"`},
		},
		"the default policy and a policy": {
			func(c *Config) { c.Listeners["InboundMail"].HostAccess.Default.TLS = TLSPreferred },
			func(c *Config) { c.Listeners["InboundMail"].HostAccess.Policies["TRUSTED"].Params.TLS = TLSRequired }, nil,
		},
		"server names": {
			serverName("a.example"), serverName("b.example"), nil,
		},
		"the port and the queue": {
			func(c *Config) { c.Listeners["InboundMail"].Port = 2 }, func(c *Config) { c.Listeners["InboundMail"].ListenQueue = 7 },
			[]string{l},
		},
	} {
		t.Run(name, func(t *testing.T) {
			base := Default("mail.example.com")
			base.Listeners["InboundMail"].RecipientAccess = RecipientAccess{"old.example": {Accept: true}}
			base.Normalize()
			theirs, mine, both := base.Clone(), base.Clone(), base.Clone()
			tt.theirs(theirs)
			tt.mine(mine)
			tt.theirs(both)
			if tt.conflicts == nil {
				tt.mine(both)
			}
			for _, c := range []*Config{theirs, mine, both} {
				c.Normalize()
			}
			merged, conflicts := merge(base, theirs, mine)
			merged.Normalize()
			if !slices.Equal(conflicts, tt.conflicts) {
				t.Fatalf("conflicts %v", conflicts)
			}
			if tt.conflicts == nil && !reflect.DeepEqual(merged, both) {
				t.Errorf("merged otherwise:\n%s", FormatChanges(Diff(both, merged)))
			}
		})
	}
}

// A conflict names who changed the object itself, and its own values: not who changed what stands inside it and is an
// object of its own.
func TestConflictOfAListenerOnly(t *testing.T) {
	t.Parallel()
	for object, c := range map[string]struct{ theirs, mine func(l *Listener) }{
		`listeners.InboundMail`: {
			func(l *Listener) { l.MaxConnections = 11 },
			func(l *Listener) { l.MaxConnections = 12 },
		},
		`listeners.InboundMail.host_access.groups`: {
			func(l *Listener) { l.HostAccess.Groups = l.HostAccess.Groups[1:] },
			func(l *Listener) { l.HostAccess.Groups = slices.Delete(l.HostAccess.Groups, 1, 2) },
		},
	} {
		t.Run(object, func(t *testing.T) {
			t.Parallel()
			s := newTestStore(t)
			mine := s.Candidate()
			theirs := mustCommit(t, s, func(conf *Config) { c.theirs(conf.Listeners["InboundMail"]) })
			mustCommit(t, s, func(c *Config) { // somebody else, inside
				groups := c.Listeners["InboundMail"].HostAccess.Groups
				groups[len(groups)-2].Members = []string{"192.0.2.77"}
			})
			c.mine(mine.Config.Listeners["InboundMail"])
			_, err := s.Commit(t.Context(), mine, alice, "", true)
			conflicts := ConflictErrors(err)
			if len(conflicts) != 1 || conflicts[0].Object != object || conflicts[0].By != theirs.Revision || len(conflicts[0].Values) != 1 {
				t.Fatalf("got %v", err)
			}
		})
	}
}

// Two operators import tables of the same recipients with other actions: every entry is a conflict, and each is named with
// both values. What one of them costs must not grow with their number, since nobody can commit meanwhile.
func TestManyConflicts(t *testing.T) {
	t.Parallel()
	const entries = 2000
	s := newTestStore(t)
	table := func(accept bool, code int) map[string]*RecipientRule {
		rules := make(map[string]*RecipientRule, entries)
		for i := range entries {
			rules[fmt.Sprintf("user%d@example.com", i)] = &RecipientRule{Accept: accept, Code: code}
		}
		return rules
	}
	ours, theirs := s.Candidate(), s.Candidate()
	theirs.Config.Listeners["InboundMail"].RecipientAccess = table(false, 550)
	ours.Config.Listeners["InboundMail"].RecipientAccess = table(true, 0)
	if _, err := s.Commit(t.Context(), theirs, Author{User: "anna"}, "", true); err != nil {
		t.Fatal(err)
	}
	_, err := s.Commit(t.Context(), ours, Author{User: "bert"}, "", true)
	conflicts := ConflictErrors(err)
	if len(conflicts) != entries {
		t.Fatalf("%d conflicts, want %d", len(conflicts), entries)
	}
	for _, e := range conflicts {
		if e.By.Author.User != "anna" || len(e.Values) == 0 || e.Values[0].Theirs == e.Values[0].Ours {
			t.Fatalf("got %+v", e)
		}
	}
}
