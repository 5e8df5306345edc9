package tlspolicy

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"posthouse/internal/cause"
	"posthouse/internal/dns"
)

// Phase is how far a connection has come when an error ends it.
type Phase int

const (
	PhaseLookup   Phase = iota // asking the DNS
	PhaseConnect               // until TCP is connected
	PhaseBanner                // until the greeting is read
	PhaseEHLO                  // until the answer to EHLO is read
	PhaseSTARTTLS              // until the answer to STARTTLS is read
)

// ClassifyConnect says why the network ended a connection before TLS, and in which words Connection Error says it:
// `[Errno 61] Connection refused`, `EOF`, or for the DNS what it answered. Our own cancellation is no cause, and nil
// neither.
func ClassifyConnect(err error, phase Phase) (cause.ID, string) {
	switch {
	case err == nil, isOurs(err):
		return "", ""
	case phase == PhaseLookup:
		return lookupCause(err), plain(err.Error())
	}
	words := "EOF"
	if errno, text := systemError(err); errno != 0 {
		words = fmt.Sprintf("[Errno %d] %s", errno, text)
	} else if !isClosed(err) {
		words = plain(err.Error())
	}
	if phase == PhaseConnect {
		return connectCause(err), words
	}
	return dialogueCause(err, phase), words
}

func lookupCause(err error) cause.ID {
	var dnsErr *dns.Error
	if errors.As(err, &dnsErr) && (dnsErr.Kind == dns.NotFound || dnsErr.Kind == dns.NoData) {
		return cause.N1
	}
	return cause.N2
}

func connectCause(err error) cause.ID {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return cause.N3
	case isTimeout(err), errors.Is(err, syscall.ETIMEDOUT):
		return cause.N4
	case isClosed(err):
		return cause.N5
	}
	return cause.N8
}

// dialogueCause is the cause where the connection ends, or nothing comes in time, where a reply belongs.
func dialogueCause(err error, phase Phase) cause.ID {
	switch {
	case phase == PhaseBanner && isTimeout(err):
		return cause.N7
	case phase == PhaseBanner:
		return cause.N5
	case phase == PhaseEHLO && isTimeout(err):
		return cause.N4
	case phase == PhaseEHLO:
		return cause.S8
	}
	return cause.S7
}

// ClassifyReply is the cause of a complete reply whose code is not the wished one: N6, S1 or S3; empty for a wished one.
func ClassifyReply(code int, phase Phase) cause.ID {
	switch {
	case phase == PhaseBanner && code/100 != 2:
		return cause.N6
	case phase == PhaseEHLO && code/100 != 2:
		return cause.S1
	case phase == PhaseSTARTTLS && code != 220:
		return cause.S3
	}
	return ""
}

// ClassifyOffer is the cause of an EHLO answer without STARTTLS: S5 where a keyword of its length was overwritten, as
// firewalls do that keep the packet's length, else S2. keywords are the reply's lines; empty where STARTTLS is offered.
func ClassifyOffer(keywords []string) cause.ID {
	masked := false
	for _, line := range keywords {
		word, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(line)), " ")
		if word == "STARTTLS" {
			return ""
		}
		masked = masked || isMasked(word)
	}
	if masked {
		return cause.S5
	}
	return cause.S2
}

// isMasked reports whether a keyword is an overwritten one: XXXXXXXA, XXXXXXXX, ********.
func isMasked(word string) bool {
	return len(word) >= 4 && (strings.Trim(word[:len(word)-1], "X") == "" || strings.Trim(word[:len(word)-1], "*") == "")
}
