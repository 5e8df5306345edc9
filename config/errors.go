package config

import (
	"errors"
	"fmt"
)

var (
	// ErrExists is returned by Create for a folder that holds a configuration already.
	ErrExists = errors.New("the data folder is set up already")
	// ErrNotSetUp is returned by Open and Check for a folder that holds no configuration.
	ErrNotSetUp = errors.New("the data folder is not set up")
	// ErrNothing is returned by Commit and Check for a candidate that changes nothing.
	ErrNothing = errors.New("there is nothing to commit")
	// ErrNoRevision is returned by Load and ChangesOf for a revision that is not kept.
	ErrNoRevision = errors.New("no such revision")
)

// FieldError is one fault of a configuration: the path of the setting, as in posthouse.toml, and what is wrong with it.
type FieldError struct {
	Path string
	Text string
}

func (e *FieldError) Error() string { return e.Path + ": " + e.Text }

// PrepareError says that the configuration is valid but a part of the appliance cannot put it in force, such as a
// port in use.
type PrepareError struct{ Err error }

func (e *PrepareError) Error() string { return e.Err.Error() }

// Unwrap returns the part's error.
func (e *PrepareError) Unwrap() error { return e.Err }

// SyntaxError is a fault in a text form: posthouse.toml or a host access table.
type SyntaxError struct {
	File string // may be empty
	Line int    // from 1; 0 where it is not known
	Key  string // the setting, may be empty
	Text string
}

func (e *SyntaxError) Error() string {
	s := e.Text
	if e.Key != "" {
		s = e.Key + ": " + s
	}
	if e.Line > 0 {
		s = fmt.Sprintf("line %d: %s", e.Line, s)
	}
	if e.File != "" {
		s = e.File + ": " + s
	}
	return s
}
