// Package smtp is the wire protocol of mail in both directions: the grammar of paths, parameters and replies, the
// framing of message content (DATA and BDAT), a server session over one connection, and a client. It holds no policy
// and touches no disk: a Backend says what is allowed and where the content goes. It imports leaves only.
package smtp
