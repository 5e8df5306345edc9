package commands

import (
	"context"
	"fmt"
	"strings"
	"time"

	"posthouse/internal/eventlog"
	"posthouse/internal/localtime"
	"posthouse/mta"
	"posthouse/shell"
)

func workQueue(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:     "workqueue",
		Summary:  "Show, pause and resume the work between acceptance and delivery.",
		Roles:    shell.Readers | shell.Guest,
		RolesFor: rolesBut(shell.Readers|shell.Guest, shell.Operators, "pause", "resume"),
		Batch:    []string{"workqueue status", "workqueue pause REASON", "workqueue resume", "workqueue rate SECONDS [COUNT]"},
		Help: `While the work queue is paused, mail is accepted and kept, and nothing of it is delivered until "workqueue resume", over
a restart too. What was accepted before is delivered as ever. "workqueue rate" shows a line every SECONDS: the
messages that wait, and how many came and went since the line before; it ends as rate does.`,
		Documents: []shell.Document{
			{For: "workqueue status, pause, resume", Value: workQueueJSON{}},
			{For: "workqueue rate", Value: workQueueRatesJSON{}},
		},
		Run: func(ctx context.Context, s *shell.Session, args []string) error {
			w := &workQueueRun{a.Engine, s}
			if len(args) > 0 {
				return w.batch(ctx, args)
			}
			if s.JSON {
				return w.status()
			}
			return w.menu()
		},
		Complete: func(_ *shell.Session, args []string) []string {
			if len(args) > 1 {
				return nil
			}
			return startingWith(args, []string{"status", "pause", "resume", "rate"})
		},
	}
}

// workQueueRun is one run of the command.
type workQueueRun struct {
	engine Counting
	s      *shell.Session
}

func (w *workQueueRun) batch(ctx context.Context, args []string) error {
	return dispatch("workqueue", args, []subcommand{
		{"status", 0, 0, func([]string) error { return w.status() }},
		{"pause", 0, 1, w.pause},
		{"resume", 0, 0, func([]string) error { return w.resume() }},
		{"rate", 0, 2, func(args []string) error { return w.rate(ctx, args) }},
	})
}

func (w *workQueueRun) menu() error {
	is := func(paused bool) func() bool {
		return func() bool { return (w.engine.WorkQueue().Paused != nil) == paused }
	}
	return w.s.Menu(shell.Menu{
		State: func() { w.print(w.engine.WorkQueue()) },
		Items: []shell.MenuItem{
			{Keyword: "STATUS", What: "Display the work queue's status.", Do: func(context.Context) error { return nil }}, // it stands above the menu
			{Keyword: "PAUSE", What: "Pause the work queue.", Do: func(context.Context) error { return w.ask() }, Hidden: is(true)},
			{Keyword: "RESUME", What: "Resume the work queue.", Do: func(context.Context) error { return w.goOn() }, Hidden: is(false)},
			{Keyword: "RATE", What: "Display the work queue's figures over time.", Do: func(ctx context.Context) error { return w.rate(ctx, nil) }},
		},
	})
}

// print shows how the work stands.
func (w *workQueueRun) print(st mta.WorkQueueStatus) {
	w.s.Printf("Status as of: %s\n%-12s%s\n%-12s%d\n", stamp(time.Now()), "Status:", workQueueState(st), "Messages:", st.Waiting)
}

// workQueueState is the state in words: who has paused it, and why.
func workQueueState(st mta.WorkQueueStatus) string {
	switch p := st.Paused; {
	case p == nil:
		return "Operational"
	case p.Reason == "":
		return "Paused by " + p.By
	default:
		return fmt.Sprintf("Paused by %s: %s", p.By, eventlog.Escape(p.Reason))
	}
}

