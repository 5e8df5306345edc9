//go:build race

package config

import "testing"

// faultModes are half of the ways in which a step fails; make test tries all of them without the race detector.
var faultModes = []int{0, 3}

// oneByOne leaves out under the race detector a test that does one thing after the other, many times.
func oneByOne(t *testing.T) { t.Skip("nothing in it happens at once; make test runs it") }
