package config

// AuthoritiesRef is the key in Refs of the custom list's certificates.
const AuthoritiesRef = "certificate_authorities.custom"

// CertificateRef returns the key in Refs of a profile's content.
func CertificateRef(profile string) string { return "certificates." + profile }

// PassphraseRef returns the key in Refs of the hash of a user's passphrase.
func PassphraseRef(user string) string { return "users." + user + ".passphrase" }
