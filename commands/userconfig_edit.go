package commands

import (
	"fmt"
	"strings"
	"time"

	"posthouse/config"
	"posthouse/shell"
)

const fullNameMost = 200 // characters

// fresh is the name of a new user.
func (u *users) fresh(name string) error {
	if known, err := u.known(name); err == nil {
		return shell.Fail("Invalid user name %q: the user %s exists already.", name, known)
	}
	return acceptable(u.s, func(c *config.Config) { c.Users[name] = &config.User{Role: config.RoleGuest} })
}

func checkFullName(name string) error {
	if len([]rune(name)) > fullNameMost {
		return shell.Fail("Invalid full name: at most %d characters are accepted.", fullNameMost)
	}
	return nil
}

func (u *users) create() error {
	name, err := u.s.Ask(shell.Question{Text: "Enter the new username.", Required: true, Check: u.fresh})
	if err != nil {
		return err
	}
	full, err := u.s.Ask(shell.Question{Text: "Enter the full name for " + name + ".", Required: true, Check: checkFullName})
	if err != nil {
		return err
	}
	role, err := u.chooseRole(name, "")
	if err != nil {
		return err
	}
	if err := u.add(name, role, full); err != nil {
		return err
	}
	generate, err := u.s.YesNo("Would you like to get a system generated passphrase?", false)
	if err != nil {
		return err
	}
	return u.finish(name, generate)
}

// finish gives a user that was just added a passphrase.
func (u *users) finish(name string, generate bool) error {
	return u.equip(name, generate, "User "+name+" created.")
}

// equip gives a user a passphrase and says what is done.
func (u *users) equip(name string, generate bool, done string) error {
	pass, err := u.obtain(name, generate)
	if err != nil {
		return err
	}
	if err := u.give(name, pass); err != nil {
		return err
	}
	if u.s.JSON {
		return u.s.PrintJSON(newUserDocument{name, generated(pass, generate)})
	}
	u.s.Say("%s", done)
	u.show(pass, generate)
	return nil
}

// add puts a user without a passphrase into the candidate.
func (u *users) add(name, role, full string) error {
	if err := checkFullName(full); err != nil {
		return err
	}
	return change(u.s, func(c *config.Config) error {
		c.Users[name] = &config.User{FullName: full, Role: role}
		return nil
	})
}

// obtain asks for a user's new passphrase, or makes one.
func (u *users) obtain(name string, generate bool) (string, error) {
	if generate {
		return generatePassphrase(u.config().Passphrases), nil
	}
	return u.s.AskSecret("Enter the passphrase for "+name+":", func(fresh string) error {
		if err := checkPassphrase(u.a, u.config(), name, fresh); err != nil {
			return err
		}
		return u.again(fresh)
	})
}

// again asks once more at a terminal, where nobody sees what was typed.
func (u *users) again(fresh string) error {
	if !u.s.Interactive() {
		return nil
	}
	again, err := u.s.Secret("Please enter the new passphrase again:")
	if err == nil && again != fresh {
		err = shell.Fail("Invalid passphrase: the two new ones differ.")
	}
	return err
}

// give stores a user's passphrase.
func (u *users) give(name, pass string) error {
	return change(u.s, func(c *config.Config) error {
		c.Users[name].MustChange = c.Passphrases.Reset && name != u.s.User()
		return storePassphrase(u.a, c, name, pass, time.Now())
	})
}

// show shows a passphrase that was made, this once.
func (u *users) show(pass string, generated bool) {
	if generated {
		u.s.Printf("The passphrase, shown this once: %s\n", pass)
	}
}

func (u *users) edit() error {
	name, err := u.pick("to edit")
	if err != nil {
		return err
	}
	user := *u.config().Users[name]
	if user.FullName, err = u.s.Ask(shell.Question{Text: "Enter the full name for " + name + ".", Default: user.FullName, Check: checkFullName}); err != nil {
		return err
	}
	if user.Role, err = u.chooseRole(name, user.Role); err != nil {
		return err
	}
	if user.MustChange, err = u.s.YesNo("Must the passphrase be changed at the next login?", user.MustChange); err != nil {
		return err
	}
	two, err := u.s.YesNo("Should a code of an authenticator application be needed to log in?", user.TwoFactor)
	if err != nil {
		return err
	}
	if err := change(u.s, func(c *config.Config) error { c.Users[name] = &user; return nil }); err != nil || two == user.TwoFactor {
		return err
	}
	return u.twoFactor(name, two)
}

