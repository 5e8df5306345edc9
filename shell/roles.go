package shell

import "posthouse/config"

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

// RolesOf is who may run the command with these words behind it.
func (c *Command) RolesOf(args []string) Roles {
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
		if u := snap.Config.Users[s.id.user]; u != nil && !u.Locked && s.sameAccount(snap.Config) {
			return roleNames[u.Role]
		}
	}
	return 0
}

// mayRun refuses what the user's role, or the key that the user came with, does not permit.
func (s *Session) mayRun(cmd *Command, args []string) error {
	if s.id.command != "" && cmd.Name != s.id.command {
		return Fail("Error: this key may run %s only.", s.id.command)
	}
	if cmd.RolesOf(args)&s.role() != 0 {
		return nil
	}
	what := cmd.Name
	if s.offers(cmd) {
		what = clean(cmd.auditLine(args)) // some other form is permitted
	}
	return Fail("Error: your role does not permit %s.", what)
}

// Permit refuses what the user's role does not permit the command in progress to do with these words behind it. A
// dialogue asks so before it does what the batch form of the same words would do.
func (s *Session) Permit(args ...string) error {
	if s.command == nil {
		return nil
	}
	return s.mayRun(s.command, args)
}

// MayRun says whether the user's role permits another command with these words behind it.
func (s *Session) MayRun(name string, args ...string) bool {
	cmd, err := s.opts.lookup(name)
	return err == nil && s.mayRun(cmd, args) == nil
}

// CommandName is the whole name of the command that a word names.
func (s *Session) CommandName(word string) (string, bool) {
	cmd, err := s.opts.lookup(word)
	if err != nil {
		return "", false
	}
	return cmd.Name, true
}

// offers says whether the user may run the command in any form, so that help and completion name it.
func (s *Session) offers(cmd *Command) bool {
	return (cmd.Roles|Administrator)&s.role() != 0 && (s.id.command == "" || s.id.command == cmd.Name)
}

// offered are the names of the commands that the user may run.
func (s *Session) offered() []string { return names(s.permitted()) }

// permitted is the commands that the user's role may run in some form.
func (s *Session) permitted() []*Command {
	var list []*Command
	for _, c := range s.opts.Table {
		if s.offers(c) {
			list = append(list, c)
		}
	}
	return list
}
