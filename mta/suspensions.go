package mta

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"posthouse/mta/queue"
	"posthouse/mta/workqueue"
)

// suspensions is what operators have stopped. It survives a restart: who suspends a listener does not expect the next
// power cut to open it.
type suspensions struct {
	path string
	kept func() // told of every change that is on disk; nil: nobody. Set before the first change

	mu        sync.Mutex // guards everything below
	listeners map[string]bool
	delivery  queue.Suspension
	work      *workqueue.Pause // nil: the work queue is not paused
}

// suspensionsFile is the form on disk.
type suspensionsFile struct {
	Listeners []string         `json:"listeners"`
	Delivery  queue.Suspension `json:"delivery"`
	Work      *workqueue.Pause `json:"work_queue,omitempty"`
}

// openSuspensions reads the file at path; a file that is not there means that nothing is suspended.
func openSuspensions(path string) (*suspensions, error) {
	s := &suspensions{path: path, listeners: map[string]bool{}}
	var file suspensionsFile
	if err := readState(path, &file); err != nil {
		return nil, err
	}
	s.delivery, s.work = file.Delivery, file.Work
	for _, name := range file.Listeners {
		s.listeners[name] = true
	}
	return s, nil
}

// update changes the state under the lock and makes it durable. When the file cannot be written the change holds all
// the same, for this run, and the caller learns why it will not outlive it.
func (s *suspensions) update(change func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	err := writeState(s.path, suspensionsFile{
		Listeners: slices.Sorted(maps.Keys(s.listeners)), Delivery: s.delivery, Work: s.work,
	})
	if err != nil {
		return fmt.Errorf("it is so now, but will not outlive a restart: %w", err)
	}
	if s.kept != nil {
		s.kept()
	}
	return nil
}

// pause writes down that the work queue is paused, or with nil that it is not.
func (s *suspensions) pause(p *workqueue.Pause) error { return s.update(func() { s.work = p }) }

func (s *suspensions) listener(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.listeners[name]
}

// deliveries is what the queue starts with.
func (s *suspensions) deliveries() queue.Suspension {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.delivery
}