type workQueueJSON struct {
	At       time.Time  `json:"at" doc:"when that was so"`
	Status   string     `json:"status" doc:"operational or paused"`
	By       string     `json:"paused_by" doc:"an account; empty: it is not"`
	Reason   string     `json:"reason" doc:"why it is paused"`
	Since    *time.Time `json:"paused_at" doc:"null: it is not"`
	Messages int        `json:"messages" doc:"that wait for work"`
}

func (w *workQueueRun) status() error {
	st := w.engine.WorkQueue()
	if !w.s.JSON {
		w.print(st)
		return nil
	}
	document := workQueueJSON{At: time.Now(), Status: "operational", Messages: st.Waiting}
	if p := st.Paused; p != nil {
		document.Status, document.By, document.Reason, document.Since = "paused", p.By, p.Reason, &p.At
	}
	return w.s.PrintJSON(document)
}

// reasonMost is how long a reason may be.
const reasonMost = 200

func checkReason(reason string) error {
	if len(reason) > reasonMost {
		return shell.Fail("Invalid reason: it is longer than %d bytes.", reasonMost)
	}
	return nil
}

// pause is the batch form; without a reason it asks.
func (w *workQueueRun) pause(args []string) error {
	if len(args) == 0 {
		if err := w.ask(); err != nil {
			return err
		}
		return w.status()
	}
	if err := w.stop(args[0]); err != nil {
		return err
	}
	return w.status()
}

// ask is the dialogue of PAUSE.
func (w *workQueueRun) ask() error {
	sure, err := w.s.YesNo("Manually pause work queue?  This will only affect unprocessed messages. ", false)
	if err != nil || !sure {
		return err
	}
	reason, err := w.s.Ask(shell.Question{Text: "Reason for pausing work queue:", Check: checkReason})
	if err != nil {
		return err
	}
	return w.stop(reason)
}

func (w *workQueueRun) stop(reason string) error {
	if err := w.s.Permit("pause"); err != nil {
		return err
	}
	if err := checkReason(reason); err != nil {
		return err
	}
	return w.engineError(w.engine.PauseWorkQueue(w.s.User(), strings.TrimSpace(reason)))
}

func (w *workQueueRun) goOn() error {
	if err := w.s.Permit("resume"); err != nil {
		return err
	}
	return w.engineError(w.engine.ResumeWorkQueue())
}

func (w *workQueueRun) resume() error {
	if err := w.goOn(); err != nil {
		return err
	}
	return w.status()
}

// engineError is what the engine could not write down.
func (w *workQueueRun) engineError(err error) error {
	if err != nil {
		return shell.Fail("Failed to write down the work queue's state: %v.", err)
	}
	return nil
}

const workQueueHead = "Time        Pending          In         Out\n"

type workQueueRatesJSON struct {
	Rows []workQueueRow `json:"rows" doc:"one for each display"`
}

// workQueueRow is one line of workqueue rate.
type workQueueRow struct {
	At      time.Time `json:"at" doc:"when that was so"`
	Pending int       `json:"messages" doc:"that wait for work"`
	In      uint64    `json:"messages_in" doc:"since the row before"`
	Out     uint64    `json:"messages_out" doc:"since the row before"`
}

func (w *workQueueRun) rate(ctx context.Context, args []string) error {
	s := w.s
	r, err := repetitionWords(s, "workqueue rate", args)
	if err != nil {
		return err
	}
	if !s.JSON {
		r.heading(s, workQueueHead)
	}
	last, rows := w.engine.WorkQueue(), []workQueueRow{}
	err = r.repeat(ctx, s, func(now time.Time) error {
		st := w.engine.WorkQueue()
		row := workQueueRow{now, st.Waiting, st.In - last.In, st.Out - last.Out}
		last = st
		if s.JSON {
			rows = append(rows, row)
			return nil
		}
		_, err := fmt.Fprintf(s, "%s%11d%12d%12d\n", localtime.Of(now).Format(time.TimeOnly), row.Pending, row.In, row.Out)
		return err
	})
	if err != nil || !s.JSON {
		return err
	}
	return s.PrintJSON(workQueueRatesJSON{rows})
}
