package config

// Previous returns what can be gone back to, the newest first: the configurations that a commit replaced whose author
// wanted them offered for rollback. A renewal of a certificate is nothing to go back to, and hides nothing.
func (s *Store) Previous() []Revision {
	var list []Revision
	offered := false // by the next newer commit
	for _, r := range s.Revisions() {
		if r.Renewed != "" {
			continue
		}
		if offered {
			list = append(list, r)
		}
		offered = r.Rollback
	}
	return list
}
