package spool

import (
	"errors"
	"fmt"
	"io/fs"
)

// Message returns a message's envelope and how far its recipients have come, as they are on stable storage. The error is
// ErrNotFound, also for a message that is finished, ErrDamaged, or whatever the disk said. It may be called while the
// message is delivered: a state that is just being recorded is in it or not.
func (s *Spool) Message(mid uint64) (Message, error) {
	if _, err := s.lookup(mid); err != nil {
		return Message{}, fmt.Errorf("read message %d: %w", mid, err)
	}
	m, err := s.read(mid)
	if errors.Is(err, fs.ErrNotExist) {
		err = ErrNotFound
	}
	if err != nil {
		return Message{}, fmt.Errorf("read message %d: %w", mid, err)
	}
	return m.Message, nil
}
