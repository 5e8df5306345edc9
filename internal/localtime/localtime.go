// Package localtime holds the time zone of logs and screens, which a commit may change while everybody reads it: time.Local is a variable that
// goroutines read without a lock, and is not touched once they work. It is a leaf and everybody may import it.
package localtime

import (
	"sync/atomic"
	"time"
)

// host is the zone of the host system.
var host = time.Local

// current is nil where nobody has set a zone yet.
var current atomic.Pointer[time.Location]

// Load finds a zone by its name in the zone database; the empty name is the host's.
func Load(name string) (*time.Location, error) {
	if name == "" {
		return host, nil
	}
	return time.LoadLocation(name)
}

// Set puts a zone in force.
func Set(z *time.Location) { current.Store(z) }

// Current is the zone in force; time.Local until one is set.
func Current() *time.Location {
	if z := current.Load(); z != nil {
		return z
	}
	return time.Local
}

// Now is the time as clocks here show it.
func Now() time.Time { return In(time.Now()) }

// In is a time as clocks here show it.
func In(t time.Time) time.Time { return t.In(Current()) }

// Host is a time as the host system's clocks show it.
func Host(t time.Time) time.Time { return t.In(host) }

// Of is In for local times; one of a certain zone, such as UTC, keeps it.
func Of(t time.Time) time.Time {
	if t.Location() == time.Local {
		return In(t)
	}
	return t
}
