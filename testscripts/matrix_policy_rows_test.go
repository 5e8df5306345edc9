package testscripts

import "strings"

// both is a situation of DANE under Opportunistic and under Mandatory.
func both(name, peer string, records []string, zone string, opportunistic, mandatory policyRow) []policyRow {
	var rows []policyRow
	for setting, r := range map[string]policyRow{"opportunistic": opportunistic, "mandatory": mandatory} {
		r.name, r.peer, r.tlsa, r.zone = setting+"-"+name, peer, records, zone
		if r.control == "" {
			r.control = "tls preferred"
		}
		r.control += " dane " + setting
		rows = append(rows, r)
	}
	return rows
}

// alike is a situation in which both settings do the same.
func alike(name, peer string, records []string, zone string, r policyRow) []policyRow {
	return both(name, peer, records, zone, r, r)
}

var (
	byTLSA   = policyRow{arrives: "verified", said: encryptedWell, held: "DANE verified"}
	mismatch = policyRow{id: "D1", said: noRecordFits, held: "TLS failed: verify error: no TLSA record matches"}
)

// blockedBy is a host that is not connected to.
func blockedBy(id string) policyRow {
	return policyRow{id: id, said: "cause " + id + " for DOMAIN"}
}

// daneRows are the situations of DANE (RFC 7672).
func daneRows() []policyRow {
	only := func(records ...string) []string { return records }
	plainly := policyRow{arrives: "encrypted", said: encryptedWell, held: "DANE none", verify: "verified"}
	unusable := policyRow{arrives: "encrypted", said: encryptedWell, held: "DANE unusable (D5)", verify: "verified"}
	stripped := func(id, words string) policyRow {
		return policyRow{id: id, said: "TLS failed: " + words + " [" + id + "]|" + negotiated}
	}
	var rows []policyRow
	add := func(more []policyRow) { rows = append(rows, more...) }

	// Every kind of record that there is for mail; the peers are trusted by nothing else.
	for _, kind := range []string{"3 0 0", "3 0 1", "3 0 2", "3 1 0", "3 1 1", "3 1 2"} {
		add(alike("ee"+strings.ReplaceAll(kind, " ", ""), "stranger", only(kind+" @stranger"), "", byTLSA))
	}
	for _, kind := range []string{"2 0 0", "2 0 1", "2 0 2", "2 1 0", "2 1 1", "2 1 2"} {
		add(alike("ta"+strings.ReplaceAll(kind, " ", ""), "whole", only(kind+" @anchor"), "", byTLSA))
	}
	add(alike("old", "old", only("3 1 1 @old"), "", byTLSA)) // 3 1 1 looks at neither name nor time
	add(alike("leaf", "whole", only("3 1 1 @anchor"), "", mismatch))
	add(alike("misnamed", "misnamed", only("2 0 1 @anchor"), "", mismatch))
	add(alike("other", "valid", only("3 1 1 @stranger"), "", mismatch)) // whatever else would prove it
	add(alike("rollover", "stranger", only("3 1 1 @valid", "3 1 1 @stranger", "2 0 1 @anchor"), "", byTLSA))
	add(alike("beside", "stranger", only("3 1 1 @stranger", "1 1 1 @valid", "3 7 1 00"), "", byTLSA)) // what cannot be used is not there
	add(alike("weaker", "stranger", only("3 1 1 @stranger", "3 1 2 @valid"), "", mismatch))           // the stronger digest counts (RFC 7671 §9)

	// No TLS is worse than none that is proven.
	add(alike("stripped", "naked", only("3 1 1 @valid"), "", stripped("S2", "STARTTLS unexpected response")))
	add(alike("garbled", "garbled", only("3 1 1 @valid"), "", stripped("H3", "wrong version number")))

	// Nothing is proven: nothing is asked, unless DANE is mandatory.
	add(both("unsigned", "valid", only("3 1 1 @stranger"), "; unsigned DOMAIN\n", plainly, blockedBy("D2")))
	add(both("addresses", "valid", only("3 1 1 @stranger"), "; unsigned HOST\n", plainly, blockedBy("D2")))
	add(both("none", "valid", nil, "", plainly, blockedBy("D4")))
	add(both("unusable", "valid", only("0 0 1 @valid", "1 1 1 @stranger"), "", unusable, blockedBy("D5")))
	add(both("short", "valid", only("3 1 1 0011"), "", unusable, blockedBy("D5")))

	// No answer is no absence.
	add(alike("silent", "valid", only("3 1 1 @valid"), "; fail _25._tcp.HOST\n", blockedBy("D3")))
	add(alike("bogus", "valid", only("3 1 1 @valid"), "; bogus _25._tcp.HOST\n", blockedBy("D3")))

	// Aliases: the records lie at the end, or at the first name.
	const alias = "DOMAIN. MX 10 MX.\nMX. CNAME end.DOMAIN.\nend.DOMAIN. A PEER\n"
	add(alike("alias-end", "stranger", nil, alias+"_25._tcp.end.DOMAIN. TLSA 3 1 1 @stranger\n", byTLSA))
	add(alike("alias-begin", "stranger", only("3 1 1 @stranger"), alias, byTLSA))
	add(alike("alias-wrong", "valid", only("3 1 1 @valid"), alias+"_25._tcp.end.DOMAIN. TLSA 3 1 1 @stranger\n", mismatch))
	add(alike("alias-records", "stranger", nil, "_25._tcp.MX. CNAME dane.DOMAIN.\ndane.DOMAIN. TLSA 3 1 1 @stranger\n", byTLSA))
	add(alike("alias-out", "stranger", only("3 1 1 @stranger"),
		"; unsigned out.DOMAIN\nDOMAIN. MX 10 MX.\nMX. CNAME out.DOMAIN.\nout.DOMAIN. A PEER\n", byTLSA))

	// The domain's MX is not proven, and the host's records are: they count all the same where nothing is mandatory
	// (RFC 7672 §2.2.1).
	add(both("provider", "stranger", nil,
		"; unsigned DOMAIN\nDOMAIN. MX 10 mx.provider-SETTING.example.\nmx.provider-SETTING.example. A PEER\n_25._tcp.mx.provider-SETTING.example. TLSA 3 1 1 @stranger\n", byTLSA, blockedBy("D2")))
	for i := range rows {
		setting, _, _ := strings.Cut(rows[i].name, "-")
		rows[i].zone = strings.ReplaceAll(rows[i].zone, "SETTING", setting)
	}
	return append(rows, daneControlRows()...)
}

