package cause

// The peer's certificates.
const (
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
)

var verify = []Cause{
	{
		ID: V1, Step: StepVerify, Title: "self-signed certificate",
		Fault:   "Theirs: nobody but the server itself vouches for it.",
		Helps:   "They install a certificate of a public authority; or, if you know that it is theirs, import it into the custom list with certconfig.",
		Example: "Subject and issuer are both CN=mx1.partner.example.",
		Line:    "DCID 7 TLS failed: verify error: self-signed certificate [V1]",
		Report:  reportNotTrusted,
	},
	{
		ID: V2, Step: StepVerify, Title: "intermediate certificate missing",
		Fault:   "Theirs: the server does not send the certificate of its issuer.",
		Helps:   "They add that certificate to their chain; until then \"Required\" delivers encrypted but unverified.",
		Example: "mx1.partner.example is issued by Example Issuing CA G2, whose certificate was not sent.",
		Line:    "DCID 7 TLS failed: verify error: unable to get local issuer certificate [V2]",
		Report:  reportNotTrusted,
	},
	{
		ID: V3, Step: StepVerify, Title: "certificates in the wrong order, twice, or not needed",
		Fault:   "Theirs: the file with their chain was put together carelessly.",
		Helps:   "They send the server's own certificate first and then each one's issuer, once. Where it verifies all the same this is only a warning; stricter peers may refuse them.",
		Example: "The second certificate sent is not the issuer of the first; the third is.",
		Line:    "DCID 7 TLS failed: verify error: certificate chain is out of order [V3]",
		Report:  reportNotTrusted,
	},
	{
		ID: V4, Step: StepVerify, Title: "expired certificate",
		Fault:   "Theirs: a certificate of their chain was not renewed in time.",
		Helps:   "They renew it. The log names which element it is, and since when.",
		Example: "mx1.partner.example expired on 2026-03-01.",
		Line:    "DCID 7 TLS failed: verify error: certificate has expired [V4]",
		Report:  reportExpired,
	},
	{
		ID: V5, Step: StepVerify, Title: "certificate name mismatch",
		Fault:   "Theirs, or the route's: the certificate is good, but for other names.",
		Helps:   "They add the domain or its mail host to the certificate. Where a provider hosts the domain, its host names have to be accepted for it: choose Required (Verify Hosted Domains) in destconfig, or name the host in an SMTP route.",
		Example: "Wanted partner.example or mx1.partner.example, found mail.provider.example.",
		Line:    "DCID 7 TLS failed: verify error: hostname mismatch [V5]",
		Report:  reportHostMismatch,
	},
	{
		ID: V6, Step: StepVerify, Title: "certificate not yet valid",
		Fault:   "Theirs, or the clock here is wrong: the certificate's time begins in the future.",
		Helps:   "Check this machine's clock first; then they look at theirs.",
		Example: "mx1.partner.example is valid from 2027-01-01.",
		Line:    "DCID 7 TLS failed: verify error: certificate is not yet valid [V6]",
		Report:  reportValidation,
	},
	{
		ID: V7, Step: StepVerify, Title: "revoked certificate",
		Fault:   "Theirs: the issuer has withdrawn a certificate of their chain.",
		Helps:   "They replace it at once; its key may be in wrong hands.",
		Example: "The issuer's revocation list of today holds mx1.partner.example.",
		Line:    "DCID 7 TLS failed: verify error: certificate revoked [V7]",
		Report:  reportNotTrusted,
	},
	{
		ID: V8, Step: StepVerify, Title: "issued by an authority that is not in force here",
		Fault:   "Nobody's: it is a private or unknown authority, or the list that holds it is switched off.",
		Helps:   "If you trust that authority, import it into the custom list with certconfig.",
		Example: "The chain ends at CN=Partner Private Root, which is in no list.",
		Line:    "DCID 7 TLS failed: verify error: self-signed certificate in certificate chain [V8]",
		Report:  reportNotTrusted,
	},
	{
		ID: V9, Step: StepVerify, Title: "certificate not meant for this use",
		Fault:   "Theirs: it may not be used by a server (or, incoming, by a client), or an intermediate is no authority.",
		Helps:   "They have it issued anew for the right use.",
		Example: "mx1.partner.example is marked for e-mail protection only.",
		Line:    "DCID 7 TLS failed: verify error: unsupported certificate purpose [V9]",
		Report:  reportValidation,
	},
	{
		ID: V10, Step: StepVerify, Title: "signature or key too weak",
		Fault:   "Theirs: SHA-1, or an RSA key under 1024 bits, proves nothing any more. RSA under 2048 bits is only a warning.",
		Helps:   "They replace it with a certificate of RSA 2048 or ECDSA P-256 and SHA-256.",
		Example: "mx1.partner.example is signed with SHA1-RSA.",
		Line:    "DCID 7 TLS failed: verify error: CA signature digest algorithm too weak [V10]",
		Report:  reportValidation,
	},
	{
		ID: V11, Step: StepVerify, Title: "certificate cannot be parsed",
		Fault:   "Theirs: what was sent as a certificate is none, or breaks the rules of X.509.",
		Helps:   "They have it issued anew; home-made tools are the usual source.",
		Example: "The first certificate sent has a negative serial number.",
		Line:    "DCID 7 TLS failed: (336134157, 'error:1409000D:SSL routines:SSL3_GET_SERVER_CERTIFICATE:ASN1 lib') [V11]",
		Report:  reportValidation,
	},
	{
		ID: V12, Step: StepVerify, Title: "name constraint, path length or an unknown critical extension",
		Fault:   "Theirs, or their authority's: the issuer was not entitled to issue it.",
		Helps:   "They take a certificate whose issuer may issue for that name.",
		Example: "The issuer may only issue for .internal.example.",
		Line:    "DCID 7 TLS failed: verify error: permitted subtree violation [V12]",
		Report:  reportValidation,
	},
	{
		ID: V13, Step: StepVerify, Title: "no name to verify against",
		Fault:   "Ours: verification is asked for, but there is only an address and no name that a certificate could prove.",
		Helps:   "Name a host instead of an address in the SMTP route, or do not ask for verification there.",
		Example: "Mail for user@[192.0.2.31] under a setting that verifies.",
		Line:    "DCID 7 TLS failed: verify error: hostname mismatch [V13]",
		Report:  reportHostMismatch,
	},
	{
		ID: V14, Step: StepVerify, Title: "revocation list stale or not to be had",
		Fault:   "The issuer's, or the way there is blocked: its revocation list is too old or cannot be fetched.",
		Helps:   "Check the source with certconfig crl, and whether this machine reaches it; a list that is stale is named and keeps its last state.",
		Example: "The list of Example Issuing CA was due for renewal two days ago.",
		Line:    "DCID 7 TLS failed: verify error: unable to get certificate CRL [V14]",
		Report:  reportValidation,
	},
}
