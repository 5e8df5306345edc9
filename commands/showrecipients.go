package commands

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"posthouse/internal/eventlog"
	"posthouse/mta"
	"posthouse/shell"
)

func showRecipients(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "showrecipients",
		Summary: "Show the messages in the delivery queue, recipient by recipient.",
		Roles:   shell.Readers | shell.HelpDesk,
		Batch:   []string{"showrecipients host HOST", "showrecipients sender ADDRESS", "showrecipients all"},
		Help: "Atmps counts the attempts to deliver to this recipient so far. The host is the recipient's domain, or [MACHINE]:PORT where an operator redirected it.\n" +
			"The sender <> stands for messages without one: bounces and other notices.",
		Documents: []shell.Document{
			{For: "showrecipients", Value: shownRecipientsJSON{}},
		},
		Run: func(ctx context.Context, s *shell.Session, args []string) error {
			filter, err := recipientFilter(s, "show", args)
			if err != nil {
				return err
			}
			if s.JSON {
				document := shownRecipientsJSON{[]shownRecipientRow{}}
				return streamRecipients(ctx, a, s, document, filter)
			}
			s.Say("Showing messages, please wait.")
			s.Println()
			return printRecipients(ctx, a, s, filter)
		},
		Complete: completeFilter(a),
	}
}

// recipientFilter takes the choice of recipients from the words host HOST, sender ADDRESS or all, or asks for it; verb
// is what happens to them.
func recipientFilter(s *shell.Session, verb string, args []string) (mta.Filter, error) {
	if len(args) > 0 {
		return filterFromWords(verb, args)
	}
	if s.JSON {
		return mta.Filter{}, nil
	}
	how, err := s.Choose("Please select how you would like to "+verb+" messages:",
		[]string{"By recipient host.", "By Envelope From address.", "All."}, 1)
	if err != nil || how == 3 {
		return mta.Filter{}, err
	}
	question := "Please enter the hostname for the messages you wish to " + verb + "."
	if how == 2 {
		question = "Please enter the Envelope From address for the messages you wish to " + verb + "."
	}
	asked := shell.Question{Text: question, Required: true}
	if how == 1 {
		asked.Check = func(answer string) error { return checkQueued(hostWord(answer)) }
	}
	answer, err := s.Ask(asked)
	if err != nil {
		return mta.Filter{}, err
	}
	if how == 2 {
		return senderFilter(answer), nil
	}
	return mta.Filter{Host: hostWord(answer)}, nil
}

func filterFromWords(verb string, args []string) (filter mta.Filter, err error) {
	err = dispatch(verb+"recipients", args, []subcommand{
		{"host", 1, 1, func(rest []string) error {
			if filter.Host = hostWord(rest[0]); filter.Host == "" {
				return nil // refused below
			}
			return checkQueued(filter.Host)
		}},
		{"sender", 1, 1, func(rest []string) error { filter = senderFilter(rest[0]); return nil }},
		{"all", 0, 0, func([]string) error { return nil }},
	})
	if err == nil && len(args) == 2 && filter == (mta.Filter{}) {
		// An empty host or sender must not come to mean everything.
		return filter, shell.Usage("Invalid %s %q: a name is needed.", strings.ToLower(args[0]), args[1])
	}
	return filter, err
}

// hostWord brings a typed destination to the form in which the queue knows it.
func hostWord(word string) string {
	return strings.ToLower(strings.TrimSuffix(strings.TrimSpace(word), "."))
}

// nullSender is how the sender of notices is typed and shown.
const nullSender = "<>"

// senderFilter chooses by a typed envelope sender, with or without angle brackets; <> is the null sender.
func senderFilter(word string) mta.Filter {
	word = strings.TrimSpace(word)
	if word == nullSender {
		return mta.Filter{NullSender: true}
	}
	if inner, ok := strings.CutPrefix(word, "<"); ok {
		word = strings.TrimSuffix(inner, ">")
	}
	return mta.Filter{Sender: word}
}

// senderName is an envelope sender as it is shown.
func senderName(sender string) string {
	if sender == "" {
		return nullSender
	}
	return eventlog.Escape(sender)
}

// printRecipients prints the chosen recipients as they are found: a long list begins at once.
func printRecipients(ctx context.Context, a *Appliance, s *shell.Session, filter mta.Filter) error {
	const line = "%-10s %-13s %-24s %s\n"
	none := true
	err := a.Engine.Recipients(ctx, filter, func(r mta.RecipientInfo) error {
		if none {
			none = false
			s.Printf(line, "MID/", "Bytes/", "Sender/", "Subject")
			s.Printf("%-10s %-13s %s\n", "[RID]", "[Atmps]", "Recipient")
		}
		message := fmt.Sprintf(line, fmt.Sprint(r.MID), fmt.Sprint(r.Size), senderName(r.Sender), eventlog.Escape(r.Subject))
		_, err := fmt.Fprintf(s, "%s\n%-10s %-13s %s\n", strings.TrimRight(message, " \n"),
			fmt.Sprintf("[%d]", r.RID), fmt.Sprintf("[%d]", r.Attempts), eventlog.Escape(r.Recipient))
		return err
	})
	if err == nil && none {
		s.Say("No messages in the delivery queue.")
	}
	return err
}

type shownRecipientsJSON struct {
	Recipients []shownRecipientRow `json:"recipients" doc:"in order of MID and RID"`
}

// shownRecipientRow is one recipient in JSON.
type shownRecipientRow struct {
	MID       uint64 `json:"mid" doc:"message ID"`
	RID       int    `json:"rid" doc:"recipient ID within the message, from 0"`
	Size      int64  `json:"size" doc:"bytes"`
	Attempts  int    `json:"attempts" doc:"to deliver, so far"`
	Sender    string `json:"sender" doc:"the envelope's; empty for notices"`
	Recipient string `json:"recipient" doc:"the envelope's address"`
	Subject   string `json:"subject" doc:"as the header has it"`
	Host      string `json:"host" doc:"a destination's name"`
}

// streamRecipients prints a document with the chosen recipients in the place of its last list, which is empty, as they are
// found: a million of them never lie in memory together.
func streamRecipients(ctx context.Context, a *Appliance, s *shell.Session, document any, filter mta.Filter) error {
	frame, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		return err
	}
	at := bytes.LastIndex(frame, []byte("[]"))
	before, after := frame[:at+1], frame[at+1:]
	last := before[bytes.LastIndexByte(before, '\n')+1:]
	margin := string(last[:len(last)-len(bytes.TrimLeft(last, " "))])
	to, err := s.DocumentWriter(document)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(to)
	out.Write(before)
	separator := ""
	err = a.Engine.Recipients(ctx, filter, func(r mta.RecipientInfo) error {
		row, err := json.MarshalIndent(shownRecipientRow(r), margin+"  ", "  ")
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "%s\n%s  %s", separator, margin, row)
		separator = ","
		return err
	})
	if err != nil {
		return err
	}
	if separator != "" {
		out.WriteString("\n" + margin)
	}
	out.Write(append(after, '\n'))
	return out.Flush()
}

// completeFilter proposes the words of recipientFilter and, behind host, the destinations in memory.
func completeFilter(a *Appliance) func(*shell.Session, []string) []string {
	return func(_ *shell.Session, args []string) []string {
		if len(args) <= 1 {
			return startingWith(args, []string{"host", "sender", "all"})
		}
		if len(args) == 2 && strings.EqualFold(args[0], "host") {
			return startingWith(args, hostNames(a))
		}
		return nil
	}
}