func (u *users) askRemove() error {
	name, err := u.pick("to remove")
	if err != nil {
		return err
	}
	sure, err := u.s.YesNo(fmt.Sprintf("Are you sure you want to remove %q?", name), false)
	if err != nil || !sure {
		return err
	}
	return u.remove(name)
}

func (u *users) remove(name string) error {
	if name == u.s.User() {
		return shell.Fail("Error: your own account cannot be removed; another administrator can do it.")
	}
	if err := change(u.s, func(c *config.Config) error { c.RemoveUser(name); return nil }); err != nil {
		return err
	}
	u.s.Say("User %s removed.", name)
	return nil
}

func (u *users) askPassphrase() error {
	name, err := u.pick("to change the passphrase of")
	if err != nil {
		return err
	}
	generate, err := u.s.YesNo("Would you like to get a system generated passphrase?", false)
	if err != nil {
		return err
	}
	return u.renew(name, generate)
}

// renew gives a user another passphrase.
func (u *users) renew(name string, generate bool) error {
	return u.equip(name, generate, "The passphrase of "+name+" is changed.")
}

func (u *users) askStatus() error {
	name, err := u.pick("to change the status of")
	if err != nil {
		return err
	}
	u.printStatus(name)
	if u.config().Users[name].Locked || len(u.s.Lockouts(name)) > 0 {
		yes, err := u.s.YesNo("Do you want to unlock the account?", false)
		if err != nil || !yes {
			return err
		}
		return u.setLocked(name, false)
	}
	yes, err := u.s.YesNo("Do you want to lock the account?", false)
	if err != nil || !yes {
		return err
	}
	return u.setLocked(name, true)
}

// printStatus says how an account stands.
func (u *users) printStatus(name string) {
	state := "active"
	if u.config().Users[name].Locked {
		state = "locked"
	}
	u.s.Say("The account %s is %s.", name, state)
	if u.config().Users[name].TwoFactor {
		u.s.Say("A code of an authenticator application is needed to log in.")
	}
	for _, l := range u.s.Lockouts(name) {
		u.s.Say("It is locked out for passphrases from %s until %s, after wrong ones.", l.Source, stamp(l.Until))
	}
}

// setLocked locks or unlocks an account. A lockout ends at once, without commit: it is no part of the configuration.
func (u *users) setLocked(name string, locked bool) error {
	if locked && name == u.s.User() {
		return shell.Fail("Error: your own account cannot be locked; another administrator can do it.")
	}
	before := u.config().Users[name].Locked
	if err := change(u.s, func(c *config.Config) error { c.Users[name].Locked = locked; return nil }); err != nil {
		return err
	}
	if out := len(u.s.Lockouts(name)); !locked && out > 0 {
		err := u.s.EndLockouts(name)
		u.s.Say("The lockout of %s is over.", name)
		if err != nil {
			return shell.Fail("Failed to write that down: %w; a restart may bring the lockout back.", err)
		}
	}
	if before != locked {
		u.s.Say("The account %s is %s.", name, map[bool]string{true: "locked", false: "unlocked"}[locked])
	}
	return nil
}

// spokenRoles are the words that stand for roles beside their own, in lower case without blanks and hyphens.
var spokenRoles = map[string]string{
	"admin": config.RoleAdministrator, "administrator": config.RoleAdministrator, "administrators": config.RoleAdministrator,
	"operator": config.RoleOperator, "operators": config.RoleOperator,
	"readonly": config.RoleReadOnly, "readonlyoperator": config.RoleReadOnly, "readonlyoperators": config.RoleReadOnly,
	"guest": config.RoleGuest, "guests": config.RoleGuest,
	"technician": config.RoleTechnician, "technicians": config.RoleTechnician,
	"helpdesk": config.RoleHelpDesk, "helpdeskuser": config.RoleHelpDesk, "helpdeskusers": config.RoleHelpDesk,
}

// parseRole reads a role as operators type it.
func parseRole(word string) (string, error) {
	plain := strings.NewReplacer(" ", "", "-", "", "_", "").Replace(strings.ToLower(word))
	if role, ok := spokenRoles[plain]; ok {
		return role, nil
	}
	return "", shell.Fail("Invalid role %q: %s.", word, acceptedAre(config.Roles()))
}
