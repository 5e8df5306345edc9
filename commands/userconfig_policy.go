package commands

import (
	"posthouse/config"
)

// policyDocument is the rules for passphrases and lockouts.
type policyDocument struct {
	MinLength       int  `json:"min_length" doc:"characters"`
	Cases           bool `json:"cases" doc:"an upper and a lower case letter are needed"`
	Digit           bool `json:"digit" doc:"a digit is needed"`
	Special         bool `json:"special" doc:"a sign that is neither letter nor digit is needed"`
	History         int  `json:"history" doc:"how many of the latest are not taken again"`
	MaxAge          int  `json:"max_age_days" doc:"after which a new one is asked for; 0: never"`
	Reset           bool `json:"reset" doc:"one that an administrator has set is changed at the next login"`
	LockoutAttempts int  `json:"lockout_attempts" doc:"wrong passphrases from one source"`
	LockoutMinutes  int  `json:"lockout_minutes" doc:"for which it is locked out then"`
}

func policyOf(c *config.Config) policyDocument {
	p := c.Passphrases
	return policyDocument{minPassphrase(p), p.Cases, p.Digit, p.Special, p.History, p.MaxAge, p.Reset, c.Shell.LockoutAttempts, c.Shell.LockoutMinutes}
}

// put writes the rules into a configuration. The usual length is not written down.
func (p policyDocument) put(c *config.Config) {
	c.Passphrases = config.Passphrases{
		MinLength: p.MinLength, Cases: p.Cases, Digit: p.Digit, Special: p.Special, History: p.History, MaxAge: p.MaxAge, Reset: p.Reset,
	}
	if p.MinLength == config.MinPassphrase {
		c.Passphrases.MinLength = 0
	}
	c.Shell.LockoutAttempts, c.Shell.LockoutMinutes = p.LockoutAttempts, p.LockoutMinutes
}

// The bounds of lockouts, as config.Shell has them.
const (
	lockoutAttemptsMost = 1000
	lockoutMinutesMost  = 1440
)

// policyRule is one rule: a figure or a switch.
type policyRule struct {
	key, question string
	figure        func(*policyDocument) *int
	low, high     int
	toggle        func(*policyDocument) *bool
}

func policyRules() []policyRule {
	figure := func(key, question string, at func(*policyDocument) *int, low, high int) policyRule {
		return policyRule{key: key, question: question, figure: at, low: low, high: high}
	}
	toggle := func(key, question string, at func(*policyDocument) *bool) policyRule {
		return policyRule{key: key, question: question, toggle: at}
	}
	return []policyRule{
		figure("lockout_attempts", "Number of wrong passphrases from one source before it is locked out:",
			func(p *policyDocument) *int { return &p.LockoutAttempts }, 1, lockoutAttemptsMost),
		figure("lockout_minutes", "Number of minutes for which it is locked out:",
			func(p *policyDocument) *int { return &p.LockoutMinutes }, 1, lockoutMinutesMost),
		figure("min_length", "Minimum number of characters of a passphrase:",
			func(p *policyDocument) *int { return &p.MinLength }, config.MinPassphrase, config.MaxPassphrase),
		toggle("cases", "Require an upper case and a lower case letter?", func(p *policyDocument) *bool { return &p.Cases }),
		toggle("digit", "Require a digit?", func(p *policyDocument) *bool { return &p.Digit }),
		toggle("special", "Require a special character?", func(p *policyDocument) *bool { return &p.Special }),
		figure("history", "Number of the latest passphrases that are not taken again (0: none):",
			func(p *policyDocument) *int { return &p.History }, 0, config.MaxHistory),
		figure("max_age", "Number of days after which a passphrase must be changed (0: never):",
			func(p *policyDocument) *int { return &p.MaxAge }, 0, config.MaxPassphraseDays),
		toggle("reset", "Must a passphrase that an administrator has set be changed at the next login?", func(p *policyDocument) *bool { return &p.Reset }),
	}
}

func policyKeys() []string {
	var keys []string
	for _, r := range policyRules() {
		keys = append(keys, r.key)
	}
	return keys
}

func (u *users) askPolicy() (err error) {
	p := policyOf(u.config())
	for _, r := range policyRules() {
		if r.figure != nil {
			at := r.figure(&p)
			*at, err = askFigure(u.s, r.question, *at, r.low, r.high)
		} else {
			at := r.toggle(&p)
			*at, err = u.s.YesNo(r.question, *at)
		}
		if err != nil {
			return err
		}
	}
	return u.setPolicy(p)
}

func (u *users) setPolicy(p policyDocument) error {
	return change(u.s, func(c *config.Config) error { p.put(c); return nil })
}

func (u *users) batchPolicy(words []string) error {
	p := policyOf(u.config())
	if len(words) == 1 && abbreviated(words[0], []string{"show"}) == 0 {
		return u.printPolicy(p)
	}
	var settings []setting
	for _, r := range policyRules() {
		settings = append(settings, setting{r.key, func(v string) (err error) {
			if r.figure != nil {
				*r.figure(&p), err = number(r.key, v, r.low, r.high)
			} else {
				*r.toggle(&p), err = switched(r.key, v)
			}
			return err
		}})
	}
	if err := applySettings(words, settings); err != nil {
		return err
	}
	return u.setPolicy(p)
}

func (u *users) printPolicy(p policyDocument) error {
	if u.s.JSON {
		return u.s.PrintJSON(p)
	}
	for _, r := range policyRules() {
		if r.figure != nil {
			u.s.Printf("%s %d\n", r.question, *r.figure(&p))
		} else {
			u.s.Printf("%s %s\n", r.question, map[bool]string{true: "Yes", false: "No"}[*r.toggle(&p)])
		}
	}
	return nil
}
