package commands

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"posthouse/config"
	"posthouse/internal/passhash"
	"posthouse/shell"
)

// passphraseMost keeps a pasted file from being hashed, in bytes.
const passphraseMost = 1024

// minPassphrase is the fewest characters that the rules take.
func minPassphrase(p config.Passphrases) int { return max(p.MinLength, config.MinPassphrase) }

// checkPassphrase refuses what the rules of c do not take as user's new passphrase, or could not be typed again. It never
// shows what was typed.
func checkPassphrase(a *Appliance, c *config.Config, user, text string) error {
	rules := c.Passphrases
	switch {
	case utf8.RuneCountInString(text) < minPassphrase(rules):
		return shell.Fail("Invalid passphrase: at least %d characters are needed.", minPassphrase(rules))
	case len(text) > passphraseMost:
		return shell.Fail("Invalid passphrase: at most %d bytes are accepted.", passphraseMost)
	}
	for _, r := range text {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return shell.Fail("Invalid passphrase: control characters are not accepted.")
		}
	}
	if missing := missingClasses(rules, text); len(missing) > 0 {
		return shell.Fail("Invalid passphrase: %s needed.", plainList(missing, "is", "are"))
	}
	if holdsName(text, user) {
		return shell.Fail("Invalid passphrase: it holds the user name, or the user name backwards.")
	}
	if wellKnown(text) {
		return shell.Fail("Invalid passphrase: it is one that everybody tries.")
	}
	return usedBefore(a, c, user, text)
}

