package maillog

import (
	"fmt"
	"iter"

	"posthouse/internal/eventlog"
)

// Recover writes the closing lines, marked (recovered), for everything that processes which died left open in mail_logs, but
// for messages that queued says are still in the spool: these go on and finish later. It is called once at the start, when
// the spool has been read and before anything is received. After a proper stop there is nothing to read.
func (l *Log) Recover(queued func(mid uint64) bool) error {
	open, err := l.unfinished()
	if err != nil {
		return err
	}
	err = l.finish(open.icids.all(), l.ConnectionInRecovered)
	if err == nil {
		err = l.finish(open.dcids.all(), l.ConnectionOutRecovered)
	}
	// Received whole: it is in the spool, or finished without its last line. As far as the log goes: what reached the spool
	// may have been answered just before the end.
	gone := func(whole bool) iter.Seq[uint64] {
		return func(yield func(uint64) bool) {
			for mid := range open.mids.all() {
				if open.whole.has(mid) == whole && !queued(mid) && !yield(mid) {
					return
				}
			}
		}
	}
	if err == nil {
		err = l.finish(gone(true), l.MessageFinishedRecovered)
	}
	if err == nil {
		err = l.finish(gone(false), l.ReceivingAbortedRecovered)
	}
	if err != nil {
		return err
	}
	return l.log.Settled()
}

// unfinished reads what the runs before this one left open.
func (l *Log) unfinished() (*openIDs, error) {
	o := new(openIDs)
	for _, path := range l.log.Unclean() {
		err := eventlog.ReadFile(path, func(line []byte) error {
			o.see(line)
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read what was left open: %w", err)
		}
	}
	return o, nil
}

// mostAtOnce is how many lines wait in memory at most: the log would drop what is too much for that.
const mostAtOnce = 10000

// finish writes a line for each of ids.
func (l *Log) finish(ids iter.Seq[uint64], line func(id uint64)) error {
	n := 0
	for id := range ids {
		line(id)
		if n++; n%mostAtOnce == 0 {
			if err := l.Flush(); err != nil {
				return err
			}
		}
	}
	return nil
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
