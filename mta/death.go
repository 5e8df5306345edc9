package mta

import (
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"posthouse/mta/alert"
	"posthouse/mta/inhand"
)

// openHand learns whether the last process died, and what it was working on. What the runtime says when this one fails goes
// to a file, since nobody else is left to say it.
func (e *Engine) openHand(dir string) (err error) {
	if e.hand, e.death, err = inhand.Open(dir); err != nil {
		return err
	}
	f, err := os.OpenFile(e.hand.CrashFile(), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close() // the runtime keeps one of its own
	return debug.SetCrashOutput(f, debug.CrashOptions{})
}

// tellDeath tells how the last process ended, if that was sudden, and which messages are not tried any more because of it.
func (e *Engine) tellDeath() {
	e.hand.Keep(e.spool.Has)
	if !e.death.Died {
		return
	}
	how := "it was killed from outside, or the machine stopped"
	if e.death.Fault != "" {
		first, _, _ := strings.Cut(e.death.Fault, "\n")
		how = fmt.Sprintf("%s; the rest is in %s", first, e.hand.CrashFile()+".last")
	}
	e.opt.System.Problem("the last process died: " + how)
	for _, mid := range e.death.Parked {
		text := fmt.Sprintf("MID %d is parked: the process died twice while it was worked on. It is not tried any more; "+
			"showmessage, archivemessage and removemessage still reach it.", mid)
		e.opt.System.Problem(text)
		e.alerts.Raise(alert.Problem(alert.Critical, fmt.Sprintf("parked/%d", mid), fmt.Sprintf("Message %d is parked", mid), text))
	}
}
