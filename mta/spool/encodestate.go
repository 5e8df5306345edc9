package spool

import "strings"

// A state record has one nested field for each recipient that has a state at all, and says all that is known of them: of
// two records for one message the later counts alone.
const stateOne = bytesTag

const (
	stateRID = iota + 1
	stateDone
	stateAttempts
	stateNext
	stateWarned
	stateLastCode
	stateLastFailed
)

const (
	stateLastError = iota + bytesTag
	stateVia
	stateLastCause
	stateLastRemote
)

// appendStates writes the states of the recipients.
func appendStates(b []byte, recipients []Recipient, states []State) []byte {
	var one []byte
	for i := range states {
		s := &states[i]
		if *s == (State{}) {
			continue
		}
		one = appendNumber(one[:0], stateRID, uint64(recipients[i].RID))
		one = appendFlag(one, stateDone, s.Done)
		one = appendNumber(one, stateAttempts, uint64(s.Attempts))
		one = appendNumber(one, stateNext, nanoseconds(s.Next))
		one = appendNumber(one, stateWarned, uint64(s.Warned))
		one = appendNumber(one, stateLastCode, uint64(s.LastCode))
		one = appendNumber(one, stateLastFailed, nanoseconds(s.LastFailed))
		one = appendText(one, stateLastError, strings.ToValidUTF8(s.LastError, "\ufffd"))
		one = appendText(one, stateVia, s.Via)
		one = appendText(one, stateLastCause, s.LastCause)
		one = appendText(one, stateLastRemote, s.LastRemote)
		b = appendNested(b, stateOne, one)
	}
	return b
}

// parseStates reads states for the recipients; false when that is not what b holds.
func parseStates(b []byte, recipients []Recipient) ([]State, bool) {
	states := make([]State, len(recipients))
	for len(b) > 0 {
		tag, _, value, rest, err := field(b)
		if err != nil {
			return nil, false
		}
		b = rest
		if tag != stateOne {
			continue
		}
		rid, s, ok := parseState(value)
		if !ok {
			return nil, false
		}
		if i := indexOf(recipients, rid); i >= 0 {
			states[i] = s
		}
	}
	return states, true
}

func parseState(b []byte) (rid int, s State, ok bool) {
	for len(b) > 0 {
		tag, n, value, rest, err := field(b)
		if err != nil {
			return 0, s, false
		}
		b = rest
		switch tag {
		case stateRID:
			rid = int(min(n, maxRID+1))
		case stateDone:
			s.Done = n != 0
		case stateAttempts:
			s.Attempts = int(n)
		case stateNext:
			s.Next = timeOf(n)
		case stateWarned:
			s.Warned = int(n)
		case stateLastCode:
			s.LastCode = int(n)
		case stateLastFailed:
			s.LastFailed = timeOf(n)
		case stateLastError:
			s.LastError = string(value)
		case stateVia:
			s.Via = string(value)
		case stateLastCause:
			s.LastCause = string(value)
		case stateLastRemote:
			s.LastRemote = string(value)
		}
	}
	return rid, s, true
}

// indexOf finds a recipient by its ID, -1 when there is none. IDs nearly always count from 0.
func indexOf(recipients []Recipient, rid int) int {
	if rid >= 0 && rid < len(recipients) && recipients[rid].RID == rid {
		return rid
	}
	for i := range recipients {
		if recipients[i].RID == rid {
			return i
		}
	}
	return -1
}
