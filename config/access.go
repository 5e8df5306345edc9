package config

// AccessTable is a host access table made ready for many lookups: its members are parsed, its limits filled in. It
// never changes, and does not follow the HostAccess that it was made of.
type AccessTable struct {
	entries   []accessEntry
	rest      PolicyParams // for a peer that no entry matches
	needsName bool
	needsCert bool
}

// accessEntry is a sender group whose policy decides.
type accessEntry struct {
	group    string
	members  []Member
	patterns []string // the members as they are written
	behavior Behavior
	params   PolicyParams
}

// Compile makes a table of h. Members that cannot be read and groups without a policy match nobody.
func (h *HostAccess) Compile() *AccessTable {
	t := &AccessTable{rest: h.Effective(PolicyParams{})}
	for i := range h.Groups {
		g := &h.Groups[i]
		policy := h.policy(g)
		if policy == nil || policy.Behavior == Continue {
			continue
		}
		entry := accessEntry{group: g.Name, behavior: policy.Behavior, params: h.Effective(policy.Params)}
		if entry.group == "" {
			entry.group = noGroup
		}
		for _, text := range g.Members {
			m, err := ParseMember(text)
			if err != nil {
				continue
			}
			t.needsName = t.needsName || m.NeedsName()
			t.needsCert = t.needsCert || m.NeedsCertificate()
			entry.members, entry.patterns = append(entry.members, m), append(entry.patterns, text)
		}
		t.entries = append(t.entries, entry)
	}
	return t
}

// Lookup returns what the table does with a peer: the sender group, the member that matched, the behavior (never
// Continue) and the limits, all of them set; they must not be changed. The group is "None" for an unnamed entry, and with
// the pattern ALL for a peer that no entry matches.
func (t *AccessTable) Lookup(peer Peer) (group, pattern string, b Behavior, p PolicyParams) {
	for i := range t.entries {
		e := &t.entries[i]
		for n := range e.members {
			if e.members[n].Match(peer) {
				return e.group, e.patterns[n], e.behavior, e.params
			}
		}
	}
	return noGroup, MemberAll, Accept, t.rest
}

// NeedsName says whether any member of the table is matched against the peer's name.
func (t *AccessTable) NeedsName() bool { return t.needsName }

// NeedsCertificate says whether any member of the table is matched against the peer's certificate.
func (t *AccessTable) NeedsCertificate() bool { return t.needsCert }
