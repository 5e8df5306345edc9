package cause

// What the partner's domain publishes about its TLS.
const (
	D1 ID = "D1"
	D2 ID = "D2"
	D3 ID = "D3"
	D4 ID = "D4"
	D5 ID = "D5"
	M1 ID = "M1"
	M2 ID = "M2"
	M3 ID = "M3"
	R1 ID = "R1"
)

var authentication = []Cause{
	{
		ID: D1, Step: StepDANE, Title: "no TLSA record matches",
		Fault:   "Theirs: the certificate was changed and the record in the DNS was not, or the other way round.",
		Helps:   "They publish the record of the certificate in use; new records belong into the DNS before the new certificate into the server.",
		Example: "3 1 1 is published for another key than the one shown.",
		Line:    "DCID 7 TLS failed: verify error: no TLSA record matches [D1]",
		Report:  reportTLSAInvalid,
	},
	{
		ID: D2, Step: StepDANE, Title: "TLSA records without DNSSEC",
		Fault:   "Theirs, or no validating nameserver is configured here: records that are not signed prove nothing.",
		Helps:   "Name a validating nameserver in dnsconfig; or they sign their zone. Opportunistic DANE goes on as if there were no record.",
		Example: "_25._tcp.mx1.partner.example has a TLSA record, the answer is not secure.",
		Line:    "DCID 0 cause D2 for partner.example",
		Report:  reportDNSSECInvalid,
	},
	{
		ID: D3, Step: StepDANE, Title: "TLSA lookup failed",
		Fault:   "Theirs mostly: their nameservers do not answer the question for TLSA, or the signatures are wrong.",
		Helps:   "The mail waits; it is never sent with less protection because of it. They repair their DNS.",
		Example: "_25._tcp.mx1.partner.example: SERVFAIL.",
		Line:    "DCID 0 cause D3 for partner.example",
		Report:  reportDNSSECInvalid,
	},
	{
		ID: D4, Step: StepDANE, Title: "DANE is mandatory and the domain publishes none",
		Fault:   "Ours: the destination control demands what the partner does not have.",
		Helps:   "Set DANE to opportunistic for the destination in destconfig, or ask the partner to publish TLSA records.",
		Example: "The DNS proves that mx1.partner.example has no TLSA record.",
		Line:    "DCID 0 cause D4 for partner.example",
		Report:  reportDANERequired,
	},
	{
		ID: D5, Step: StepDANE, Title: "every TLSA record is unusable",
		Fault:   "Theirs: the records have usages or types that mail does not know.",
		Helps:   "They publish usage 3 or 2. Until then the mail is encrypted, but nobody is authenticated.",
		Example: "Only 1 0 1 is published.",
		Line:    "DCID 0 cause D5 for partner.example",
		Report:  reportTLSAInvalid,
	},
	{
		ID: M1, Step: StepMTASTS, Title: "the MX is not in the policy",
		Fault:   "Theirs: the MX record and the published policy do not agree.",
		Helps:   "They add the host to the policy, and change the policy's id in the DNS.",
		Example: "mx3.partner.example is not among mx1.partner.example and mx2.partner.example.",
		Line:    "DCID 0 cause M1 for partner.example",
		Report:  reportValidation,
	},
	{
		ID: M2, Step: StepMTASTS, Title: "the policy cannot be fetched or read",
		Fault:   "Theirs: the web server of mta-sts under their domain fails, has a bad certificate, or serves something else.",
		Helps:   "A policy fetched earlier stays in force for its time. They repair the web server.",
		Example: "https://mta-sts.partner.example/.well-known/mta-sts.txt: 404.",
		Line:    "DCID 0 cause M2 for partner.example",
		Report:  reportSTSFetch,
	},
	{
		ID: M3, Step: StepMTASTS, Title: "the policy enforces TLS, and TLS failed",
		Fault:   "Theirs: they promise verifiable TLS and do not keep it; the first cause stands beside this one.",
		Helps:   "See the first cause. The mail waits.",
		Example: "mode: enforce, and the certificate of mx1.partner.example has expired.",
		Line:    "DCID 7 cause M3 for partner.example",
		Report:  reportValidation,
	},
	{
		ID: R1, Step: StepRequireTLS, Title: "the message requires TLS and the next hop cannot promise it",
		Fault:   "Nobody's: the sender asked for REQUIRETLS, and the next hop does not offer it or its MX is not proven.",
		Helps:   "The sender may send again without that demand; tlsverify shows whether the next hop offers REQUIRETLS.",
		Example: "mx1.partner.example does not announce REQUIRETLS.",
		Line:    "DCID 7 cause R1 for partner.example",
	},
}

