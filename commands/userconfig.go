package commands

import (
	"context"
	"maps"
	"slices"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

func userConfig(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "userconfig",
		Summary: "Configure users, their roles and the rules for passphrases.",
		Roles:   shell.Administrator,
		Batch: []string{
			"userconfig list",
			"userconfig new NAME ROLE \"FULL NAME\" [generate] (else the passphrase on standard input)",
			"userconfig edit NAME key value ...",
			"userconfig delete NAME",
			"userconfig role [NAME ROLE]",
			"userconfig status NAME [lock|unlock]",
			"userconfig passphrase NAME [generate] (else the new one on standard input)",
			"userconfig twofactor NAME on|off (on: a code on standard input)",
			"userconfig policy show",
			"userconfig policy key value ...",
		},
		Help: `Roles: admin (everything), operator (everything but users, their rights and the way in), readonly (sees everything and
changes nothing), guest (state and counters), technician (the service itself), helpdesk (looks for messages). docs/roles.md
says who may run what. A change of role, and a user's end, hold in open sessions from their next command on.

Keys of edit: full_name; role; must_change on|off (a new passphrase at the next login by passphrase). generate makes a
passphrase and shows it once.

lock lets a user in no more, by passphrase or key; unlock takes that back and ends at once every lockout that wrong
passphrases have brought about. twofactor on shows a secret for an authenticator application (RFC 6238), once, and
takes effect when a code of it was entered. Then neither a passphrase nor a key lets the user in without a code; a key that
is bound to addresses does, and so does the console.

Keys of policy: min_length N (8 to 128), cases on|off (upper and lower case letters), digit on|off, special on|off,
history N (of the latest passphrases are not taken again, 0 to 15), max_age DAYS (0: never too old), reset on|off (whoever
was given a passphrase by an administrator changes it at the next login), lockout_attempts N, lockout_minutes N.`,
		Commit: true,
		Documents: []shell.Document{
			{For: "userconfig list", Value: usersDocument{}},
			{For: "userconfig role", Value: rolesDocument{}},
			{For: "userconfig policy show", Value: policyDocument{}},
			{For: "userconfig new", Value: newUserDocument{}},
			{For: "userconfig passphrase", Value: newUserDocument{}},
			{For: "userconfig status", Value: userDocument{}},
			{For: "userconfig twofactor", Value: secondFactorDocument{}},
			shell.Says("userconfig with other words"),
		},
		Redact: redactUserConfig,
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			u := &users{a, s}
			switch {
			case len(args) > 0:
				return u.batch(args)
			case s.JSON:
				return u.list()
			}
			return u.menu()
		},
		Complete: completeUserConfig,
	}
}

// redactUserConfig hides what may be a passphrase that somebody has typed on the line.
func redactUserConfig(args []string) []string {
	var rules []string
	for _, r := range policyRules() {
		rules = append(rules, r.key)
	}
	return redactWords(args, []shownForm{
		{[]string{"new"}, 4, nil}, {[]string{"passphrase"}, 2, nil}, {[]string{"twofactor"}, 3, nil},
		{[]string{"edit"}, 2, []string{"full_name", "role", "must_change"}},
		{[]string{"list"}, 1, nil}, {[]string{"delete"}, 2, nil}, {[]string{"role"}, 3, nil}, {[]string{"status"}, 3, nil},
		{[]string{"policy", "show"}, 2, nil}, {[]string{"policy"}, 1, rules},
	})
}

// users is one run of userconfig on the session's candidate.
type users struct {
	a *Appliance
	s *shell.Session
}

func (u *users) config() *config.Config { return u.s.Candidate() }

func (u *users) names() []string { return slices.Sorted(maps.Keys(u.config().Users)) }

func (u *users) menu() error {
	return u.s.Menu(shell.Menu{
		State: u.print,
		Items: []shell.MenuItem{
			{Keyword: "NEW", What: "Create a new account.", Do: plainly(u.create)},
			{Keyword: "EDIT", What: "Modify an account.", Do: plainly(u.edit)},
			{Keyword: "DELETE", What: "Remove an account.", Do: plainly(u.askRemove)},
			{Keyword: "POLICY", What: "Change passphrase and account policy settings.", Do: plainly(u.askPolicy)},
			{Keyword: "PASSPHRASE", What: "Change the passphrase for an account.", Do: plainly(u.askPassphrase)},
			{Keyword: "ROLE", What: "Create/modify user roles.", Do: plainly(u.askRole)},
			{Keyword: "STATUS", What: "Change the account status.", Do: plainly(u.askStatus)},
		},
	})
}

