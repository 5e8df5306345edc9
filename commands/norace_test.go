//go:build !race

package commands

import "testing"

// oneByOne marks a test that the race detector leaves out: it does one thing after the other, many times.
func oneByOne(*testing.T) {}