// What the policy made of it, and our own side.
const (
	P1 ID = "P1"
	P2 ID = "P2"
	P3 ID = "P3"
	L1 ID = "L1"
)

var policy = []Cause{
	{
		ID: P1, Step: StepPolicy, Title: "delivered in clear",
		Fault:   "Nobody's: the setting prefers TLS and does not require it, and TLS was not to be had.",
		Helps:   "If the mail should not go in clear, set Required for the destination in destconfig; tlsreport lists what went in clear and to whom.",
		Example: "partner.example under Preferred: STARTTLS is not offered.",
		Line:    "DCID 7 delivery in clear for partner.example [P1]",
	},
	{
		ID: P2, Step: StepPolicy, Title: "delivered encrypted but not verified",
		Fault:   "Nobody's: the setting prefers verification and does not require it, and verification failed.",
		Helps:   "See the first cause; set Required (Verify) in destconfig if unverified is not enough.",
		Example: "partner.example under Preferred (Verify): self-signed certificate.",
		Line:    "DCID 7 peer not verified for partner.example [P2]",
	},
	{
		ID: P3, Step: StepPolicy, Title: "TLS was required but could not be successfully negotiated",
		Fault:   "See the first cause, which always stands beside this one.",
		Helps:   "See the first cause. The mail waits, and bounces when its time is over.",
		Example: "partner.example under Required (Verify): expired certificate.",
		Line:    "DCID 7 TLS was required but could not be successfully negotiated [P3]",
	},
	{
		ID: L1, Step: StepOurSide, Title: "our own certificate or key cannot be used",
		Fault:   "Ours: the listener has no usable certificate, so STARTTLS is answered with 454.",
		Helps:   "Check certconfig print and listenerconfig.",
		Example: "The content of the profile partner cannot be read.",
		Line:    "ICID 5 TLS failed: (0, 'error:00000000:posthouse:STARTTLS:the certificate profile partner cannot be used') [L1]",
	},
}

// The link to the quarantine appliance.
const (
	Q1 ID = "Q1"
	Q2 ID = "Q2"
	Q3 ID = "Q3"
	Q4 ID = "Q4"
	Q5 ID = "Q5"
)

var quarantine = []Cause{
	{
		ID: Q1, Step: StepQuarantine, Title: "the peer's certificate is not the one enrolled",
		Fault:   "The certificate was renewed there without enrolling it again; or it is not the quarantine head that answers.",
		Helps:   "Compare the fingerprints on both sides, then enrol again.",
		Example: "The fingerprint shown differs from the one kept since the enrolment.",
		Line:    "DCID 7 cause Q1 for the.cpq.host",
	},
	{
		ID: Q2, Step: StepQuarantine, Title: "the quarantine head is full, suspended or offline",
		Fault:   "The quarantine head's.",
		Helps:   "Look at its state there; the messages wait here.",
		Example: "452 4.3.1 queue full.",
		Line:    "DCID 7 cause Q2 for the.cpq.host",
	},
	{
		ID: Q3, Step: StepQuarantine, Title: "the query over SSH failed",
		Fault:   "Either side's: host key, login, algorithm or answer do not fit.",
		Helps:   "Read the log line's words; after a new installation of the head its host key has to be accepted again.",
		Example: "The host key has changed.",
		Line:    "DCID 7 cause Q3 for the.cpq.host",
	},
	{
		ID: Q4, Step: StepQuarantine, Title: "the interface or port named for it does not exist there",
		Fault:   "Ours: the setting names what the quarantine head does not have.",
		Helps:   "Compare the setting with the head's interfaces.",
		Example: "Port 7025 refuses connections.",
		Line:    "DCID 7 cause Q4 for the.cpq.host",
	},
	{
		ID: Q5, Step: StepQuarantine, Title: "the peer does not speak the quarantine protocol",
		Fault:   "The setting's: another service answers on that address and port.",
		Helps:   "Check address and port of the quarantine head.",
		Example: "The greeting is that of an ordinary mail server.",
		Line:    "DCID 7 cause Q5 for the.cpq.host",
	},
}