// daneControlRows are DANE beside the destination controls and SMTP routes.
func daneControlRows() []policyRow {
	record := []string{"3 1 1 @stranger"}
	clear := policyRow{arrives: "clear", held: ""}
	return []policyRow{
		// An explicit No switches DANE off, an inherited one does not.
		{name: "dane-no", peer: "valid", tlsa: record, control: "tls no", arrives: clear.arrives, verify: "verified"},
		{name: "dane-inherited", peer: "valid", tlsa: record, id: "D1", said: noRecordFits},
		{name: "dane-none", peer: "valid", tlsa: record, control: "tls required dane none", arrives: "encrypted", said: encryptedWell, verify: "verified"},
		// A chain that matches counts for (Verify).
		{name: "dane-verify", peer: "stranger", tlsa: record, control: "tls required-verify", arrives: "verified", said: encryptedWell, held: "DANE verified"},
		// Records of no use leave the control in force.
		{name: "dane-control", peer: "stranger", tlsa: []string{"1 1 1 @stranger"}, control: "tls required-verify", id: "V1",
			said: "TLS failed: verify error: self-signed certificate [V1]|" + negotiated},
		// A host that fails is no reason not to try the next one.
		{name: "dane-next", peer: "stranger", tlsa: record, arrives: "verified", said: encryptedWell, held: "DANE verified", verify: "D1",
			zone: "DOMAIN. MX 10 MX.\nMX. A PEER\nDOMAIN. MX 5 first.DOMAIN.\nfirst.DOMAIN. A PEER:valid\n_25._tcp.first.DOMAIN. TLSA 3 1 1 @stranger\n"},
		// A route to a name leaves DANE in force; one to an address has no name to ask for.
		{name: "dane-route", peer: "valid", tlsa: record, control: "tls preferred", route: "HOST", id: "D1", said: noRecordFits},
	}
}

