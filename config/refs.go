package config

// AuthoritiesRef is the key in Refs of the custom list's certificates.
const AuthoritiesRef = "certificate_authorities.custom"

// CertificateRef returns the key in Refs of a profile's content.
func CertificateRef(profile string) string { return "certificates." + profile }

// PassphraseRef returns the key in Refs of the hash of a user's passphrase.
func PassphraseRef(user string) string { return "users." + user + ".passphrase" }

// The keys in Refs of single secrets.
const (
	ACMEAccountRef = "acme.account"     // the account's private key
	ACMETSIGRef    = "acme.tsig"        // the key of dynamic updates
	ACMEEABRef     = "acme.eab"         // the key of the external account binding
	ReportKeyRef   = "tls_reports.dkim" // the private key that signs TLS reports
)
