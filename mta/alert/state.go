package alert

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"

	"posthouse/internal/safefile"
)

// The bounds of what is remembered of duplicates. Keys hold names that peers choose, so they are limited in number.
const (
	heldKeys   = 2000
	onceMemory = 120 * 24 * time.Hour // for alerts that come once
)

// state is what survives a restart.
type state struct {
	Entries []Entry          `json:"entries"` // the oldest first
	Waits   map[string]*wait `json:"waits"`   // by Alert.Key
	Pending []notice         `json:"pending,omitempty"`
	Due     time.Time        `json:"due,omitzero"` // when what is pending is to be sent
}

// wait is what is known of the duplicates of an alert.
type wait struct {
	Sent   time.Time     `json:"sent"`   // the last that was not held back
	Latest time.Time     `json:"latest"` // the last of all
	Wait   time.Duration `json:"wait"`   // from then on
	Held   int           `json:"held"`   // since then
	Once   bool          `json:"once,omitempty"`
}

// admit says whether an alert is to be mailed, and how many like it were held back before it. The wait doubles from
// initial to most as long as duplicates go on coming, and begins anew when they have stopped.
func (s *state) admit(a Alert, now time.Time, initial, most time.Duration) (held int, due bool) {
	w := s.Waits[a.Key]
	switch {
	case w == nil || now.Before(w.Sent):
	case w.Once:
		return 0, false
	case now.Before(w.Sent.Add(min(w.Wait, most))):
		w.Held++
		w.Latest = now
		return 0, false
	}
	next := &wait{Sent: now, Latest: now, Wait: initial, Once: a.Once}
	if w != nil {
		held = w.Held
		if !now.After(w.Latest.Add(2 * w.Wait)) {
			next.Wait = min(max(2*w.Wait, initial), most)
		}
	}
	s.forget(now, most)
	s.Waits[a.Key] = next
	return held, true
}

// forget makes room for one more key: what no duplicate can be measured by any more goes, then the oldest.
func (s *state) forget(now time.Time, most time.Duration) {
	if len(s.Waits) < heldKeys {
		return
	}
	maps.DeleteFunc(s.Waits, func(_ string, w *wait) bool {
		life := 2 * most
		if w.Once {
			life = onceMemory
		}
		return now.Sub(w.Sent) > life
	})
	for len(s.Waits) >= heldKeys {
		oldest := ""
		for key, w := range s.Waits {
			if oldest == "" || w.Sent.Before(s.Waits[oldest].Sent) {
				oldest = key
			}
		}
		delete(s.Waits, oldest)
	}
}

func (s *state) keep(e Entry) {
	if len(s.Entries) >= kept {
		s.Entries = slices.Delete(s.Entries, 0, len(s.Entries)-kept+1)
	}
	s.Entries = append(s.Entries, e)
}

// repeat counts a duplicate with the alert that it repeats.
func (s *state) repeat(key string, now time.Time) {
	for i := len(s.Entries) - 1; i >= 0; i-- {
		if e := &s.Entries[i]; e.Key == key {
			if !e.Once {
				e.Repeated++
				e.Last = now
			}
			return
		}
	}
}

// load reads the file. What cannot be read is put aside under another name.
func (a *Alerts) load() error {
	a.state.Waits = map[string]*wait{}
	data, err := os.ReadFile(a.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read alerts: %w", err)
	}
	fresh := state{}
	if err := json.Unmarshal(data, &fresh); err != nil {
		a.say(fmt.Errorf("alerts.json is damaged and is put aside as alerts.json.damaged: %w", err))
		a.say(os.Rename(a.path, a.path+".damaged")) // which a full disk does not hinder; mail flows without alerts, too
		return nil
	}
	maps.DeleteFunc(fresh.Waits, func(_ string, w *wait) bool { return w == nil })
	maps.Copy(a.state.Waits, fresh.Waits)
	fresh.Waits = a.state.Waits
	a.state = fresh
	return nil
}

func (a *Alerts) unsaved() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.dirty
}

// save writes the file where something has changed. A write that fails is tried again with the next change.
func (a *Alerts) save() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.dirty {
		return nil
	}
	a.dirty = false
	data, err := json.Marshal(a.state)
	if err == nil {
		err = safefile.Write(a.path, append(data, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("keep alerts: %w", err)
	}
	return nil
}
