package queue

import (
	"strconv"
	"strings"
	"time"

	"posthouse/internal/cause"
	"posthouse/mta/spool"
)

// fault is how an attempt failed, as far as it is remembered.
type fault struct {
	words  *string // nil: nothing failed. The many messages that a dead host keeps waiting share one string
	code   int     // of the reply that it was; 0 where it was none
	cause  cause.ID
	remote string  // the host that was tried
	at     instant // 0: it is not known any more
}

// text is the words alone, empty where nothing failed.
func (f fault) text() string {
	if f.words == nil {
		return ""
	}
	return *f.words
}

// said is the words, a reply's with its code.
func (f fault) said() string {
	if f.code == 0 {
		return f.text()
	}
	return strings.TrimSpace(strconv.Itoa(f.code) + " " + f.text())
}

// time is when it was.
func (f fault) time() time.Time { return f.at.time() }

// blame remembers the host's latest failure.
func (h *host) blame(f *Failure, now instant) {
	h.fault = fault{words: h.share(f.summary()), code: f.Code, cause: f.Cause, remote: f.Remote, at: now}
}

// share is a failure's text for the host, empty too where nothing was said, as one string with the former failure's where they are equal.
func (h *host) share(text string) *string {
	if words := h.lastWords(text); words != nil {
		return words
	}
	return &text
}

// learn remembers what came of a recipient, as far as it says something of the host. An expiry does not, but how the try before it
// failed. Of a host that is down, only what the catalogue has tells why: a message may still fail over a connection
// that stands, for reasons of its own.
func (h *host) learn(f *Failure, now instant) {
	if f.Kind == Expired {
		f = f.before
	}
	if f != nil && (!h.down || f.Cause != "") {
		h.blame(f, now)
	}
}

// recall takes up what the spool knows of a recipient's latest attempt, which may be the latest that the host failed in.
func (h *host) recall(st spool.State) {
	failed := at(st.LastFailed)
	if st.LastError == "" && failed == 0 || h.fault.words != nil && failed <= h.fault.at {
		return
	}
	h.fault = fault{words: h.share(st.LastError), code: st.LastCode, cause: cause.ID(st.LastCause), remote: st.LastRemote, at: failed}
}

// keep puts the fault into what the spool has to know of a recipient.
func (f fault) keep(st *spool.State) {
	st.LastError, st.LastCode, st.LastCause, st.LastRemote, st.LastFailed = f.text(), f.code, string(f.cause), f.remote, f.time()
}

// faultOf is a failure of this moment.
func faultOf(f *Failure, now time.Time) fault {
	words := f.summary()
	return fault{words: &words, code: f.Code, cause: f.Cause, remote: f.Remote, at: at(now)}
}

// lastWords is a failure's text, as one string with the latest failure's where they are equal.
func (h *host) lastWords(text string) *string {
	switch {
	case text == "":
		return nil
	case h.fault.text() == text:
		return h.fault.words
	}
	return &text
}
