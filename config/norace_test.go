//go:build !race

package config

// faultModes are the ways in which a step fails: bit 0 is that no later step works either, bit 1 that it is done before it fails.
var faultModes = []int{0, 1, 2, 3}