// missingClasses names the kinds of characters that the rules demand and text has not.
func missingClasses(rules config.Passphrases, text string) []string {
	var missing []string
	need := func(wanted bool, what string, is func(rune) bool) {
		if wanted && !strings.ContainsFunc(text, is) {
			missing = append(missing, what)
		}
	}
	need(rules.Cases, "an upper case letter", unicode.IsUpper)
	need(rules.Cases, "a lower case letter", unicode.IsLower)
	need(rules.Digit, "a digit", unicode.IsDigit)
	need(rules.Special, "a special character", func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return missing
}

// plainList joins words and puts the verb behind them that fits.
func plainList(words []string, one, several string) string {
	if len(words) == 1 {
		return words[0] + " " + one
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last] + " " + several
}

// disguises are what stands for a letter in passphrases that are meant to look better than they are.
var disguises = strings.NewReplacer("0", "o", "1", "l", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s", "!", "i", "|", "l")

// bare is text in lower case without its disguises.
func bare(text string) string { return disguises.Replace(strings.ToLower(text)) }

// holdsName says whether the passphrase holds the user name. Names of one or two letters stand in everything.
func holdsName(text, user string) bool {
	if len(user) < 3 {
		return false
	}
	backwards := []rune(bare(user))
	slices.Reverse(backwards)
	return strings.Contains(bare(text), bare(user)) || strings.Contains(bare(text), string(backwards)) ||
		strings.Contains(strings.ToLower(text), strings.ToLower(user))
}

// wellKnown says whether a passphrase is one of those that are tried first, digits and signs around it apart.
func wellKnown(text string) bool {
	lower := strings.ToLower(text)
	isSign := func(r rune) bool { return !unicode.IsLetter(r) }
	for _, form := range []string{lower, bare(text), strings.TrimFunc(lower, isSign), bare(strings.TrimRightFunc(lower, isSign)), repeated(lower)} {
		if slices.Contains(wellKnownWords, form) {
			return true
		}
	}
	return len(repeated(lower)) < 4 // one sign, or two or three, again and again
}

// repeated is the shortest text of which s is a repetition.
func repeated(s string) string {
	for n := 1; n <= len(s)/2; n++ {
		if len(s)%n == 0 && strings.Repeat(s[:n], len(s)/n) == s {
			return s[:n]
		}
	}
	return s
}

// wellKnownWords are what programs that guess begin with, in lower case; digits and signs at their ends do not matter.
var wellKnownWords = strings.Fields(`
password passwort passphrase motdepasse contrasena parola wachtwoord admin administrator root toor superuser supervisor
operator manager master secret geheim letmein welcome willkommen bienvenue changeme changeit default guest user test
testing temp temporary login access pass passw passwd qwerty qwertyuiop qwertz qwertzuiop azerty asdf asdfgh asdfghjkl
zxcvbnm yxcvbnm qazwsx qazwsxedc abc abcd abcdef abcdefg abcdefgh abcabc iloveyou monkey dragon sunshine princess football
baseball superman batman starwars trustno shadow michael jennifer jordan charlie hunter whatever freedom computer internet
server cisco ironport asyncos mail email postmaster hostmaster webmaster exchange gateway firewall security network summer
winter spring autumn sommer monday friday january december company
123 1234 12345 123456 1234567 12345678 123456789 1234567890 0987654321 987654321 87654321 11111111 00000000 12341234
123123 123123123 123321 1q2w3e4r 1q2w3e4r5t q1w2e3r4 1qaz2wsx zaq12wsx 1qazxsw2 a1b2c3d4 abcd1234 abc12345 qwer1234`)

// pastPassphrase is one that a user has or had.
type pastPassphrase struct {
	set  time.Time // zero: not known
	hash string
}

// passphrasesOf lists a user's passphrases, the present one first.
func passphrasesOf(a *Appliance, c *config.Config, user string) []pastPassphrase {
	var list []pastPassphrase
	if text, err := a.Config.Vault().Get(c.Refs[config.PassphraseHistoryRef(user)]); err == nil {
		for line := range strings.Lines(string(text)) {
			when, hash, _ := strings.Cut(strings.TrimSpace(line), " ")
			set, _ := time.Parse(time.RFC3339, when)
			list = append(list, pastPassphrase{set, hash})
		}
	}
	present, err := a.Config.Vault().Get(c.Refs[config.PassphraseRef(user)])
	if err == nil && (len(list) == 0 || list[0].hash != string(present)) {
		list = slices.Insert(list, 0, pastPassphrase{hash: string(present)})
	}
	return list
}

// usedBefore refuses one of the latest passphrases, as many as the rules say, the present one among them.
func usedBefore(a *Appliance, c *config.Config, user, text string) error {
	list := passphrasesOf(a, c, user)
	for _, past := range list[:min(len(list), c.Passphrases.History)] {
		if passhash.Verify(past.hash, text) {
			return shell.Fail("Invalid passphrase: it is one of the last %d.", c.Passphrases.History)
		}
	}
	return nil
}

// storePassphrase gives a user of c a passphrase that was set at now.
func storePassphrase(a *Appliance, c *config.Config, user, text string, now time.Time) error {
	hash := passhash.Hash(text)
	list := slices.Insert(passphrasesOf(a, c, user), 0, pastPassphrase{now, hash})
	var history strings.Builder
	for _, past := range list[:min(len(list), config.MaxHistory+1)] {
		fmt.Fprintf(&history, "%s %s\n", past.set.UTC().Format(time.RFC3339), past.hash)
	}
	if c.Refs == nil {
		c.Refs = map[string]string{}
	}
	for _, content := range []struct{ ref, kind, text string }{
		{config.PassphraseRef(user), "passphrase", hash},
		{config.PassphraseHistoryRef(user), "passphrases", history.String()},
	} {
		id, err := a.Config.Vault().Put(content.kind, []byte(content.text))
		if err != nil {
			return shell.Fail("Failed to store the passphrase: %w.", err)
		}
		c.Refs[content.ref] = id
	}
	return nil
}

// generatePassphrase makes one that the rules take: groups of five letters and digits, at least four of them.
func generatePassphrase(rules config.Passphrases) string {
	for {
		var groups []string
		for length := 0; len(groups) < 4 || length < minPassphrase(rules); length += 6 {
			group := strings.ToLower(rand.Text())[:5]
			groups = append(groups, strings.ToUpper(group[:1])+group[1:])
		}
		text := strings.Join(groups, "-")
		if len(missingClasses(rules, text)) == 0 && utf8.RuneCountInString(text) >= minPassphrase(rules) {
			return text
		}
	}
}
