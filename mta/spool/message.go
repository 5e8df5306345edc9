package spool

import (
	"errors"
	"fmt"
	"io/fs"
)

// Message reads one message that is in the spool, as its latest update left it. The error is ErrNotFound, ErrDamaged or
// what the disk said.
func (s *Spool) Message(mid uint64) (Message, error) {
	m, err := s.read(mid)
	if errors.Is(err, fs.ErrNotExist) {
		err = ErrNotFound
	}
	if err != nil {
		return Message{}, fmt.Errorf("read message %d: %w", mid, err)
	}
	return m.Message, nil
}
