package maillog

import (
	"fmt"
	"maps"
	"slices"

	"posthouse/internal/eventlog"
)

// Unfinished is what processes that died left open in mail_logs, each list in ascending order.
type Unfinished struct {
	ICIDs, DCIDs []uint64
	MIDs         []uint64 // received whole: they are in the spool, or finished without their last line
	Receiving    []uint64 // MIDs that were still being received, as far as the log goes
}

// Unfinished reads what the runs before this one left open. It is empty after a proper stop, when no run died.
func (l *Log) Unfinished() (Unfinished, error) {
	o := newOpenIDs()
	for _, path := range l.log.Unclean() {
		err := eventlog.ReadFile(path, func(line string) error {
			if e, ok := ParseLine(line); ok {
				o.see(e)
			}
			return nil
		})
		if err != nil {
			return Unfinished{}, fmt.Errorf("read what was left open: %w", err)
		}
	}
	return o.unfinished(), nil
}

// Recover writes the closing lines, marked (recovered), for everything that Unfinished finds, but for messages that
// queued says are still in the spool: these go on and finish later. It is called once at the start, when the spool has
// been read and before anything is received.
func (l *Log) Recover(queued func(mid uint64) bool) error {
	u, err := l.Unfinished()
	if err != nil {
		return err
	}
	for _, id := range u.ICIDs {
		l.ConnectionInRecovered(id)
	}
	for _, id := range u.DCIDs {
		l.ConnectionOutRecovered(id)
	}
	for _, id := range u.MIDs {
		if !queued(id) {
			l.MessageFinishedRecovered(id)
		}
	}
	for _, id := range u.Receiving {
		if !queued(id) {
			l.ReceivingAbortedRecovered(id)
		}
	}
	return l.log.Settled()
}

// ConnectionInRecovered closes a connection that was open when the process died.
func (l *Log) ConnectionInRecovered(icid uint64) { l.info("ICID %d close%s", icid, recoveredMark) }

// ConnectionOutRecovered closes a connection that was open when the process died.
func (l *Log) ConnectionOutRecovered(dcid uint64) { l.info("DCID %d close%s", dcid, recoveredMark) }

// MessageFinishedRecovered finishes a message that was done when the process died.
func (l *Log) MessageFinishedRecovered(mid uint64) {
	l.info("Message finished MID %d done%s", mid, recoveredMark)
}

// ReceivingAbortedRecovered finishes a message that was being received when the process died.
func (l *Log) ReceivingAbortedRecovered(mid uint64) {
	l.info("Message aborted MID %d Receiving aborted by sender%s", mid, recoveredMark)
	l.info("Message finished MID %d aborted%s", mid, recoveredMark)
}

// openIDs follows what a log opens and closes.
type openIDs struct {
	icids, dcids map[uint64]bool
	mids         map[uint64]bool // true: received whole
}

func newOpenIDs() *openIDs {
	return &openIDs{make(map[uint64]bool), make(map[uint64]bool), make(map[uint64]bool)}
}

func (o *openIDs) see(e Event) {
	switch e.Kind {
	case ConnectionIn:
		o.icids[e.ICID] = true
	case ConnectionInClosed:
		delete(o.icids, e.ICID)
	case ConnectionOut:
		o.dcids[e.DCID] = true
	case ConnectionOutClosed:
		delete(o.dcids, e.DCID)
	case MessageStarted:
		o.mids[e.MID] = false
	case Queued, DeliveryStarted, MessageDone:
		// A message of an earlier run that is delivered in this one is open here too.
		o.mids[e.MID] = true
	case MessageFinished, MessageAborted:
		delete(o.mids, e.MID)
	}
}

func (o *openIDs) unfinished() Unfinished {
	u := Unfinished{ICIDs: slices.Sorted(maps.Keys(o.icids)), DCIDs: slices.Sorted(maps.Keys(o.dcids))}
	for _, mid := range slices.Sorted(maps.Keys(o.mids)) {
		if o.mids[mid] {
			u.MIDs = append(u.MIDs, mid)
		} else {
			u.Receiving = append(u.Receiving, mid)
		}
	}
	return u
}
