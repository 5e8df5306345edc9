package main

import (
	"bytes"
	"errors"
	"testing"
)

// A reboot comes back whatever failed at the end.
func TestOutcome(t *testing.T) {
	full := errors.New("disk full")
	for _, test := range []struct {
		anew      bool
		err, want error
		says      string
	}{
		{false, nil, nil, ""},
		{false, full, full, ""},
		{true, nil, errAgain, ""},
		{true, full, errAgain, "posthouse serve: disk full\n"},
	} {
		var says bytes.Buffer
		if got := (&leaving{anew: test.anew}).outcome(test.err, &says); got != test.want || says.String() != test.says {
			t.Errorf("again %v, %v: %v, %q", test.anew, test.err, got, &says)
		}
	}
}
