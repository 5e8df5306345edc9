package config

import (
	"fmt"
	"strings"
)

// ParseHAT reads the text form of a host access table, as Text writes it and as other appliances export it. The
// text form has no place for the table's default, which is left empty: keep the one that the listener has. The
// error is a *SyntaxError with the line.
func ParseHAT(text string) (*HostAccess, error) { return parseHAT(text, nil) }

// parseHAT is ParseHAT. Where skip is given, it is told of parameters and members that cannot be read, and the rest is read.
func parseHAT(text string, skip func(*SyntaxError)) (*HostAccess, error) {
	p := &hatParser{scan: hatScanner{text: text, line: 1}, table: &HostAccess{}, skip: skip}
	if err := p.parse(); err != nil {
		return nil, &SyntaxError{Line: p.scan.line, Text: err.Error()}
	}
	p.table.normalize()
	var f faults
	f.policiesAndGroups("", p.table)
	if err := f.err(); err != nil {
		return nil, err
	}
	return p.table, nil
}

type hatParser struct {
	scan  hatScanner
	table *HostAccess
	skip  func(*SyntaxError)
}

// passOver says whether a part that cannot be read is left out.
func (p *hatParser) passOver(err error) bool {
	if p.skip != nil {
		p.skip(&SyntaxError{Line: p.scan.line, Text: err.Error()})
	}
	return p.skip != nil
}

// parse reads entries until the end of the text. An entry is
//
//	$NAME ACTION [{ key = value ... }]                a policy
//	LABEL: member... POLICY                           a sender group
//	member [:] POLICY                                 an unnamed entry
//
// where POLICY is $NAME or ACTION [{ ... }], then perhaps a (comment). Line breaks mean nothing, except that a
// comment ends at the last parenthesis of its line.
func (p *hatParser) parse() error {
	for {
		word, err := p.scan.word()
		switch {
		case err != nil:
			return err
		case word == "":
			return nil
		case strings.HasPrefix(word, "$"):
			err = p.policyEntry(word[1:])
		default:
			err = p.groupEntry(word)
		}
		if err != nil {
			return err
		}
	}
}

func (p *hatParser) policyEntry(name string) error {
	name = strings.ToUpper(strings.TrimSuffix(name, ":"))
	if p.table.Policies[name] != nil {
		return fmt.Errorf("policy $%s is there twice", name)
	}
	word, err := p.scan.word()
	if err != nil {
		return err
	}
	if behaviorOf(word) == "" {
		return fmt.Errorf("policy $%s: %q is not an action", name, word)
	}
	policy, err := p.inline(behaviorOf(word))
	if err != nil {
		return err
	}
	if _, err := p.scan.comment(); err != nil { // a policy has no place for one
		return err
	}
	if p.table.Policies == nil {
		p.table.Policies = make(map[string]*Policy)
	}
	p.table.Policies[name] = policy
	return nil
}

func (p *hatParser) groupEntry(word string) error {
	var group SenderGroup
	if label, ok := strings.CutSuffix(word, ":"); ok && !strings.EqualFold(label, MemberAll) && validGroupName(label) {
		group.Name = label
		next, err := p.scan.word()
		if err != nil {
			return err
		}
		word = next
	}
	for !strings.HasPrefix(word, "$") && behaviorOf(word) == "" {
		if word == "" {
			return errNoAction
		}
		m, err := parseTableMember(word)
		if err == nil {
			group.Members = append(group.Members, m.String())
		} else if !p.passOver(err) {
			return err
		}
		if word, err = p.scan.word(); err != nil {
			return err
		}
	}
	if err := p.groupPolicy(&group, word); err != nil {
		return err
	}
	return p.add(group)
}

// parseTableMember reads a member, which in one-line entries may have a colon behind it.
func parseTableMember(word string) (Member, error) {
	m, err := ParseMember(word)
	if bare, ok := strings.CutSuffix(word, ":"); ok && err != nil {
		return ParseMember(bare)
	}
	return m, err
}

func (p *hatParser) groupPolicy(group *SenderGroup, word string) (err error) {
	if name, ok := strings.CutPrefix(word, "$"); ok {
		group.Policy = strings.ToUpper(name)
	} else if group.Inline, err = p.inline(behaviorOf(word)); err != nil {
		return err
	}
	group.Comment, err = p.scan.comment()
	return err
}

// add appends a group; an unnamed entry of several members becomes one entry for each.
func (p *hatParser) add(group SenderGroup) error {
	if group.Name != "" {
		p.table.Groups = append(p.table.Groups, group)
		return nil
	}
	if len(group.Members) == 0 && p.skip != nil {
		return nil // its members were passed over
	}
	if len(group.Members) == 0 {
		return fmt.Errorf("an entry without a label needs a member")
	}
	for _, m := range group.Members {
		single := SenderGroup{Members: []string{m}, Policy: group.Policy, Comment: group.Comment}
		if group.Inline != nil {
			params := HostAccess{Default: group.Inline.Params}
			single.Inline = &Policy{Behavior: group.Inline.Behavior, Params: params.Clone().Default}
		}
		p.table.Groups = append(p.table.Groups, single)
	}
	return nil
}

// inline reads the parameters that may follow an action.
func (p *hatParser) inline(b Behavior) (*Policy, error) {
	policy := &Policy{Behavior: b}
	if !p.scan.accept('{') {
		return policy, nil
	}
	seen := make(map[string]bool)
	for !p.scan.accept('}') {
		key, value, err := p.scan.pair()
		if err != nil {
			return nil, err
		}
		if seen[key] {
			return nil, fmt.Errorf("%s is there twice", key)
		}
		seen[key] = true
		if err := ParsePolicyKey(&policy.Params, key, value); err != nil && !p.passOver(err) {
			return nil, err
		}
	}
	return policy, nil
}
