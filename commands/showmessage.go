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
		JSON: true,
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
	RID        int        `json:"rid"`
	Recipient  string     `json:"recipient"`
	Host       string     `json:"host"`
	Redirected bool       `json:"redirected"`
	State      string     `json:"state"`
	Attempts   int        `json:"attempts"`
	Next       *time.Time `json:"next_attempt"`
	LastError  string     `json:"last_error"`
	Place      int        `json:"place"`
	Of         int        `json:"of"`
	HostState  string     `json:"host_state"`
	HostCause  string     `json:"host_cause"`
	HostError  string     `json:"host_error"`
	TLS        string     `json:"tls"`
	Notify     string     `json:"notify"`
	ORcpt      string     `json:"orcpt"`
}

func messageJSON(running *config.Config, m mta.MessageInfo) any {
	document := struct {
		MID           uint64               `json:"mid"`
		ICID          uint64               `json:"icid"`
		Sender        string               `json:"sender"`
		Received      time.Time            `json:"received"`
		Size          int64                `json:"size"`
		Subject       string               `json:"subject"`
		MessageID     string               `json:"message_id"`
		Listener      string               `json:"listener"`
		BounceProfile string               `json:"bounce_profile"`
		Relay         bool                 `json:"relay"`
		Bounce        bool                 `json:"bounce"`
		EightBit      bool                 `json:"eight_bit"`
		SMTPUTF8      bool                 `json:"smtputf8"`
		RequireTLS    bool                 `json:"require_tls"`
		TLSOptional   bool                 `json:"tls_optional"`
		TLSReport     bool                 `json:"tls_report"`
		EnvID         string               `json:"envid"`
		Ret           string               `json:"ret"`
		Recipients    []recipientStateJSON `json:"recipients"`
	}{m.MID, m.ICID, m.Sender, m.Received, m.Size, m.Subject, m.MessageID, m.Listener, m.BounceProfile, m.Relay, m.Bounce, m.EightBit,
		m.SMTPUTF8, m.RequireTLS, m.TLSOptional, m.TLSReport, m.EnvID, m.Ret, nil}
	for _, r := range m.Recipients {
		d, _ := running.Destination(r.Host)
		document.Recipients = append(document.Recipients, recipientStateJSON{r.RID, r.Address, r.Host, r.Redirected, string(r.Phase),
			r.Attempts, orNil(r.Next), r.LastError, r.Place, r.Of, string(r.HostState), r.HostCause, r.HostError, string(d.TLS), r.Notify, r.ORcpt})
	}
	return document
}
