package outbound

import (
	"fmt"
	"strconv"
	"strings"

	"posthouse/internal/cause"
	"posthouse/internal/dns"
	"posthouse/mta/queue"
	"posthouse/mta/smtp"
	"posthouse/mta/tlspolicy"
)

// badDestination is a destination that no mail can be sent to.
func badDestination(id cause.ID, domain, text string) *queue.Failure {
	return &queue.Failure{
		Class: "5.1.2", Title: "Bad destination host", Status: "5.1.2", Cause: id, Kind: queue.DNS, Lines: []string{text},
	}
}

// lookupFailure is a lookup without an answer.
func lookupFailure(name, qtype string, err error) *queue.Failure {
	text := fmt.Sprintf("DNS Soft Error looking up %s (%s): %v", name, qtype, err)
	return &queue.Failure{
		Class: "4.1.2", Title: "Bad destination host", Status: "4.4.3", Cause: cause.N2, Lines: []string{text},
	}
}

// noAddress is a host that cannot be reached for want of an address.
func noAddress(h host, err error) *queue.Failure {
	if dns.Absent(err) {
		text := fmt.Sprintf("DNS Hard Error looking up %s (A): %s", h.name, dns.KindOf(err))
		f := badDestination(cause.N1, h.name, text)
		f.Status = "5.4.4"
		return f
	}
	return lookupFailure(h.name, "A", err)
}

// networkFailure is a connection that could not be made or was lost, or whose TLS is not what was needed.
func networkFailure(id cause.ID, h host, text string) *queue.Failure {
	return &queue.Failure{
		Class: "4.4.0", Title: "Other network problem", Status: causeStatus(id), Cause: id, Remote: h.label(), Lines: []string{text},
	}
}

// blockedFailure is a host that must not be used. What a later lookup may change is waited for; that REQUIRETLS cannot be
// kept is certain where every lookup was answered.
func blockedFailure(at *stop) *queue.Failure {
	id, f := at.wanted.Blocked, at.facts
	if id == cause.R1 {
		failure := requireTLSFailure(at.host, tlspolicy.Outcome{}, tlspolicy.Action{First: id}, at.wanted.Words)
		if f.DANE.State == tlspolicy.DANEFailed || f.STS.Cause != "" {
			failure.Class, failure.Status = "4.7.0", "4.7.30"
		}
		return failure
	}
	return networkFailure(id, at.host, at.wanted.Words)
}

// requireTLSFailure is a host that cannot be given a message with REQUIRETLS. The message is returned when no other can
// (RFC 8689 §4.2.1), unless a later try may find the host in better health.
func requireTLSFailure(h host, o tlspolicy.Outcome, action tlspolicy.Action, text string) *queue.Failure {
	f := &queue.Failure{
		Class: "5.7.0", Title: "Other or undefined security status", Status: "5.7.30", Cause: cause.R1, Remote: h.label(),
	}
	switch {
	case o.Encrypted && !o.Extends && action.First == cause.R1:
		text = fmt.Sprintf("the message requires TLS, and %s does not offer REQUIRETLS", h.label())
	case !o.Encrypted && action.First != cause.R1:
		f.Status = "5.7.10"
	}
	f.Lines = []string{text}
	if passing(action.First) {
		f.Class, f.Status = "4"+f.Class[1:], "4"+f.Status[1:]
	}
	return f
}

// passing lists what a peer may be over with another time: it closed, fell silent, or said that it is for now.
func passing(id cause.ID) bool {
	switch id {
	case cause.S3, cause.S7, cause.S8, cause.H4, cause.H5, cause.V14:
		return true
	}
	return false
}

// unwelcome is a reply that keeps us from sending anything, such as a banner of 554. Another host, or another time,
// may be better, so it is never final.
func unwelcome(id cause.ID, h host, r smtp.Reply) *queue.Failure {
	f := replyFailure(h, smtp.StageHello, r)
	f.Class, f.Status, f.Kind, f.Cause = "4"+f.Class[1:], causeStatus(id), queue.Other, id
	return f
}

