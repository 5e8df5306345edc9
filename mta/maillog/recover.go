package maillog

import (
	"context"
	"fmt"
	"iter"

	"posthouse/internal/eventlog"
)

// Recover writes the closing lines, marked (recovered), for everything that processes which died left open in mail_logs, but
// for messages that queued says were in the spool at the start: these go on and finish later. It is called once, when the
// spool has been read. Mail may flow meanwhile, since no number of it was given out before. After a proper stop there is
// nothing to read; where ctx ends the reading, the next start has to do it.
func (l *Log) Recover(ctx context.Context, queued func(mid uint64) bool) error {
	open, err := l.unfinished(ctx)
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
func (l *Log) unfinished(ctx context.Context) (*openIDs, error) {
	o := new(openIDs)
	n := 0
	for _, path := range l.log.Unclean() {
		err := eventlog.ReadFile(path, func(line []byte) error {
			if n++; n%mostAtOnce == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			o.see(line)
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read what was left open: %w", err)
		}
	}
	return o, nil
}

// mostAtOnce is how many lines are read without a look at the context, and how many wait in memory to be written: the log
// would drop what is too much for that.
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
