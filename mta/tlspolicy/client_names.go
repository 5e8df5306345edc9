package tlspolicy

import (
	"slices"

	"posthouse/certstore"
)

// Subjects are the names that the certificate proves once it has verified: each DNS name, the CN, and the DN as in RFC
// 4514. A host access table may name any of them.
func (c *ClientCertificate) Subjects() []string {
	names := slices.Clone(c.DNSNames)
	if c.CommonName != "" {
		names = append(names, c.CommonName)
	}
	return append(names, c.Subject)
}

// CustomAuthorities are the CN and the DN of each authority of the custom list that vouches for the client. One of the
// system list that bears the same name is another one, and not among them.
func (c *ClientCertificate) CustomAuthorities() []string {
	var names []string
	for _, authority := range c.CustomCAs {
		if cn := authority.Subject.CommonName; cn != "" {
			names = append(names, cn)
		}
		names = append(names, certstore.DN(authority.Subject))
	}
	return names
}