// replyFailure is a refusal of a message or of one recipient. The log's class tells refused recipients from the rest,
// whatever the peer's own enhanced code is, which is part of its words.
func replyFailure(h host, stage smtp.Stage, r smtp.Reply) *queue.Failure {
	f := &queue.Failure{Class: ".3.0", Title: "Other mail system problem", Code: r.Code, Remote: h.label()}
	if stage == smtp.StageRcpt {
		f.Class, f.Title = ".1.0", "Unknown address error"
	}
	f.Class = severity(r.Code) + f.Class
	f.Lines = words(r)
	f.Status = statusOf(stage, r)
	if r.Permanent() {
		f.Kind = queue.FiveXX
	}
	return f
}

// severity is the first digit of an enhanced code for a refusal. A code that is no refusal at all, where one was not
// to be expected, may be better another time.
func severity(code int) string {
	if code >= 500 {
		return "5"
	}
	return "4"
}

// maxWords is how many lines of a reply are kept. What a peer says goes into logs and notices for every recipient.
const maxWords = 10

// words are a reply's lines as the peer sent them, without the code; the beginning of what is too long.
func words(r smtp.Reply) []string {
	lines := r.Lines[:min(len(r.Lines), maxWords)]
	list := make([]string, len(lines))
	for i, line := range lines {
		if r.Enhanced != "" {
			line = strings.TrimSpace(r.Enhanced + " " + line)
		}
		list[i] = clip(line)
	}
	return list
}

// refusal is what a reply means for a recipient.
func refusal(h host, rid int, stage smtp.Stage, r smtp.Reply) queue.Result {
	outcome := queue.Soft
	if r.Permanent() {
		outcome = queue.Hard
	}
	return queue.Result{RID: rid, Outcome: outcome, Failure: replyFailure(h, stage, r)}
}

// lacking is a message that the next hop cannot take as it is.
func lacking(h host, status, extension, why string) *queue.Failure {
	return &queue.Failure{
		Class: "5.3.0", Title: "Other mail system problem", Status: status, Remote: h.label(), Kind: queue.Other,
		Lines: []string{fmt.Sprintf("%s, and %s does not offer %s", why, h.label(), extension)},
	}
}

// notSendable is a recipient whose address cannot stand in a command.
func notSendable(address string) *queue.Failure {
	return &queue.Failure{
		Class: "5.1.0", Title: "Unknown address error", Status: "5.1.3", Kind: queue.Other,
		Lines: []string{"bad address syntax: " + strconv.Quote(address)},
	}
}

// ourFault is what keeps a message here for a reason of our own.
func ourFault(text string) *queue.Failure {
	return &queue.Failure{Class: "4.3.0", Title: "Other mail system problem", Status: "4.3.0", Lines: []string{text}}
}

// damagedHere is a message that has come to harm in the spool: its sender has to send it again.
func damagedHere() *queue.Failure {
	return &queue.Failure{
		Class: "5.3.0", Title: "Other mail system problem", Status: "5.3.0", Damaged: true,
		Lines: []string{"the message was damaged while it was stored here; please send it again"},
	}
}

// everyone gives all of a task's recipients one outcome.
func everyone(task *queue.Task, o queue.Outcome, f *queue.Failure) []queue.Result {
	list := make([]queue.Result, 0, len(task.Recipients))
	for _, r := range task.Recipients {
		list = append(list, queue.Result{RID: r.RID, Outcome: o, Failure: f})
	}
	return list
}

// noAddressOfFamily is a host that has addresses, but none of the family that the destination requires.
func noAddressOfFamily(h host, sort string) *queue.Failure {
	f := badDestination(cause.N1, h.name, fmt.Sprintf("%s has no address as ip_sort_preference %s wants", h.name, sort))
	f.Class, f.Status = "4.1.2", "4.4.4"
	return f
}
