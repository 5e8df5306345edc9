package certstore

import "time"

// CRLStatus is how one source of a revocation list stands. certstore/crl makes it.
type CRLStatus struct {
	Name       string    `json:"name" doc:"the source"`
	URL        string    `json:"url" doc:"where it is fetched"`
	Issuer     string    `json:"issuer" doc:"of the list that is used; empty: none was ever had"`
	Verified   bool      `json:"verified" doc:"its signature was checked with the key of an authority or of a peer's issuer"`
	Number     string    `json:"number,omitempty" doc:"the CRL number (RFC 5280 §5.2.3)"`
	Revoked    int       `json:"revoked" doc:"certificates on it"`
	ThisUpdate time.Time `json:"this_update,omitzero" doc:"when it was made"`
	NextUpdate time.Time `json:"next_update,omitzero" doc:"when it is stale"`
	Stale      bool      `json:"stale" doc:"also where there is none"`
	Fetched    time.Time `json:"fetched,omitzero" doc:"the last fetch that brought one"`
	Tried      time.Time `json:"tried,omitzero" doc:"the last fetch"`
	Due        time.Time `json:"due,omitzero" doc:"the next one"`
	Fault      string    `json:"fault" doc:"why the last fetch brought none"`
	Interval   int       `json:"interval_minutes,omitzero" doc:"how often it is fetched"`
}
