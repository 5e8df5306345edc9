package commands

import (
	"errors"
	"net/netip"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

// checkDomain refuses what cannot be a destination: it is a host name or an address literal such as [192.0.2.1]. It
// is for words that act at once; what goes into the configuration is judged by the configuration, see acceptable.
func checkDomain(name string) error {
	literal := strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	if len(literal) == len(name)-2 {
		if _, err := netip.ParseAddr(strings.TrimPrefix(strings.ToLower(literal), "ipv6:")); err == nil {
			return nil
		}
	}
	if name == "" || len(name) > 253 || strings.Contains(name, "..") || strings.ContainsAny(name, " \t@/\\\"'()[]<>,;:=*?") {
		return shell.Fail("Invalid domain %q: a domain such as partner.example is accepted.", name)
	}
	return nil
}

// checkQueued is checkDomain for a destination of the queue, which may also be the machine that mail was redirected to.
func checkQueued(name string) error {
	if _, ok := config.ParseRedirected(name); ok {
		return nil
	}
	return checkDomain(name)
}

// acceptable is the check of an answer that goes into one field: it refuses what would bring the candidate a fault, in
// the words of that fault and without the field's path, since the question names the field. It changes nothing.
func acceptable(s *shell.Session, edit func(c *config.Config)) error {
	c := s.Candidate().Clone()
	edit(c)
	err := firstNewFault(s.Candidate(), c)
	var field *config.FieldError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &field):
		return shell.Fail("Error: %s.", strings.TrimSuffix(field.Text, "."))
	}
	return shell.Fail("Error: %v.", err)
}
