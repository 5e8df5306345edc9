package maillog

import (
	"testing"

	"posthouse/internal/eventlog"
)

// BenchmarkMessage writes the lines of one message with one recipient, from its beginning to its end, and has them in the
// file: one by one, and those together that are known at the same time.
func BenchmarkMessage(b *testing.B) {
	b.Run("one by one", func(b *testing.B) { benchMessage(b, func(l *Log, do func(*Log)) { do(l) }) })
	b.Run("together", func(b *testing.B) { benchMessage(b, (*Log).Together) })
}

func benchMessage(b *testing.B, group func(l *Log, do func(*Log))) {
	e, err := eventlog.Open(eventlog.Options{Dir: b.TempDir(), Name: "mail_logs", File: "mail", Version: "1", Serial: "S"})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	l := New(e)
	to := []int{0}
	b.ReportAllocs()
	for mid := uint64(1000000); b.Loop(); mid++ {
		group(l, func(l *Log) {
			l.MessageStarted(mid, 4711)
			l.From(mid, 4711, "sender@client.example")
		})
		l.To(mid, 4711, 0, "recipient@example.com")
		group(l, func(l *Log) {
			l.MessageID(mid, "<20260313060918.4711@client.example>")
			l.Subject(mid, "a subject of some words")
			l.Ready(mid, 4321, "sender@client.example")
			l.PolicyMatched(mid, "DEFAULT", Inbound)
			l.Queued(mid)
		})
		l.DeliveryStarted(815, mid, to)
		group(l, func(l *Log) {
			l.MessageDone(815, mid, to)
			l.Response(mid, to, "2.0.0 ok:  Message 5 accepted")
			l.MessageFinished(mid)
		})
		if mid%50 == 0 { // about what comes between two writes on a busy machine
			l.Flush()
		}
	}
}
