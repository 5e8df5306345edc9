//go:build !race

package config

import "testing"

// faultModes are the ways in which a step fails: bit 0 is that no later step works either, bit 1 that it is done before it fails.
var faultModes = []int{0, 1, 2, 3}

// oneByOne marks a test that the race detector leaves out: it does one thing after the other, many times.
func oneByOne(*testing.T) {}