// stsRows are the situations of MTA-STS (RFC 8461).
func stsRows() []policyRow {
	strange := "TLS failed: verify error: hostname mismatch [V5]|" + negotiated + "|cause M3 for DOMAIN"
	return []policyRow{
		{name: "sts-good", peer: "valid", policy: "enforce HOST", arrives: "verified", said: encryptedWell, held: "MTA-STS enforce"},
		{name: "sts-wildcard", peer: "valid", policy: "enforce *.DOMAIN", arrives: "verified", said: encryptedWell, held: "MTA-STS enforce"},
		{name: "sts-stranger", peer: "valid", policy: "enforce mx.elsewhere.example", id: "M1", said: "cause M1 for DOMAIN"},
		{name: "sts-name", peer: "wrong", policy: "enforce HOST", id: "M3", said: strange},
		{name: "sts-expired", peer: "expired", policy: "enforce HOST", id: "M3",
			said: "TLS failed: verify error: certificate has expired [V4]|" + negotiated + "|cause M3 for DOMAIN"},
		{name: "sts-naked", peer: "naked", policy: "enforce HOST", id: "M3",
			said: "TLS failed: STARTTLS unexpected response [S2]|" + negotiated + "|cause M3 for DOMAIN"},
		{name: "sts-garbled", peer: "garbled", policy: "enforce HOST", id: "M3",
			said: "TLS failed: wrong version number [H3]|" + negotiated + "|cause M3 for DOMAIN"},
		{name: "sts-next", peer: "valid", policy: "enforce HOST", arrives: "verified", said: "cause M1 for DOMAIN|" + encryptedWell, held: "MTA-STS enforce",
			zone: "DOMAIN. MX 10 MX.\nMX. A PEER\nDOMAIN. MX 5 first.DOMAIN.\nfirst.DOMAIN. A PEER\n", verify: "M1"},
		// Testing never blocks, whatever is the matter.
		{name: "testing-name", peer: "wrong", policy: "testing HOST", control: "tls preferred", arrives: "encrypted", said: encryptedWell, held: "MTA-STS testing", verify: "V5"},
		{name: "testing-stranger", peer: "valid", policy: "testing mx.elsewhere.example", control: "tls preferred", arrives: "encrypted", said: encryptedWell, verify: "verified"},
		{name: "testing-naked", peer: "naked", policy: "testing HOST", control: "tls preferred", arrives: "clear",
			said: "cause S2 for DOMAIN|delivery in clear for DOMAIN [P1]", verify: "S2"},
		{name: "testing-garbled", peer: "garbled", policy: "testing HOST", arrives: "clear",
			said: "cause H3 for DOMAIN|delivery in clear for DOMAIN [P1]", verify: "H3"},
		{name: "mode-none", peer: "wrong", policy: "none", control: "tls preferred", arrives: "encrypted", said: encryptedWell, verify: "V5"},
		// No policy to be had is none; the one that was had stays in force.
		{name: "sts-404", peer: "wrong", policy: "404", control: "tls preferred", arrives: "encrypted", said: "cause M2 for DOMAIN|" + encryptedWell, verify: "V5"},
		{name: "sts-garbage", peer: "wrong", policy: "sometimes HOST", control: "tls preferred", arrives: "encrypted", said: "cause M2 for DOMAIN|" + encryptedWell, verify: "V5"},
		{name: "sts-gone", peer: "wrong", policy: "enforce HOST", gone: true, id: "M3", said: "cause M2 for DOMAIN|" + strange},
		// DANE stands before a policy, also one that would forbid the host.
		{name: "dane-first", peer: "stranger", tlsa: []string{"3 1 1 @stranger"}, policy: "enforce mx.elsewhere.example", arrives: "verified", said: encryptedWell, held: "DANE verified"},
		{name: "dane-fails-first", peer: "valid", tlsa: []string{"3 1 1 @stranger"}, policy: "enforce HOST", id: "D1", said: noRecordFits},
		{name: "dane-silent-first", peer: "valid", zone: "; fail _25._tcp.HOST\n", policy: "enforce HOST", id: "D3", said: "cause D3 for DOMAIN"},
		// An explicit No and the destination's own switch put it out of force, as a route does.
		{name: "sts-no", peer: "wrong", policy: "enforce HOST", control: "tls no", arrives: "clear", verify: "V5"},
		{name: "sts-off", peer: "wrong", policy: "enforce HOST", control: "mta_sts off tls preferred", arrives: "encrypted", said: encryptedWell, verify: "V5"},
		{name: "sts-route", peer: "wrong", policy: "enforce HOST", control: "tls preferred", route: "HOST", arrives: "encrypted", said: encryptedWell, verify: "V5"},
		// Two domains have one mail exchanger: the policy of one says nothing about the other.
		{name: "hosted-free", peer: "wrong", zone: "DOMAIN. MX 10 mx.shared.example.\nmx.shared.example. A PEER\n", control: "tls preferred", arrives: "encrypted", said: encryptedWell, verify: "V5"},
		{name: "hosted-bound", peer: "wrong", zone: "DOMAIN. MX 10 mx.shared.example.\n", policy: "enforce mx.shared.example", control: "tls preferred", id: "M3", said: strange},
		// Preferred (Verify): delivered, and said.
		{name: "p2", peer: "wrong", control: "tls preferred-verify", arrives: "encrypted",
			said: encryptedWell + "|cause V5 for DOMAIN|peer not verified for DOMAIN [P2]", held: "not verified (V5)", verify: "V5"},
	}
}

