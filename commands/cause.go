package commands

import "posthouse/internal/cause"

// causeTitle is the catalogue's title of a cause, empty for an id that it does not have.
func causeTitle(id string) string {
	c, _ := cause.Lookup(cause.ID(id))
	return c.Title
}
