package config

func (f *faults) users(c *Config) {
	admins := 0
	each(f, "users", c.Users, func(at, name string, u *User) {
		f.name(at, name)
		f.choice(join(at, "role"), u.Role, Roles()...)
		if u.Role == RoleAdministrator && !u.Locked {
			admins++
		}
		for _, line := range u.Keys {
			if _, err := ParseUserKey(line); err != nil {
				f.add(join(at, "keys"), "%v", err)
			}
		}
	})
	if admins == 0 {
		f.add("users", "at least one administrator is needed, and not locked")
	}
}

// The bounds of the rules for passphrases.
const (
	MinPassphrase     = 8   // characters, where nothing else is said
	MaxPassphrase     = 128 // the most that can be demanded
	MaxHistory        = 15
	MaxPassphraseDays = 366
)

func (f *faults) passphrases(p Passphrases) {
	if p.MinLength != 0 {
		f.number("passphrases.min_length", p.MinLength, MinPassphrase, MaxPassphrase)
	}
	f.number("passphrases.history", p.History, 0, MaxHistory)
	f.number("passphrases.max_age", p.MaxAge, 0, MaxPassphraseDays)
}