// requireRows are the situations of REQUIRETLS and of TLS-Required: No (RFC 8689).
func requireRows() []policyRow {
	const optional = "TLS-Required: No"
	const unsigned = "; unsigned DOMAIN\n"
	final := "5.7.30"
	return []policyRow{
		{name: "require-good", peer: "extends", require: true, arrives: "verified", said: encryptedWell},
		{name: "require-next", peer: "extends", require: true, arrives: "verified", said: encryptedWell, verify: "V5",
			zone: "DOMAIN. MX 10 MX.\nMX. A PEER\nDOMAIN. MX 5 first.DOMAIN.\nfirst.DOMAIN. A PEER:valid\n"},
		{name: "require-not-offered", peer: "valid", require: true, id: "R1", status: final, said: encryptedWell + "|cause R1 for DOMAIN",
			held: "does not offer REQUIRETLS", verify: "verified"},
		{name: "require-not-verified", peer: "stranger", require: true, id: "R1", status: "5.7.10",
			said: "TLS failed: verify error: self-signed certificate [V1]|" + negotiated + "|cause R1 for DOMAIN", verify: "V1"},
		{name: "require-naked", peer: "naked", require: true, id: "R1", status: "5.7.10",
			said: "TLS failed: STARTTLS unexpected response [S2]|" + negotiated + "|cause R1 for DOMAIN", verify: "S2"},
		{name: "require-dane", peer: "stranger", tlsa: []string{"3 1 1 @stranger"}, require: true, arrives: "verified", said: encryptedWell},
		{name: "require-not-proven", peer: "extends", zone: unsigned, require: true, id: "R1", status: final, said: "cause R1 for DOMAIN",
			held: "proven by neither DNSSEC nor MTA-STS", verify: "verified"},
		{name: "require-policy", peer: "extends", zone: unsigned, policy: "enforce HOST", require: true, arrives: "verified", said: encryptedWell},
		// Whoever forges the MX may name a host with records of its own.
		{name: "require-forged", peer: "stranger", require: true, id: "R1", status: final, said: "cause R1 for DOMAIN", verify: "verified",
			zone: unsigned + "DOMAIN. MX 10 mx.forger.example.\nmx.forger.example. A PEER\n_25._tcp.mx.forger.example. TLSA 3 1 1 @stranger\n"},
		// Nothing weakens it: neither the header nor an explicit No.
		{name: "require-optional", peer: "valid", require: true, header: optional, id: "R1", status: final, said: encryptedWell + "|cause R1 for DOMAIN", verify: "verified"},
		{name: "require-no", peer: "naked", require: true, control: "tls no", id: "R1", status: "5.7.10",
			said: "TLS failed: STARTTLS unexpected response [S2]|" + negotiated + "|cause R1 for DOMAIN", verify: "S2"},

		// TLS-Required: No takes back DANE and MTA-STS.
		{name: "optional-dane", peer: "valid", tlsa: []string{"3 1 1 @stranger"}, header: optional, arrives: "encrypted", said: encryptedWell, verify: "D1"},
		{name: "optional-dane-naked", peer: "naked", tlsa: []string{"3 1 1 @stranger"}, header: optional, arrives: "clear",
			said: "cause S2 for DOMAIN|delivery in clear for DOMAIN [P1]", verify: "S2"},
		{name: "optional-dane-silent", peer: "valid", zone: "; fail _25._tcp.HOST\n", header: optional, arrives: "encrypted", said: encryptedWell, verify: "D3"},
		{name: "optional-sts", peer: "wrong", policy: "enforce HOST", header: optional, arrives: "encrypted", said: encryptedWell, verify: "M3"},
		{name: "optional-sts-stranger", peer: "valid", policy: "enforce mx.elsewhere.example", header: optional, arrives: "encrypted", said: encryptedWell, verify: "M1"},
		// It never takes back a destination control.
		{name: "optional-required", peer: "naked", header: optional, control: "tls required", id: "S2",
			said: "TLS failed: STARTTLS unexpected response [S2]|" + negotiated},
		{name: "optional-verify", peer: "wrong", header: optional, control: "tls required-verify", id: "V5",
			said: "TLS failed: verify error: hostname mismatch [V5]|" + negotiated},
	}
}
