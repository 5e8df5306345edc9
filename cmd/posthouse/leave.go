package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"posthouse/config"
)

// statusAgain is the exit status with which serve ends when an operator has typed reboot and the program could not put itself
// in its own place: the service manager starts it again (systemd: RestartForceExitStatus=75).
const statusAgain = 75

// errAgain is what serve returns for a reboot.
var errAgain = errors.New("to be started again")

// leaving is the end of the service that an operator asked for.
type leaving struct {
	mu     sync.Mutex
	cancel context.CancelFunc // set while the service runs
	asked  bool
	anew   bool
}

// until is ctx, which an operator can end as well.
func (h *house) until(ctx context.Context) context.Context {
	l := &h.leaving
	l.mu.Lock()
	defer l.mu.Unlock()
	ctx, l.cancel = context.WithCancel(ctx)
	return ctx
}

// outcome is what serve returns when the service ended with err. At a reboot err is written to words and stops nothing: a disk
// that is full at the end must not keep an appliance down that somebody wants up again.
func (l *leaving) outcome(err error, words io.Writer) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.anew {
		return err
	}
	if err != nil {
		fmt.Fprintf(words, "posthouse serve: %v\n", err)
	}
	return errAgain
}

// leave is the appliance's Stop.
func (h *house) leave(by config.Author, grace time.Duration, again bool) error {
	l := &h.leaving
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.asked || l.cancel == nil {
		return errors.New("the service is stopping already")
	}
	l.asked, l.anew = true, again
	h.system.Leaving(by.User, by.From, again)
	h.engine.StopWithin(grace)
	l.cancel()
	return nil
}

// again puts a new process of the program in the place of this one, with the same words and the same number. It returns
// only where that fails: the exit status that asks the service manager for it.
func again(program string) int {
	if program == "" {
		return statusAgain
	}
	err := syscall.Exec(program, os.Args, os.Environ())
	fmt.Fprintf(os.Stderr, "posthouse: cannot start again by itself: %v\n", err)
	return statusAgain
}
