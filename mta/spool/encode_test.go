package spool

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// drawText is any UTF-8.
func drawText(rt *rapid.T, what string) string { return rapid.String().Draw(rt, what) }

func drawTime(rt *rapid.T) time.Time {
	return timeOf(rapid.Uint64Range(0, 1<<63-1).Draw(rt, "time"))
}

// drawRecipients are some recipients, with IDs in order or in none.
func drawRecipients(rt *rapid.T) (list []Recipient) {
	ids := rapid.SliceOfNDistinct(rapid.IntRange(0, maxRID), 1, 20, rapid.ID).Draw(rt, "recipients")
	if rapid.Bool().Draw(rt, "in order") {
		for i := range ids {
			ids[i] = i
		}
	}
	for _, rid := range ids {
		list = append(list, Recipient{RID: rid, Address: drawText(rt, "address"), Notify: drawText(rt, "notify"), ORcpt: drawText(rt, "orcpt")})
	}
	return list
}

func drawEnvelope(rt *rapid.T) Envelope {
	e := Envelope{
		MID: rapid.Uint64().Draw(rt, "mid"), ICID: rapid.Uint64().Draw(rt, "icid"), Sender: drawText(rt, "sender"),
		Recipients: drawRecipients(rt), Received: drawTime(rt), Size: rapid.Int64Range(0, 1<<62).Draw(rt, "size"),
		Subject: drawText(rt, "subject"), MessageID: drawText(rt, "message ID"), Listener: drawText(rt, "listener"),
		BounceProfile: drawText(rt, "profile"), EnvID: drawText(rt, "envid"), Ret: drawText(rt, "ret"),
	}
	for _, f := range e.flags() {
		*f.set = rapid.Bool().Draw(rt, "flag")
	}
	return e
}

func TestEnvelopesComeBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		e := drawEnvelope(rt)
		b, err := appendEnvelope([]byte("before"), &e)
		if err != nil {
			rt.Fatal(err)
		}
		later := appendText(appendNumber(slices.Clone(b), 77, 5), 250, "of a later version")
		for _, b := range [][]byte{b, later} {
			back, err := parseEnvelope(b[len("before"):], e.MID)
			if err != nil || !sameEnvelope(back, e) {
				rt.Fatalf("%+v, %v instead of %+v", back, err, e)
			}
		}
		for cut := len("before"); cut < len(b); cut++ { // what is cut is refused, or is a shorter envelope, and no panic
			if _, err := parseEnvelope(b[len("before"):cut], e.MID); err != nil && !errors.Is(err, ErrDamaged) {
				rt.Fatal(err)
			}
		}
	})
}

func sameEnvelope(a, b Envelope) bool {
	same := slices.Equal(a.Recipients, b.Recipients)
	a.Recipients, b.Recipients = nil, nil
	return same && a.MID == b.MID && a.ICID == b.ICID && a.Sender == b.Sender && a.Received.Equal(b.Received) && a.Size == b.Size &&
		a.Subject == b.Subject && a.MessageID == b.MessageID && a.Listener == b.Listener && a.BounceProfile == b.BounceProfile &&
		a.EnvID == b.EnvID && a.Ret == b.Ret && sameFlags(&a, &b)
}

func sameFlags(a, b *Envelope) bool {
	x, y := a.flags(), b.flags()
	for i := range x {
		if *x[i].set != *y[i].set {
			return false
		}
	}
	return true
}

func TestStatesComeBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		recipients := drawRecipients(rt)
		states := make([]State, len(recipients))
		for i := range states {
			if rapid.Bool().Draw(rt, "blank") {
				continue
			}
			states[i] = State{
				Done: rapid.Bool().Draw(rt, "done"), Attempts: rapid.IntRange(0, 1<<40).Draw(rt, "attempts"), Next: drawTime(rt),
				Warned: rapid.IntRange(0, 9).Draw(rt, "warned"), LastError: drawText(rt, "error"), Via: drawText(rt, "via"),
				LastCode: rapid.IntRange(0, 599).Draw(rt, "code"), LastCause: drawText(rt, "cause"), LastRemote: drawText(rt, "remote"), LastFailed: drawTime(rt),
			}
		}
		b := appendStates(nil, recipients, states)
		for _, b := range [][]byte{b, appendText(appendNumber(slices.Clone(b), 77, 5), 250, "of a later version")} {
			if back, ok := parseStates(b, recipients); !ok || !slices.Equal(back, states) {
				rt.Fatalf("%+v, %v instead of %+v", back, ok, states)
			}
		}
		for cut := range b {
			parseStates(b[:cut], recipients)
		}
	})
}

// TestTextsForPeople: what is not UTF-8 in them does not make a message unreadable.
func TestTextsForPeople(t *testing.T) {
	e := envelope(1)
	e.Subject, e.MessageID = "a\xff", "b\xfe"
	b, err := appendEnvelope(nil, &e)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := parseEnvelope(b, 0); err != nil || back.Subject != "a\ufffd" || back.MessageID != "b\ufffd" {
		t.Errorf("%+v, %v", back, err)
	}
}

func TestAnEnvelopeThatIsTooLong(t *testing.T) {
	e := envelope(1)
	e.EnvID = strings.Repeat("x", maxMeta)
	if _, err := appendEnvelope(nil, &e); err == nil {
		t.Error("it is taken")
	}
}

// TestARecordKnowsItsPlace: it is not taken for one in another segment, at another offset, or with any bit turned.
func TestARecordKnowsItsPlace(t *testing.T) {
	meta, body := []byte("meta"), []byte("body")
	h := head{kind: messageRecord, flags: batchStart, mid: 9, meta: 4, body: 4, metaSum: sum(meta), bodySum: sum(body)}
	b := appendRecord(nil, &h, 3, 800, meta, body)
	if len(b) != int(h.size()) || len(b)%alignment != 0 {
		t.Errorf("%d bytes", len(b))
	}
	if back, ok := parseHead(b, 3, 800); !ok || back != h {
		t.Errorf("%+v instead of %+v", back, h)
	}
	if _, ok := parseHead(b, 4, 800); ok {
		t.Error("it is taken in another segment")
	}
	if _, ok := parseHead(b, 3, 808); ok {
		t.Error("it is taken at another offset")
	}
	for bit := range headSize * 8 {
		turned := bytes.Clone(b)
		turned[bit/8] ^= 1 << (bit % 8)
		if back, ok := parseHead(turned, 3, 800); ok && (bit/8 < 18 || bit/8 > 19) {
			t.Errorf("with bit %d turned it is %+v", bit, back)
		}
	}
}
