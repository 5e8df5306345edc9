package mta

import "time"

// sampled is how often the counts are noted for the rates, and rateWindows are over how long they are shown.
const sampled = 5 * time.Second

var rateWindows = [...]time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute}

// Rate is how often something happens, in events an hour over the last minute, 5 minutes and 15 minutes.
type Rate [len(rateWindows)]uint64

// samples are the counts of the last quarter of an hour, the oldest first.
type samples []sample

type sample struct {
	at   time.Time
	live counts
}

// add notes the counts, unless that was done a moment ago, and forgets what is too old to be of use.
func (s *samples) add(now time.Time, live counts) {
	list := *s
	if n := len(list); n > 0 && now.Sub(list[n-1].at) < sampled {
		return
	}
	longest := rateWindows[len(rateWindows)-1]
	for len(list) > 1 && now.Sub(list[1].at) >= longest {
		list = list[1:]
	}
	*s = append(list, sample{now, live})
}

// rates returns a function that gives the rate of a count by its name. What has not run for as long as a window counts
// as having done nothing before.
func (s samples) rates(now time.Time, live counts) func(name string) Rate {
	var from [len(rateWindows)]sample
	for i, window := range rateWindows {
		from[i].at = now.Add(-window)
		for _, old := range s {
			if now.Sub(old.at) >= window {
				from[i] = old
			}
		}
	}
	return func(name string) (r Rate) {
		for i, old := range from {
			r[i] = uint64(float64(live[name]-old.live[name])*float64(time.Hour)/float64(now.Sub(old.at)) + 0.5)
		}
		return r
	}
}
