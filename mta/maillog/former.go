package maillog

// formerLines are lines as older programs of this family wrote them; nothing here writes them, and findevent reads them.
var formerLines = [...]form{
	{TLSInSuccess, "ICID {icid} TLS success CN: <{cn*}>"},
	{TLSInSuccess, "ICID {icid} TLS success"},
	{TLSInFailed, "ICID {icid} TLS failed: {error}"},
	{TLSOutSuccess, "DCID {dcid} TLS success CN: <{cn*}>"},
	{TLSOutSuccess, "DCID {dcid} TLS success"},
	{TLSOutUnexpected, "DCID {dcid} IP {ip} TLS failed: STARTTLS unexpected response"},
	{TLSOutNotVerified, "DCID {dcid} IP {ip} TLS failed: verify error: {reason}"},
	{TLSOutFailed, "DCID {dcid} IP {ip} TLS failed: {error}"},
	{TLSOutFailed, "DCID {dcid} TLS failed: {error}"},
	{TLSOutRequired, "DCID {dcid} IP {ip} TLS was required but could not be successfully negotiated"},
	{ConnectionOut, "New {protocol} DCID {dcid} interface {interface} address {address}"},
	{To, "MID {mid} ICID {icid} To: <{to*}>"},
	{Subject, "MID {mid} Subject '{subject*}'"},
	{MessageID, `MID {mid} Message-ID "{id*}"`},
	{Response, "MID {mid} (DCID {dcid}) Response {response}"},
}
