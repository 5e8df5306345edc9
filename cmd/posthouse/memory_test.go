package main

import "testing"

func TestGrowth(t *testing.T) {
	for live, want := range map[uint64]int{
		0: mostGrowth, 1 << 20: mostGrowth, 48 << 20: 100, 96 << 20: 50, 1 << 30: leastGrowth,
	} {
		if got := growth(live); got != want {
			t.Errorf("with %d bytes alive: %d %%, want %d %%", live, got, want)
		}
	}
}
