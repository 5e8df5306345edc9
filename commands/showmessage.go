package commands

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"posthouse/config"
	"posthouse/internal/eventlog"
	"posthouse/mta"
	"posthouse/shell"
)

func showMessage(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "showmessage",
		Summary: "Show a message of the queue: its envelope, why it waits, and its content.",
		Roles:   shell.Readers | shell.HelpDesk,
		Batch:   []string{"showmessage MID [headers]"},
		Help: `Tells of each recipient whether it is done, under way, due, or waiting and until when, with the latest error, the place
among the messages for the same destination in the order of age, and what is wrong with the destination. The header and the body
follow; with the word headers, the header only.`,
		Documents: []shell.Document{
			{For: "showmessage", Value: messageDocument{}},
		},
		Run: func(ctx context.Context, s *shell.Session, args []string) error {
			body := true
			if len(args) == 2 && strings.EqualFold(args[1], "headers") {
				args, body = args[:1], false
			}
			if len(args) > 1 {
				return shell.Usage("Invalid word %q: showmessage takes a MID and the word headers.", args[1])
			}
			mid, err := askMID(s, args, "show")
			if err != nil {
				return err
			}
			m, err := queued(ctx, a, mid)
			if err != nil {
				return err
			}
			running := a.Config.Running().Config
			if s.JSON {
				return s.PrintJSON(messageJSON(running, m))
			}
			printMessage(s, running, m)
			s.Println()
			return printContent(ctx, a, s, mid, body)
		},
	}
}

func printMessage(s *shell.Session, running *config.Config, m mta.MessageInfo) {
	s.Println(age(m.MID, m.Received))
	line := func(title, value string) { s.Printf("%-20s%s\n", title, value) }
	line("Envelope From:", senderName(m.Sender))
	line("Received:", stamp(m.Received)+origin(m))
	line("Size:", counted(m.Size, "byte"))
	line("TLS demands:", demandWords(m))
	if properties := propertyWords(m); properties != "" {
		line("Needs:", properties)
	}
	line("Bounce profile:", cmp.Or(m.BounceProfile, "of the destination"))
	if m.EnvID != "" || m.Ret != "" {
		line("Asked for:", strings.TrimSpace("RET="+cmp.Or(m.Ret, "-")+" ENVID="+cmp.Or(eventlog.Escape(m.EnvID), "-")))
	}
	s.Println("Recipients:")
	now := time.Now()
	for _, r := range m.Recipients {
		printRecipientState(s, running, r, now)
	}
}

// origin is where a message came from.
func origin(m mta.MessageInfo) string {
	if m.ICID == 0 {
		if m.Bounce {
			return ", a notice of our own"
		}
		return ", our own"
	}
	text := fmt.Sprintf(", ICID %d", m.ICID)
	if m.Listener != "" {
		text += ", listener " + m.Listener
	}
	if m.Relay {
		text += ", to be relayed"
	}
	return text
}

// demandWords is what the message itself says about TLS.
func demandWords(m mta.MessageInfo) string {
	switch {
	case m.RequireTLS:
		return "REQUIRETLS"
	case m.TLSOptional:
		return "TLS-Required: No"
	case m.TLSReport:
		return "none, a TLS report"
	}
	return "none of its own"
}

// propertyWords is what every hop must support for it.
func propertyWords(m mta.MessageInfo) string {
	var words []string
	if m.EightBit {
		words = append(words, "8BITMIME")
	}
	if m.SMTPUTF8 {
		words = append(words, "SMTPUTF8")
	}
	return strings.Join(words, ", ")
}

func printRecipientState(s *shell.Session, running *config.Config, r mta.RecipientState, now time.Time) {
	s.Printf("  [%d] %s\n", r.RID, eventlog.Escape(r.Address))
	line := func(title, value string) { s.Printf("      %-14s%s\n", title, value) }
	line("State:", phaseWords(r, now))
	if r.Phase == mta.Finished {
		return
	}
	if r.Of > 0 {
		line("Queue:", fmt.Sprintf("%s of %s for %s", thousands(r.Place), thousands(r.Of), r.Host))
	}
	if r.Redirected {
		line("Redirected:", "by an operator to "+r.Host)
	}
	if r.LastError != "" {
		line("Last error:", eventlog.Escape(r.LastError))
	}
	if r.HostState != "" {
		line("Destination:", hostWords(r, now))
	}
	d, entry := running.Destination(r.Host)
	line("TLS:", longTLS(d.TLS)+" (destination control "+entry+")")
	if r.Notify != "" || r.ORcpt != "" {
		line("Asked for:", "NOTIFY="+cmp.Or(r.Notify, "-")+" ORCPT="+cmp.Or(eventlog.Escape(r.ORcpt), "-"))
	}
}

