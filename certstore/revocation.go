package certstore

import "time"

// CRLStatus is how one source of a revocation list stands. certstore/crl makes it.
type CRLStatus struct {
	Name       string    `json:"name"`
	URL        string    `json:"url"`
	Issuer     string    `json:"issuer"`                    // of the list that is used; empty: none was ever had
	Verified   bool      `json:"verified"`                  // its signature was checked with the key of an authority or of a peer's issuer
	Number     string    `json:"number,omitempty"`          // the CRL number (RFC 5280 §5.2.3)
	Revoked    int       `json:"revoked"`                   // certificates on it
	ThisUpdate time.Time `json:"this_update,omitzero"`      // when it was made
	NextUpdate time.Time `json:"next_update,omitzero"`      // when it is stale
	Stale      bool      `json:"stale"`                     // also where there is none
	Fetched    time.Time `json:"fetched,omitzero"`          // the last fetch that brought one
	Tried      time.Time `json:"tried,omitzero"`            // the last fetch
	Due        time.Time `json:"due,omitzero"`              // the next one
	Fault      string    `json:"fault"`                     // why the last fetch brought nothing; empty: it did
	Interval   int       `json:"interval_minutes,omitzero"` // between two fetches
}
