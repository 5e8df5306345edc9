package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

const (
	indentMember = "    "
	indentPolicy = "        "
)

// Text returns the table in its text form, which ParseHAT reads back as the same table without its default.
func (h *HostAccess) Text() string {
	var b strings.Builder
	for _, name := range h.PolicyNames() {
		fmt.Fprintf(&b, "$%s\n", name)
		writePolicy(&b, indentMember, h.Policies[name])
		b.WriteByte('\n')
	}
	if len(h.Policies) > 0 && len(h.Groups) > 0 {
		b.WriteByte('\n')
	}
	for _, g := range h.Groups {
		writeGroup(&b, &g)
	}
	return b.String()
}

// PolicyNames returns the names of the policies in the order of the text form: by what they do, then by name.
func (h *HostAccess) PolicyNames() []string {
	order := []Behavior{Accept, Relay, Continue, Reject, TCPRefuse}
	return slices.SortedFunc(maps.Keys(h.Policies), func(a, b string) int {
		return cmp.Or(
			cmp.Compare(slices.Index(order, h.Policies[a].Behavior), slices.Index(order, h.Policies[b].Behavior)),
			cmp.Compare(a, b))
	})
}

func writeGroup(b *strings.Builder, g *SenderGroup) {
	inlineAt := indentMember
	if g.Name != "" {
		inlineAt = indentPolicy
		fmt.Fprintf(b, "%s:\n", g.Name)
		for _, m := range g.Members {
			fmt.Fprintf(b, "%s%s\n", indentMember, m)
		}
	} else {
		fmt.Fprintf(b, "%s\n", strings.Join(g.Members, ", "))
	}
	if g.Inline != nil {
		writePolicy(b, inlineAt, g.Inline)
	} else {
		fmt.Fprintf(b, "%s$%s", indentPolicy, g.Policy)
	}
	if g.Comment != "" {
		fmt.Fprintf(b, " (%s)", g.Comment)
	}
	b.WriteByte('\n')
}

// writePolicy writes an action and its parameters without the last line break.
func writePolicy(b *strings.Builder, indent string, p *Policy) {
	b.WriteString(indent + string(p.Behavior))
	keys := p.Params.Keys()
	if len(keys) == 0 {
		return
	}
	b.WriteString(" {\n")
	for _, k := range keys {
		value := k.Value
		if k.Quoted {
			value = quoteHAT(value)
		}
		fmt.Fprintf(b, "%s    %s = %s\n", indent, k.Key, value)
	}
	b.WriteString(indent + "}")
}
