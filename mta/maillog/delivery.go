package maillog

import (
	"fmt"
	"strings"
	"time"
)

// DeliveryStarted says that a message is being sent to these recipients over the connection.
func (l *Log) DeliveryStarted(dcid, mid uint64, to []int) {
	l.info("Delivery start DCID %d MID %d to RID %s", dcid, mid, rids(to))
}

// DeliveryStartedQuarantine is DeliveryStarted on the way to the central quarantine.
func (l *Log) DeliveryStartedQuarantine(dcid, mid uint64, to []int) {
	l.info("Delivery start DCID %d MID %d to RID %s to Centralized Policy Quarantine", dcid, mid, rids(to))
}

// Header is one header that the operator wants in the log.
type Header struct{ Name, Value string }

// MessageDone says that the peer took the message for these recipients. Headers are those of the logheaders setting.
func (l *Log) MessageDone(dcid, mid uint64, to []int, headers ...Header) {
	l.info("Message done DCID %d MID %d to RID %s%s", dcid, mid, rids(to), headerList(headers))
}

// MessageDoneQuarantine is MessageDone for the central quarantine.
func (l *Log) MessageDoneQuarantine(dcid, mid uint64, to []int) {
	l.info("Message done DCID %d MID %d to RID %s (centralized policy quarantine)", dcid, mid, rids(to))
}

func headerList(headers []Header) string {
	if len(headers) == 0 {
		return ""
	}
	parts := make([]string, len(headers))
	for i, h := range headers {
		parts[i] = "(" + quote(h.Name) + ", " + quote(h.Value) + ")"
	}
	return " [" + strings.Join(parts, ", ") + "]"
}

// Response says what the peer answered when it took the message, without the code.
func (l *Log) Response(mid uint64, to []int, text string) {
	l.info("MID %d RID %s Response %s", mid, rids(to), quoted(text))
}

// Failure is why a recipient was not delivered to.
type Failure struct {
	Status string   // the enhanced code, "5.1.0"
	Words  string   // what it means, "Unknown address error"
	Code   int      // the peer's reply code; 0 where there was no reply, logged as 000
	Lines  []string // the peer's words, or ours where there was no reply
}

// String is the failure as Delayed and Bounced print it.
func (f Failure) String() string {
	quoted := make([]string, len(f.Lines))
	for i, line := range f.Lines {
		quoted[i] = quote(line)
	}
	return fmt.Sprintf("%s - %s ('%03d', [%s]) []", esc(f.Status), esc(f.Words), f.Code, strings.Join(quoted, ", "))
}

// Delayed says that a recipient's delivery failed for now; PendingTill follows.
func (l *Log) Delayed(dcid, mid uint64, rid int, f Failure) {
	l.info("Delayed: DCID %d MID %d to RID %d - %s", dcid, mid, rid, f.String())
}

// PendingTill says when the next try is due, and by which bounce profile.
func (l *Log) PendingTill(mid uint64, to []int, next time.Time, profile string) {
	l.info("MID %d to RID %s pending till %s [%s]", mid, rids(to), moment(next), esc(profile))
}

// Bounced says that a recipient's delivery failed for good.
func (l *Log) Bounced(dcid, mid uint64, rid int, f Failure) {
	l.info("Bounced: DCID %d MID %d to RID %d - %s", dcid, mid, rid, f.String())
}

// DoubleBounced says that a bounce could itself not be delivered and was dropped.
func (l *Log) DoubleBounced(dcid, mid uint64, rid int, f Failure) {
	l.info("Double bounce: DCID %d MID %d to RID %d - %s", dcid, mid, rid, f.String())
}

// Deleted says that the operator took these recipients out of the queue.
func (l *Log) Deleted(mid uint64, to []int) { l.info("Deleted: MID %d to %s", mid, rids(to)) }

// Redirected says that the operator sends these recipients' mail to another machine from now on.
func (l *Log) Redirected(mid uint64, to []int, machine string) {
	l.info("Redirected: MID %d to RID %s by way of %s", mid, rids(to), esc(machine))
}

// PossibleDelivery says that the connection broke after the whole message was sent and before the peer answered: the
// recipients may have it, and will be sent it again.
func (l *Log) PossibleDelivery(dcid, mid uint64, to []int) {
	l.info("Possible Delivery: DCID %d MID %d to %s", dcid, mid, rids(to))
}
