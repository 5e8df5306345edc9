package certstore

import (
	"crypto/x509"
	"slices"
)

// Place says how one element of a chain stands where it does.
type Place string

const (
	PlaceRight     Place = "right"
	PlaceWrong     Place = "wrong"      // it did not issue the element before it, but belongs to the chain
	PlaceDuplicate Place = "duplicate"  // it is there already
	PlaceUnneeded  Place = "not needed" // it belongs to another chain
)

// Places judges every element of a chain as it is sent, and returns the name of the issuer that is missing at its end; empty
// where the chain ends in a root, or below one of known or of the system's list.
func Places(chain []*x509.Certificate, known ...*x509.Certificate) (places []Place, missing string) {
	if len(chain) == 0 {
		return nil, ""
	}
	once, _ := distinct(chain)
	ideal := climb(chain[0], once)
	next := 0
	for i, c := range chain {
		switch {
		case slices.ContainsFunc(chain[:i], c.Equal):
			places = append(places, PlaceDuplicate)
			continue
		case !slices.Contains(ideal, c):
			places = append(places, PlaceUnneeded)
			continue
		case c == ideal[next]:
			places = append(places, PlaceRight)
		default:
			places = append(places, PlaceWrong)
		}
		next++
	}
	return places, missingIssuer(ideal, known)
}
