package mta

import (
	"slices"
	"time"

	"posthouse/mta/queue"
)

// count is what the parts of the engine have counted since the start.
func (e *Engine) count() counts {
	c := counts{
		"messages_received":   e.injected.Messages.Load(),
		"recipients_received": e.injected.Recipients.Load(),
		"rejected_recipients": e.injected.RejectedRecipients.Load(),
		"dropped_messages":    e.injected.Dropped.Load(),
		"dns_requests":        e.resolved.Requests.Load(),
		"dns_network":         e.resolved.Network.Load(),
		"dns_hits":            e.resolved.Hits.Load(),
		"dns_misses":          e.resolved.Misses.Load(),
		"dns_exceptions":      e.resolved.Exceptions.Load(),
		"dns_expired":         e.resolved.Expired.Load(),
	}
	if e.queue == nil {
		return c
	}
	t := e.queue.Counts()
	c["generated_bounces"] = t.Generated
	for kind, name := range hardBounces {
		c[name] = t.Reasons[kind]
	}
	c["soft_bounced_events"] = t.SoftBounced
	c["hard_bounced_recipients"] = t.HardBounced
	c["delivered_recipients"] = t.Delivered
	c["deleted_recipients"] = t.Deleted
	c["completed_recipients"] = t.HardBounced + t.Delivered + t.Deleted
	c["tls_verified"] = t.Protected[queue.Verified]
	c["tls_encrypted"] = t.Protected[queue.Encrypted]
	c["in_clear"] = t.Protected[queue.Clear]
	return c
}

// hardBounces are the names of the counts of hard bounces, by reason.
var hardBounces = [...]string{
	queue.Other: "hard_other", queue.DNS: "hard_dns", queue.FiveXX: "hard_5xx", queue.Filtered: "hard_filter", queue.Expired: "hard_expired",
}

// Status is what the status command shows, as of now.
func (e *Engine) Status() Status {
	t := e.queue.Totals()
	count := e.counters.values()
	used, free := e.spool.Usage()
	now := time.Now()
	return Status{
		At: now, UpSince: e.began, LastReset: e.counters.lastReset(), OldestMessage: t.Oldest, System: e.system(),
		MessagesReceived: count("messages_received"), RecipientsReceived: count("recipients_received"),
		RejectedRecipients: count("rejected_recipients"), DroppedMessages: count("dropped_messages"),
		SoftBouncedEvents: count("soft_bounced_events"), CompletedRecipients: count("completed_recipients"),
		HardBounced: count("hard_bounced_recipients"), Delivered: count("delivered_recipients"), Deleted: count("deleted_recipients"),
		GeneratedBounces: count("generated_bounces"), DNSHard: count("hard_dns"), FiveXXHard: count("hard_5xx"),
		FilterHard: count("hard_filter"), ExpiredHard: count("hard_expired"), OtherHard: count("hard_other"),
		TLSVerified: count("tls_verified"), TLSEncrypted: count("tls_encrypted"), InClear: count("in_clear"),
		MID: e.spool.LastMID(), ICID: e.icid.Current(), DCID: e.dcid.Current(),
		InboundConnections: int(e.injected.Connections.Load()), OutboundConnections: t.Connections,
		ActiveRecipients: t.Active, Unattempted: t.Unattempted, Attempted: t.Attempted, WorkQueue: e.work.Status().Waiting,
		Destinations: t.Destinations, KilobytesUsed: used, KilobytesFree: free,
		Rates: e.rates(now),
	}
}

func (e *Engine) rates(now time.Time) Rates {
	rate := e.counters.rates(now)
	return Rates{
		MessagesReceived: rate("messages_received"), RecipientsReceived: rate("recipients_received"),
		SoftBouncedEvents: rate("soft_bounced_events"), CompletedRecipients: rate("completed_recipients"),
		HardBounced: rate("hard_bounced_recipients"), Delivered: rate("delivered_recipients"),
	}
}

// lowSpace is the room, in kilobytes, below which the appliance says that it saves its resources: new mail is about to
// be refused with 452.
const lowSpace = 64 << 10

// system is the appliance's state in one word or three.
func (e *Engine) system() string {
	all := e.Listeners()
	receiving := len(all) == 0 || slices.ContainsFunc(all, func(l ListenerStatus) bool { return !l.Suspended })
	delivery := !e.suspended.deliveries().All
	_, free := e.spool.Usage()
	switch {
	case free < lowSpace || e.spool.Trouble() != nil: // also where somebody has suspended something, which may be why
		return "Resource conservation"
	case !receiving && !delivery:
		return "Offline"
	case !receiving:
		return "Receiving suspended"
	case !delivery:
		return "Delivery suspended"
	case e.work.Status().Paused != nil:
		return "Work queue paused"
	}
	return "Online"
}
