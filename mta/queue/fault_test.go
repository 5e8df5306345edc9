package queue

import (
	"testing"
	"time"

	"posthouse/mta/spool"
)

// TestAHostThatIsDownSaysWhy: what messages fail for beside it, and that they expire, does not hide the reason.
func TestAHostThatIsDownSaysWhy(t *testing.T) {
	m := newMachine(testConfig())
	h := m.s.host("dead.example", m.now)
	m.s.down(h, 0, refused, m.now)
	h.learn(later, m.now+1)
	h.learn(expiredFailure(h.fault), m.now+2)
	st := m.s.status(h)
	if st.LastCause != "N3" || st.LastError != "[Errno 61] Connection refused" || st.LastErrorHost != "mx.one.example" ||
		at(st.LastErrorAt) != m.now || at(st.DownSince) != m.now {
		t.Errorf("down, it says %+v", st)
	}
	m.s.down(h, h.failures, silent, m.now+3)
	if st := m.s.status(h); st.LastCause != "N4" || at(st.LastErrorAt) != m.now+3 || at(st.DownSince) != m.now {
		t.Errorf("still down, it says %+v", st)
	}
	m.s.up(h, ordinary, m.now+4)
	if st := m.s.status(h); st.LastCause != "N4" || at(st.LastErrorAt) != m.now+3 || !st.DownSince.IsZero() {
		t.Errorf("up again, it says %+v", st)
	}
	h.learn(expiredBy(later), m.now+5)
	if st := m.s.status(h); st.LastCause != "" || st.LastError != "450 4.2.1 busy" || at(st.LastErrorAt) != m.now+5 {
		t.Errorf("after a try that was the last it says %+v", st)
	}
}

// TestTheReasonOutlivesARestart, the latest of all that is in the spool.
func TestTheReasonOutlivesARestart(t *testing.T) {
	now := time.Now().Round(0)
	list := []settled{{outcome: Soft, failure: refused}, {outcome: Soft, failure: later}}
	var letters []spool.Message
	for i, ago := range []time.Duration{time.Minute, time.Hour} {
		l := letter(uint64(i+1), "a@x.example", "b@dead.example")
		l.States[0] = updatesOf(list[i:i+1], now.Add(-ago))[0].State
		letters = append(letters, l)
	}
	former := letter(3, "a@x.example", "b@dead.example")
	former.States[0].LastError = "from a version that kept no time"
	m := newMachine(testConfig())
	for _, l := range append(letters, former) {
		m.s.add(l, m.now)
	}
	st := m.s.summary(m.s.hosts["dead.example"])
	if st.State != Unknown || st.LastCause != "N3" || st.LastError != "[Errno 61] Connection refused" || st.LastErrorHost != "mx.one.example" ||
		!st.LastErrorAt.Equal(now.Add(-time.Minute)) {
		t.Errorf("after a restart it says %+v", st)
	}
}
