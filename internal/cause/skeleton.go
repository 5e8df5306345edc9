// Package cause is the catalogue of the reasons why mail over TLS did not go as the operator wanted: one id for one
// reason, the same in every log, report and command. It owns the texts and decides nothing; anybody may import it.
package cause

// ID names a cause. Ids are never renamed or reused.
type ID string

// Cause is one entry of the catalogue.
type Cause struct {
	ID      ID
	Step    string // connect, STARTTLS, handshake, verify, DANE, MTA-STS, REQUIRETLS, policy, our side, quarantine link
	Title   string
	Fault   string // whose it most likely is
	Helps   string
	Example string
	Report  string // the result type of RFC 8460 §4.3; empty where none fits
}

// Lookup returns the entry of an id.
func Lookup(id ID) (Cause, bool) { return Cause{}, false }

// All returns the catalogue in its order.
func All() []Cause { return nil }

// The ids.
const (
	N1  ID = "N1"
	N2  ID = "N2"
	N3  ID = "N3"
	N4  ID = "N4"
	N5  ID = "N5"
	N6  ID = "N6"
	N7  ID = "N7"
	N8  ID = "N8"
	N9  ID = "N9"
	S1  ID = "S1"
	S2  ID = "S2"
	S3  ID = "S3"
	S4  ID = "S4"
	S5  ID = "S5"
	S6  ID = "S6"
	S7  ID = "S7"
	S8  ID = "S8"
	H1  ID = "H1"
	H2  ID = "H2"
	H3  ID = "H3"
	H4  ID = "H4"
	H5  ID = "H5"
	H6  ID = "H6"
	H7  ID = "H7"
	H8  ID = "H8"
	H9  ID = "H9"
	H10 ID = "H10"
	H11 ID = "H11"
	H12 ID = "H12"
	H13 ID = "H13"
	V1  ID = "V1"
	V2  ID = "V2"
	V3  ID = "V3"
	V4  ID = "V4"
	V5  ID = "V5"
	V6  ID = "V6"
	V7  ID = "V7"
	V8  ID = "V8"
	V9  ID = "V9"
	V10 ID = "V10"
	V11 ID = "V11"
	V12 ID = "V12"
	V13 ID = "V13"
	V14 ID = "V14"
	D1  ID = "D1"
	D2  ID = "D2"
	D3  ID = "D3"
	D4  ID = "D4"
	D5  ID = "D5"
	M1  ID = "M1"
	M2  ID = "M2"
	M3  ID = "M3"
	R1  ID = "R1"
	P1  ID = "P1"
	P2  ID = "P2"
	P3  ID = "P3"
	L1  ID = "L1"
	Q1  ID = "Q1"
	Q2  ID = "Q2"
	Q3  ID = "Q3"
	Q4  ID = "Q4"
	Q5  ID = "Q5"
)
