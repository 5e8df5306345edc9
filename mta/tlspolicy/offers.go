package tlspolicy

import "posthouse/internal/cause"

// offers says what both sides offered where a handshake failed because nothing matched.
func (in *Incoming) offers(id cause.ID) string {
	return ""
}
