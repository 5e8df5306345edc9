package testscripts

import (
	"strings"
)

// outCase is one way in which mail to others fares badly.
type outCase struct {
	name   string // of the catalogue's id in lower case, and what tells it from other ways to the same
	kind   kind
	fault  fault
	route  string // in place of one to a server with the fault; by DNS: there is none
	zone   string // records for the case's names
	logged string // the id that delivery finds, where tlsverify finds out more
	needs  string // a program that must be there

	slow    bool   // it takes the time that a peer is given
	only    string // the one level at which it can be told; empty: those of the kind
	literal string // the domain, where it is an address
}

// id is what the case is to be called everywhere.
func (c *outCase) id() string {
	id, _, _ := strings.Cut(c.name, "-")
	return strings.ToUpper(id)
}

// seen is the id that delivery names.
func (c *outCase) seen() string {
	if c.logged != "" {
		return c.logged
	}
	return c.id()
}

func (c *outCase) domain(level string) string {
	if c.literal != "" {
		return c.literal
	}
	return level + "." + c.name + ".example"
}

func (c *outCase) levels() []string {
	if c.only != "" {
		return []string{c.only}
	}
	return c.kind.levels()
}

// byDNS is the route of a case whose mail goes where the DNS says.
const byDNS = "USEDNS"

// kind is what the levels make of a cause.
type kind int

const (
	warned     kind = iota // the peer is verified all the same
	unproven               // encrypted, and not proven who it is
	withoutTLS             // TLS is not to be had
	broken                 // TLS was agreed upon and failed
	unreached              // it never came to the question of TLS
	hopeless               // and never will
)

// levels of each kind at which it matters.
func (k kind) levels() []string {
	switch k {
	case warned:
		return []string{"required-verify"}
	case unproven:
		return []string{"preferred", "preferred-verify", "required-verify"}
	case withoutTLS, broken:
		return []string{"preferred", "required"}
	}
	return []string{"preferred"}
}

// fate is what becomes of a message: how it arrives or what the queue does with it, and which ids mail_logs has for it.
type fate struct {
	end string // "clear", "encrypted", "waits", "bounced"
	ids []string
}

func (c *outCase) fate(level string) fate {
	id := c.seen()
	required := strings.HasPrefix(level, "required")
	switch c.kind {
	case warned:
		if id == "H12" { // the first try fails, and nobody knows why before the second
			return fate{"encrypted", []string{id, "H4"}}
		}
		return fate{"encrypted", nil}
	case unproven:
		switch level {
		case "preferred":
			return fate{"encrypted", nil}
		case "preferred-verify":
			return fate{"encrypted", []string{"P2", id}}
		}
		return fate{"waits", []string{"P3", id}}
	case withoutTLS:
		if required {
			return fate{"waits", []string{"P3", id}}
		}
		return fate{"clear", []string{"P1", id}}
	case broken:
		if required {
			return fate{"waits", []string{"P3", id}}
		}
		return fate{"waits", []string{id}}
	case hopeless:
		return fate{"bounced", []string{id}}
	}
	return fate{"waits", []string{id}}
}
