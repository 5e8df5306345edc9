package shell

import (
	"strings"

	"posthouse/config"
)

// Roles is a set of the roles that accounts have.
type Roles uint8

// The roles, and sets of them that commands share.
const (
	Administrator Roles = 1 << iota // everything
	Operator                        // everything but users, their rights and the way in
	ReadOnly                        // sees everything, edits a candidate, commits nothing and acts on nothing
	Guest                           // sees the state and the counters
	Technician                      // the service itself: stop, restart, support bundles, version
	HelpDesk                        // looks for messages and says what became of them

	Everyone  = Administrator | Operator | ReadOnly | Guest | Technician | HelpDesk
	Operators = Administrator | Operator            // who may change something
	Readers   = Administrator | Operator | ReadOnly // who may see the configuration
)

// roleNames are the words for the roles in the configuration.
var roleNames = map[string]Roles{
	config.RoleAdministrator: Administrator,
	config.RoleOperator:      Operator,
	config.RoleReadOnly:      ReadOnly,
	config.RoleGuest:         Guest,
	config.RoleTechnician:    Technician,
	config.RoleHelpDesk:      HelpDesk,
}

// rolesFor is who may run the command with these words behind it.
func (c *Command) rolesFor(args []string) Roles {
	if c.RolesFor != nil {
		return c.RolesFor(args) | Administrator
	}
	return c.Roles | Administrator
}

// role is what the session's user may do now: the running configuration says it, so that a change takes effect with the
// next command. The machine's owner may do everything.
func (s *Session) role() Roles {
	if s.id.method == methodConsole {
		return Administrator
	}
	if snap := s.opts.Config.Running(); snap != nil && snap.Config != nil {
		if u := snap.Config.Users[s.id.user]; u != nil {
			return roleNames[u.Role]
		}
	}
	return 0
}

// mayRun refuses what the user's role does not permit.
func (s *Session) mayRun(cmd *Command, args []string) error {
	if cmd.rolesFor(args)&s.role() != 0 {
		return nil
	}
	return Fail("Error: your role does not permit %s.", strings.Join(append([]string{cmd.Name}, firstWord(args)...), " "))
}

func firstWord(args []string) []string { return args[:min(1, len(args))] }