// phaseWords is where in the queue a recipient is, and how often it was tried.
func phaseWords(r mta.RecipientState, now time.Time) string {
	text := map[mta.Phase]string{
		mta.Finished: "done: delivered, bounced or deleted", mta.Delivering: "delivery under way", mta.Ready: "due",
		mta.Held: "held, delivery is suspended", mta.Unqueued: "not in the queue at this moment",
		mta.Parked: "parked: the system died twice while it worked on this message, which is not tried any more; see archivemessage and removemessage",
	}[r.Phase]
	if r.Phase == mta.Waiting {
		text = "due at " + stamp(r.Next)
		if r.Next.After(now) {
			text += ", in " + compact(r.Next.Sub(now).Round(time.Second))
		}
	}
	return text + ", " + counted(r.Attempts, "attempt")
}

// hostWords is how the destination is, and what is wrong with it.
func hostWords(r mta.RecipientState, now time.Time) string {
	text := string(r.HostState)
	if r.HostState == mta.HostDown && r.HostNext.After(now) {
		text += ", tried again in " + compact(r.HostNext.Sub(now).Round(time.Second))
	}
	if last := lastError(mta.HostSummary{LastCause: r.HostCause, LastError: r.HostError}); last != "-" {
		text += ", last error: " + eventlog.Escape(last)
	}
	return text
}

type recipientStateJSON struct {
	RID        int        `json:"rid" doc:"recipient ID within the message, from 0"`
	Recipient  string     `json:"recipient" doc:"the envelope's address"`
	Host       string     `json:"host" doc:"the queue in which it waits"`
	Redirected bool       `json:"redirected" doc:"by an operator"`
	State      string     `json:"state" doc:"finished, delivering, ready, waiting, held, unqueued or parked"`
	Attempts   int        `json:"attempts" doc:"to deliver, so far"`
	Next       *time.Time `json:"next_attempt" doc:"when it is tried again; null: nothing waits, or at once"`
	LastError  string     `json:"last_error" doc:"its words"`
	Place      int        `json:"place" doc:"in the queue of its destination, from 1"`
	Of         int        `json:"of" doc:"how many wait there"`
	HostState  string     `json:"host_state" doc:"up, down, unknown or suspended"`
	HostCause  string     `json:"host_cause" doc:"an id of the catalogue"`
	HostError  string     `json:"host_error" doc:"the destination's latest failure"`
	TLS        string     `json:"tls" doc:"the TLS setting: no, preferred, required, preferred-verify, required-verify, required-verify-hosted"`
	Notify     string     `json:"notify" doc:"as the sender asked (RFC 3461)"`
	ORcpt      string     `json:"orcpt" doc:"as the sender gave it (RFC 3461)"`
}

type messageDocument struct {
	MID           uint64               `json:"mid" doc:"message ID"`
	ICID          uint64               `json:"icid" doc:"0: our own"`
	Sender        string               `json:"sender" doc:"the envelope's; empty for notices"`
	Received      time.Time            `json:"received" doc:"when it came in"`
	Size          int64                `json:"size" doc:"bytes"`
	Subject       string               `json:"subject" doc:"as the header has it"`
	MessageID     string               `json:"message_id" doc:"of the header"`
	Listener      string               `json:"listener" doc:"that took it in"`
	BounceProfile string               `json:"bounce_profile" doc:"empty: the default one"`
	Relay         bool                 `json:"relay" doc:"it came from who may relay"`
	Bounce        bool                 `json:"bounce" doc:"it is a notice"`
	EightBit      bool                 `json:"eight_bit" doc:"it needs 8BITMIME"`
	SMTPUTF8      bool                 `json:"smtputf8" doc:"it needs SMTPUTF8"`
	RequireTLS    bool                 `json:"require_tls" doc:"it came with REQUIRETLS"`
	TLSOptional   bool                 `json:"tls_optional" doc:"its header says TLS-Required: No"`
	TLSReport     bool                 `json:"tls_report" doc:"it is a TLS report"`
	EnvID         string               `json:"envid" doc:"as the sender gave it (RFC 3461)"`
	Ret           string               `json:"ret" doc:"full, hdrs or empty (RFC 3461)"`
	Recipients    []recipientStateJSON `json:"recipients" doc:"one for each"`
}

func messageJSON(running *config.Config, m mta.MessageInfo) messageDocument {
	document := messageDocument{m.MID, m.ICID, m.Sender, m.Received, m.Size, m.Subject, m.MessageID, m.Listener, m.BounceProfile, m.Relay, m.Bounce, m.EightBit,
		m.SMTPUTF8, m.RequireTLS, m.TLSOptional, m.TLSReport, m.EnvID, m.Ret, []recipientStateJSON{}}
	for _, r := range m.Recipients {
		d, _ := running.Destination(r.Host)
		document.Recipients = append(document.Recipients, recipientStateJSON{r.RID, r.Address, r.Host, r.Redirected, string(r.Phase),
			r.Attempts, orNil(r.Next), r.LastError, r.Place, r.Of, string(r.HostState), r.HostCause, r.HostError, string(d.TLS), r.Notify, r.ORcpt})
	}
	return document
}
