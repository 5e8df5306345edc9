//go:build race

package config

// faultModes are half of the ways in which a step fails; make test tries all of them without the race detector.
var faultModes = []int{0, 3}
