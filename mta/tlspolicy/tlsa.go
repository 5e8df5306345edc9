package tlspolicy

// TLSA is one TLSA record (RFC 6698 §2.1).
type TLSA struct {
	Usage    uint8  `json:"usage"`    // 0 to 3; only 2 and 3 count for SMTP (RFC 7672 §3.1.3)
	Selector uint8  `json:"selector"` // 0 the certificate, 1 its public key
	Matching uint8  `json:"matching"` // 0 whole, 1 SHA-256, 2 SHA-512
	Data     []byte `json:"data"`
}
