package cause

// From the ClientHello to the end of the handshake.
const (
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
)

var handshake = []Cause{
	{
		ID: H1, Step: StepHandshake, Title: "no cipher suite in common",
		Fault:   "Usually the older side's: it knows only suites that are no longer considered safe, or the other was restricted too far.",
		Helps:   "Compare what both sides take: sslconfig verify says it of this side, tlsverify of the partner's.",
		Example: "The peer answers with alert handshake failure; it speaks nothing but RC4.",
		Line:    "DCID 7 TLS failed: (336151568, 'error:14094410:SSL routines:SSL3_READ_BYTES:sslv3 alert handshake failure') [H1]",
		Report:  reportValidation,
	},
	{
		ID: H2, Step: StepHandshake, Title: "no protocol version in common",
		Fault:   "Usually the older side's: it stops at TLS 1.0 or 1.1, and TLS 1.2 is the least that is spoken here unless sslconfig says otherwise.",
		Helps:   "They switch TLS 1.2 or 1.3 on; lowering our own limit in sslconfig is the worse choice.",
		Example: "The peer offers TLS 1.0 only.",
		Line:    "DCID 7 TLS failed: (336151598, 'error:1409442E:SSL routines:SSL3_READ_BYTES:tlsv1 alert protocol version') [H2]",
		Report:  reportValidation,
	},
	{
		ID: H3, Step: StepHandshake, Title: "the peer does not speak TLS",
		Fault:   "Theirs: where the handshake belongs, plain text or another protocol arrives.",
		Helps:   "Check host and port; they look for a proxy that answers STARTTLS without doing it.",
		Example: "The answer to our ClientHello begins with \"421 \".",
		Line:    "DCID 7 TLS failed: (336130315, 'error:1408F10B:SSL routines:SSL3_GET_RECORD:wrong version number') [H3]",
		Report:  reportValidation,
	},
	{
		ID: H4, Step: StepHandshake, Title: "connection closed in the handshake",
		Fault:   "Theirs or a firewall's: the peer gave no alert, it hung up. Its own log knows more.",
		Helps:   "They look at their log; often it is a certificate that cannot be loaded, or a device that inspects TLS.",
		Example: "ClientHello sent, then the connection was reset.",
		Line:    "DCID 7 TLS failed: (336150822, 'error:14094126:SSL routines:SSL3_READ_BYTES:unexpected eof while reading') [H4]",
		Report:  reportValidation,
	},
	{
		ID: H5, Step: StepHandshake, Title: "the handshake timed out",
		Fault:   "Theirs or somewhere between: the peer is overloaded, or large packets are lost on the way.",
		Helps:   "Try again later; where it stays, look for an MTU problem between the two sites.",
		Example: "Nothing was heard for 60 seconds after the ClientHello.",
		Line:    "DCID 7 TLS failed: (33554492, 'error:0200003C:system library:func(0):Operation timed out') [H5]",
		Report:  reportValidation,
	},
	{
		ID: H6, Step: StepHandshake, Title: "no certificate from the peer",
		Fault:   "Theirs: the server has no certificate, or the client offers only anonymous suites.",
		Helps:   "They install a certificate (tlsverify tells an anonymous server from one without a cipher in common); an anonymous connection is never accepted, because anybody could stand in its middle.",
		Example: "The client offers only suites that begin with ADH and AECDH.",
		Line:    "ICID 5 TLS failed: (336109761, 'error:1408A0C1:SSL routines:SSL3_GET_CLIENT_HELLO:no shared cipher') [H6]",
		Report:  reportValidation,
	},
	{
		ID: H7, Step: StepHandshake, Title: "no curve or signature algorithm in common",
		Fault:   "Usually the older side's: it signs only with SHA-1, or insists on a curve that the other does not know.",
		Helps:   "They add P-256 or X25519 and SHA-256; on our side a second certificate with an RSA key serves peers that know no ECDSA.",
		Example: "The client offers curve secp256k1 only.",
		Line:    "ICID 5 TLS failed: (336109944, 'error:1408A178:SSL routines:SSL3_GET_CLIENT_HELLO:no shared signature algorithms') [H7]",
		Report:  reportValidation,
	},
	{
		ID: H8, Step: StepHandshake, Title: "the peer refused our certificate",
		Fault:   "Ours, or their list of authorities lacks ours: the alert says whether it is unknown, expired, revoked or otherwise bad.",
		Helps:   "Check certconfig print for the certificate in use, its days and its intermediates; tlsverify shows whether the alert goes away. Otherwise they add our authority.",
		Example: "We showed the certificate partner and were answered with alert unknown ca.",
		Line:    "DCID 7 TLS failed: (336151576, 'error:14094418:SSL routines:SSL3_READ_BYTES:tlsv1 alert unknown ca') [H8]",
		Report:  reportValidation,
	},
	{
		ID: H9, Step: StepHandshake, Title: "the peer wants a client certificate and none is configured",
		Fault:   "Ours: they admit only clients with a certificate.",
		Helps:   "Name a certificate for the destination in destconfig, or for all of them in its SETUP.",
		Example: "The peer asked for a certificate, got none, and answered with alert certificate required.",
		Line:    "DCID 7 TLS failed: (336151644, 'error:1409445C:SSL routines:SSL3_READ_BYTES:tlsv13 alert certificate required') [H9]",
		Report:  reportValidation,
	},
	{
		ID: H10, Step: StepHandshake, Title: "the key does not belong to the certificate",
		Fault:   "Theirs: their signature does not fit the certificate they show; usually one of the two files was replaced and the other forgotten, or the intermediate stands first.",
		Helps:   "They install certificate and key that belong together, the server's own certificate first.",
		Example: "The handshake's signature does not verify with the key of mx1.partner.example.",
		Line:    "DCID 7 TLS failed: (336121979, 'error:1408D07B:SSL routines:SSL3_GET_KEY_EXCHANGE:bad signature') [H10]",
		Report:  reportValidation,
	},
	{
		ID: H11, Step: StepHandshake, Title: "the client showed no certificate, or one that does not verify",
		Fault:   "Theirs, or our list of authorities lacks theirs: the mail flow policy asks for a certificate that verifies.",
		Helps:   "They send with a certificate of an authority that is in force here; or import that authority with certconfig.",
		Example: "The client was asked for a certificate and sent an empty list.",
		Line:    "ICID 5 TLS failed: (336105671, 'error:140890C7:SSL routines:SSL3_GET_CLIENT_CERTIFICATE:peer did not return a certificate') [H11]",
	},
	{
		ID: H12, Step: StepHandshake, Title: "the peer fails at a large ClientHello",
		Fault:   "Theirs or a firewall's: a ClientHello with a post-quantum key share does not fit one packet, and they cannot take it in two.",
		Helps:   "Nothing is needed: a smaller one succeeded and is used for this host. They update the server or the device before it.",
		Example: "A ClientHello of 1.5 KB was met with silence, one of 300 bytes was answered.",
		Line:    "DCID 7 cause H12 for partner.example",
		Report:  reportValidation,
	},
	{
		ID: H13, Step: StepHandshake, Title: "another failure of the handshake",
		Fault:   "Unclear: one side ended the handshake with an alert or a fault that no other cause covers; the log line names it.",
		Helps:   "Look the alert up with the peer's log at hand.",
		Example: "The peer answered with alert unrecognized name.",
		Line:    "DCID 7 TLS failed: (336151640, 'error:14094458:SSL routines:SSL3_READ_BYTES:tlsv1 unrecognized name') [H13]",
		Report:  reportValidation,
	},
}
