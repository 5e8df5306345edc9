package config

import "strings"

// AuthoritiesRef is the key in Refs of the custom list's certificates.
const AuthoritiesRef = "certificate_authorities.custom"

// CertificateRef returns the key in Refs of a profile's content.
func CertificateRef(profile string) string { return "certificates." + profile }

// PassphraseRef returns the key in Refs of the hash of a user's passphrase.
func PassphraseRef(user string) string { return "users." + user + ".passphrase" }

// PassphraseHistoryRef returns the key in Refs of a user's passphrases until now: a line each, the newest first, with the
// time at which it was set (RFC 3339), a blank and its hash.
func PassphraseHistoryRef(user string) string { return "users." + user + ".history" }

// TwoFactorRef returns the key in Refs of the secret that a user's codes are made from, in base32.
func TwoFactorRef(user string) string { return "users." + user + ".two_factor" }

// userSecret is the end of a key in Refs that belongs to a user, and what the content is shown as.
type userSecret struct{ end, shown string }

var userSecrets = [...]userSecret{{"passphrase", "passphrase"}, {"history", "passphrase_history"}, {"two_factor", "two_factor_secret"}}

// RemoveUser takes a user out with the passphrases and the second factor, so that a new one of that name has none of them.
func (c *Config) RemoveUser(name string) {
	delete(c.Users, name)
	for _, what := range userSecrets {
		delete(c.Refs, "users."+name+"."+what.end)
	}
}

// userRef takes a key in Refs that belongs to a user apart; ok is false for any other.
func userRef(ref string) (user string, what userSecret, ok bool) {
	rest, ok := strings.CutPrefix(ref, "users.")
	if !ok {
		return "", userSecret{}, false
	}
	for _, what := range userSecrets {
		if user, ok := strings.CutSuffix(rest, "."+what.end); ok {
			return user, what, true
		}
	}
	return "", userSecret{}, false
}

// The keys in Refs of single secrets.
const (
	ACMEAccountRef = "acme.account"     // the account's private key
	ACMETSIGRef    = "acme.tsig"        // the key of dynamic updates
	ACMEEABRef     = "acme.eab"         // the key of the external account binding
	ReportKeyRef   = "tls_reports.dkim" // the private key that signs TLS reports
)
