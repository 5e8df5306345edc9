package maillog

import (
	"slices"
	"strings"
	"sync"
)

// pattern is what a kind of line looks like, to read it.
type pattern struct {
	kind  Kind
	parts []part
}

// part is a literal or a slot. Two slots never stand side by side.
type part struct {
	literal string
	slot    string
	greedy  bool // the value ends at the last place where the next literal stands, for values that may hold it
	digits  bool // the value is a number
}

// form is a line of text with its slots: {icid}, {dcid}, {mid}, {mid2}, {rid} and {rids} are numbers and lists
// of the Event, {name} is a field of it that ends where the next literal first stands, {name*} one that ends where it
// stands last, {name#} a number. Of two that a text fits, the first counts.
type form struct {
	kind Kind
	text string
}

// lines is every line of mail_logs.
var lines = [...]form{
	{ConnectionIn, "New {protocol} ICID {icid} interface {interface} ({local}) address {address} reverse dns host {host*} verified {verified}"},
	{TLSInSuccess, "ICID {icid} TLS success protocol {protocol} cipher {cipher}"},
	{TLSInFailed, "ICID {icid} TLS failed: ({number#}, {error*}) [{cause}]"},
	{TLSInFailed, "ICID {icid} TLS failed: ({number#}, {error*})"},
	{TLSInRequired, "ICID {icid} TLS was required but remote host did not initiate it [{cause}]"},
	{TLSInRequired, "ICID {icid} TLS was required but remote host did not initiate it"},
	{CauseIn, "ICID {icid} cause {cause} for {address}: {detail}"},
	{CauseIn, "ICID {icid} cause {cause} for {address}"},
	{ReceivingFailed, "ICID {icid} Receiving Failed: {reason}"},
	{ConnectionInLost, "ICID {icid} lost"},
	{ConnectionInClosed, "ICID {icid} close"},
	{HostAccess, "ICID {icid} {action} SG {group} match {pattern*} SBRS {score}"},
	{MessageStarted, "Start MID {mid} ICID {icid}"},
	{From, "MID {mid} ICID {icid} From: <{from*}>"},
	{To, "MID {mid} ICID {icid} RID {rid} To: <{to*}>"},
	{ToRejected, "MID {mid} ICID {icid} To: <{to*}> Rejected by RAT"},
	{MessageID, "MID {mid} Message-ID '{id*}'"},
	{Subject, `MID {mid} Subject "{subject*}"`},
	{Ready, "MID {mid} ready {bytes#} bytes from <{from*}>"},
	{PolicyMatched, "MID {mid} matched all recipients for per-recipient policy {policy*} in the {table} table"},
	{Split, "MID {mid} was split creating MID {mid2} due to a per-recipient policy {policy*} in the {table} table"},
	{Rewritten, "MID {mid} rewritten to MID {mid2} by {action} filter '{filter*}'"},
	{BounceGenerated, "MID {mid} was generated for bounce of MID {mid2}"},
	{Quarantined, `MID {mid} quarantined to "{quarantine}" ({reason*})`},
	{QuarantineEnqueued, `MID {mid} enqueued for transfer to centralized quarantine "{quarantine}" ({reason*})`},
	{QuarantineReleased, `MID {mid} released from quarantine "{quarantine}" ({reason*}) t={seconds#}`},
	{QuarantineDeleted, `MID {mid} deleted from quarantine "{quarantine}" ({reason*}) t={seconds#}`},
	{QuarantineReleasedAll, "MID {mid} released from all quarantines"},
	{DroppedByFilter, "Message aborted MID {mid} Dropped by filter '{filter*}'"},
	{ReceivingAborted, "Message aborted MID {mid} Receiving aborted by sender"},
	{MessageAborted, "Message finished MID {mid} aborted"},
	{MessageFinished, "Message finished MID {mid} done"},
	{Queued, "MID {mid} queued for delivery"},
	{ConnectionOut, "New {protocol} DCID {dcid} interface {interface} address {address} port {port#}"},
	{TLSOutSuccess, "DCID {dcid} TLS success protocol {protocol} cipher {cipher} " + QuarantineHost},
	{TLSOutSuccess, "DCID {dcid} TLS success protocol {protocol} cipher {cipher}"},
	{TLSOutUnexpected, "DCID {dcid} TLS failed: STARTTLS unexpected response [{cause}]"},
	{TLSOutUnexpected, "DCID {dcid} TLS failed: STARTTLS unexpected response"},
	{TLSOutNotVerified, "DCID {dcid} TLS failed: verify error: {reason*} [{cause}]"},
	{TLSOutNotVerified, "DCID {dcid} TLS failed: verify error: {reason}"},
	{TLSOutFailed, "DCID {dcid} TLS failed: ({number#}, {error*}) [{cause}]"},
	{TLSOutFailed, "DCID {dcid} TLS failed: ({number#}, {error*})"},
	{TLSOutRequired, "DCID {dcid} TLS was required but could not be successfully negotiated [{cause}]"},
	{TLSOutRequired, "DCID {dcid} TLS was required but could not be successfully negotiated"},
	{ConnectionError, "Connection Error: DCID {dcid} domain: {domain} IP: {ip} port: {port#} details: {details*} interface: {interface} reason: {reason}"},
	{Cause, "DCID {dcid} cause {cause} for {domain}"},
	{InClear, "DCID {dcid} delivery in clear for {domain*} [{cause}]"},
	{InClear, "DCID {dcid} delivery in clear for {domain}"},
	{PeerNotVerified, "DCID {dcid} peer not verified for {domain*} [{cause}]"},
	{PeerNotVerified, "DCID {dcid} peer not verified for {domain}"},
	{ConnectionOutClosed, "DCID {dcid} close"},
	{DeliveryStarted, "Delivery start DCID {dcid} MID {mid} to RID {rids} to Centralized Policy Quarantine"},
	{DeliveryStarted, "Delivery start DCID {dcid} MID {mid} to RID {rids}"},
	{MessageDone, "Message done DCID {dcid} MID {mid} to RID {rids} (centralized policy quarantine)"},
	{MessageDone, "Message done DCID {dcid} MID {mid} to RID {rids} [{headers*}]"},
	{MessageDone, "Message done DCID {dcid} MID {mid} to RID {rids}"},
	{Response, "MID {mid} RID {rids} Response {response}"},
	{Delayed, "Delayed: DCID {dcid} MID {mid} to RID {rid} - {status} - {words} ('{code#}', [{lines*}]) []"},
	{PendingTill, "MID {mid} to RID {rids} pending till {till} [{profile*}]"},
	{Bounced, "Bounced: DCID {dcid} MID {mid} to RID {rid} - {status} - {words} ('{code#}', [{lines*}]) []"},
	{DoubleBounced, "Double bounce: DCID {dcid} MID {mid} to RID {rid} - {status} - {words} ('{code#}', [{lines*}]) []"},
	{Deleted, "Deleted: MID {mid} to {rids}"},
	{Redirected, "Redirected: MID {mid} to RID {rids} by way of {machine}"},
	{PossibleDelivery, "Possible Delivery: DCID {dcid} MID {mid} to {rids}"},
}

// patternsOf returns the patterns whose lines begin with word, in their order.
func patternsOf(word string) []pattern { return patterns()[word] }

// patterns is the table above, cut into parts once.
var patterns = sync.OnceValue(func() map[string][]pattern {
	m := make(map[string][]pattern)
	for _, l := range slices.Concat(lines[:], systemLines[:], formerLines[:]) {
		word, _, _ := strings.Cut(l.text, " ")
		m[word] = append(m[word], pattern{l.kind, cut(l.text)})
	}
	return m
})

// cut makes parts of a line's text.
func cut(text string) []part {
	var parts []part
	for text != "" {
		literal, rest, found := strings.Cut(text, "{")
		if literal != "" {
			parts = append(parts, part{literal: literal})
		}
		if !found {
			break
		}
		name, after, _ := strings.Cut(rest, "}")
		p := part{slot: strings.TrimRight(name, "*#")}
		p.greedy = strings.HasSuffix(name, "*")
		p.digits = strings.HasSuffix(name, "#")
		parts = append(parts, p)
		text = after
	}
	return parts
}
