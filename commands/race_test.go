//go:build race

package commands

import "testing"

// oneByOne leaves out under the race detector a test that does one thing after the other, many times.
func oneByOne(t *testing.T) { t.Skip("nothing in it happens at once; make test runs it") }
