package maillog

import "time"

// Table is the direction of a mail policy.
type Table string

const (
	Inbound  Table = "inbound"
	Outbound Table = "outbound" // for relayed mail
)

// MessageStarted is the first line of a message; icid is 0 for a message of our own. In the end one of MessageFinished,
// DroppedByFilter and ReceivingAborted follows.
func (l *Log) MessageStarted(mid, icid uint64) { l.info("Start MID %d ICID %d", mid, icid) }

// From says the envelope sender, "" for the null sender.
func (l *Log) From(mid, icid uint64, sender string) {
	l.info("MID %d ICID %d From: <%s>", mid, icid, esc(sender))
}

// To says an accepted recipient; rid counts from 0 within the message.
func (l *Log) To(mid, icid uint64, rid int, recipient string) {
	l.info("MID %d ICID %d RID %d To: <%s>", mid, icid, rid, esc(recipient))
}

// ToRejected says that the recipient access table refused a recipient.
func (l *Log) ToRejected(mid, icid uint64, recipient string) {
	l.info("MID %d ICID %d To: <%s> Rejected by RAT", mid, icid, esc(recipient))
}

// MessageID says the header's Message-ID with its angle brackets.
func (l *Log) MessageID(mid uint64, id string) { l.info("MID %d Message-ID '%s'", mid, esc(id)) }

// Subject says the header's Subject.
func (l *Log) Subject(mid uint64, subject string) { l.info(`MID %d Subject "%s"`, mid, esc(subject)) }

// Ready says that the message is there whole; bytes count what is sent on.
func (l *Log) Ready(mid uint64, bytes int64, sender string) {
	l.info("MID %d ready %d bytes from <%s>", mid, bytes, esc(sender))
}

// PolicyMatched says which mail policy holds for all recipients.
func (l *Log) PolicyMatched(mid uint64, policy string, table Table) {
	l.info("MID %d matched all recipients for per-recipient policy %s in the %s table", mid, esc(policy), string(table))
}

// Split says that some recipients went to a message of their own because their policy differs.
func (l *Log) Split(mid, created uint64, policy string, table Table) {
	l.info("MID %d was split creating MID %d due to a per-recipient policy %s in the %s table", mid, created, esc(policy), string(table))
}

// Rewritten says that a filter made a new message of this one.
func (l *Log) Rewritten(mid, created uint64, action, filter string) {
	l.info("MID %d rewritten to MID %d by %s filter '%s'", mid, created, esc(action), esc(filter))
}

// BounceGenerated says that created is the bounce of mid.
func (l *Log) BounceGenerated(created, mid uint64) {
	l.info("MID %d was generated for bounce of MID %d", created, mid)
}

// Quarantined says that the message went into a local quarantine.
func (l *Log) Quarantined(mid uint64, quarantine, reason string) {
	l.info(`MID %d quarantined to "%s" (%s)`, mid, esc(quarantine), esc(reason))
}

// QuarantineEnqueued says that the message waits for its transfer to the central quarantine.
func (l *Log) QuarantineEnqueued(mid uint64, quarantine, reason string) {
	l.info(`MID %d enqueued for transfer to centralized quarantine "%s" (%s)`, mid, esc(quarantine), esc(reason))
}

// QuarantineReleased says that one quarantine let the message go after so much time, logged in whole seconds.
func (l *Log) QuarantineReleased(mid uint64, quarantine, reason string, after time.Duration) {
	l.info(`MID %d released from quarantine "%s" (%s) t=%d`, mid, esc(quarantine), esc(reason), int64(after/time.Second))
}

// QuarantineDeleted says that the message was deleted from one quarantine after so much time, logged in whole seconds.
func (l *Log) QuarantineDeleted(mid uint64, quarantine, reason string, after time.Duration) {
	l.info(`MID %d deleted from quarantine "%s" (%s) t=%d`, mid, esc(quarantine), esc(reason), int64(after/time.Second))
}

// QuarantineReleasedAll says that no quarantine holds the message any more.
func (l *Log) QuarantineReleasedAll(mid uint64) { l.info("MID %d released from all quarantines", mid) }

// DroppedByFilter says that a filter dropped the message, and that the message is finished.
func (l *Log) DroppedByFilter(mid uint64, filter string) {
	l.info("Message aborted MID %d Dropped by filter '%s'", mid, esc(filter))
	l.finishedAborted(mid)
}

// ReceivingAborted says that the message was not received whole (RSET, QUIT, a lost connection, or a refusal after
// MAIL), and that it is finished.
func (l *Log) ReceivingAborted(mid uint64) {
	l.info("Message aborted MID %d Receiving aborted by sender", mid)
	l.finishedAborted(mid)
}

func (l *Log) finishedAborted(mid uint64) { l.info("Message finished MID %d aborted", mid) }

// Queued says that the message waits for its delivery.
func (l *Log) Queued(mid uint64) { l.info("MID %d queued for delivery", mid) }

// MessageFinished is the last line of a message whose recipients are all done: delivered, bounced or deleted.
func (l *Log) MessageFinished(mid uint64) { l.info("Message finished MID %d done", mid) }
