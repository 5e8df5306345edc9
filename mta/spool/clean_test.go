package spool

import (
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// logWrites is a fault of every write into the log.
func logWrites(what stepKind, path string) error {
	if what == stepWrite && strings.HasSuffix(path, segmentSuffix) {
		return syscall.EIO
	}
	return nil
}

// TestAStateStaysUntilTheEndIsWritten: the segment with a message's state is not dropped before the record of the message's
// end is on stable storage, or it could come back with an older state.
func TestAStateStaysUntilTheEndIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t.TempDir(), blank(), newLedger(0))
		s := mustOpen(t, d.root, Options{Files: d, SegmentSize: 1})
		mustPut(t, s, 1, "x", 2)
		mustUpdate(t, s, 1, Update{RID: 0, State: State{Done: true}})
		if err := s.Sync(); err != nil {
			t.Fatal(err)
		}
		mustPut(t, s, 2, "x", 1) // seals the segment with the state
		d.fail = logWrites
		mustUpdate(t, s, 1, Update{RID: 1, State: State{Done: true}})
		time.Sleep(time.Minute)
		if d.names["log/000000000002.seg"] == nil {
			t.Error("the state is gone before the end is written")
		}
		d.fail = nil
		time.Sleep(time.Minute)
		if d.names["log/000000000002.seg"] != nil {
			t.Error("the state is there afterwards")
		}
	})
}