// print is the present state.
func (u *users) print() {
	u.s.Println("Users:")
	for i, name := range u.names() {
		user := u.config().Users[name]
		u.s.Printf("%d. %s - %q (%s)%s\n", i+1, name, user.FullName, user.Role, u.mark(name))
	}
	u.s.Println("External authentication: Disabled")
}

// lockoutsShown is of how many sources the list of users speaks; userconfig status has them all.
const lockoutsShown = 3

// mark says behind a user why the user cannot log in: at all, or from where and until when not by passphrase.
func (u *users) mark(name string) string {
	if u.config().Users[name].Locked {
		return " (locked)"
	}
	lockouts := u.s.Lockouts(name)
	if len(lockouts) == 0 {
		return ""
	}
	var parts []string
	for _, l := range lockouts[:min(len(lockouts), lockoutsShown)] {
		parts = append(parts, "from "+l.Source+" until "+stamp(l.Until))
	}
	if more := len(lockouts) - lockoutsShown; more > 0 {
		parts = append(parts, "from "+counted(more, "other source"))
	}
	return " (locked out " + strings.Join(parts, ", ") + ")"
}

// userDocument is what --json prints of a user.
type userDocument struct {
	Name       string            `json:"name" doc:"the account"`
	FullName   string            `json:"full_name" doc:"of whoever has it"`
	Role       string            `json:"role" doc:"admin, operator, readonly, guest, technician, helpdesk"`
	Status     string            `json:"status" doc:"active, locked"`
	Lockouts   []lockoutDocument `json:"lockouts" doc:"after wrong passphrases; they end by themselves"`
	MustChange bool              `json:"must_change_passphrase" doc:"a new one is asked for at the next login"`
	TwoFactor  bool              `json:"two_factor" doc:"a code is needed as well"`
	Keys       int               `json:"keys" doc:"how many public keys"`
}

// lockoutDocument is one source from which a user is refused after wrong passphrases.
type lockoutDocument struct {
	Source string `json:"source" doc:"an address, or a block of IPv6 addresses"`
	Until  string `json:"until" doc:"when it ends, as in RFC 3339"`
}

type usersDocument struct {
	Users                  []userDocument `json:"users" doc:"in order of name"`
	ExternalAuthentication bool           `json:"external_authentication" doc:"false: there is none"`
}

func (u *users) list() error {
	if !u.s.JSON {
		u.print()
		return nil
	}
	document := usersDocument{Users: []userDocument{}}
	for _, name := range u.names() {
		document.Users = append(document.Users, u.document(name))
	}
	return u.s.PrintJSON(document)
}

func (u *users) document(name string) userDocument {
	user := u.config().Users[name]
	d := userDocument{name, user.FullName, user.Role, "active", []lockoutDocument{}, user.MustChange, user.TwoFactor, len(user.Keys)}
	if user.Locked {
		d.Status = "locked"
	}
	for _, l := range u.s.Lockouts(name) {
		d.Lockouts = append(d.Lockouts, lockoutDocument{l.Source, rfc3339(l.Until)})
	}
	return d
}

// known finds a user by name; names of users are told apart by case.
func (u *users) known(word string) (string, error) {
	if u.config().Users[word] != nil {
		return word, nil
	}
	for _, name := range u.names() {
		if strings.EqualFold(name, word) {
			return name, nil
		}
	}
	return "", shell.Fail("Unknown user %q: %s.", word, acceptedAre(u.names()))
}

// pick asks for one of the users that the state above the menu lists.
func (u *users) pick(todo string) (string, error) {
	return askListed(u.s, u.names(), "Enter the username or number "+todo+".")
}

func completeUserConfig(s *shell.Session, args []string) []string {
	if len(args) <= 1 {
		return startingWith(args, []string{"list", "new", "edit", "delete", "role", "status", "passphrase", "twofactor", "policy"})
	}
	names := slices.Sorted(maps.Keys(s.Candidate().Users))
	switch {
	case args[0] == "policy" && len(args) == 2:
		return startingWith(args, append([]string{"show"}, policyKeys()...))
	case args[0] == "new" && len(args) == 3, args[0] == "role" && len(args) == 3:
		return startingWith(args, config.Roles())
	case args[0] == "new" || args[0] == "list" || args[0] == "policy":
		return nil
	case len(args) == 2:
		return startingWith(args, names)
	case len(args) == 3:
		return startingWith(args, map[string][]string{
			"status": {"lock", "unlock"}, "twofactor": {"on", "off"}, "passphrase": {"generate"}, "edit": {"full_name", "role", "must_change"},
		}[args[0]])
	}
	return nil
}
