package commands

import (
	"context"
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
		Batch:   []string{"showrecipients host HOST", "showrecipients sender ADDRESS", "showrecipients all"},
		Help: "Atmps counts the attempts to deliver to this recipient so far. The host is the recipient's domain.\n" +
			"The sender <> stands for messages without one: bounces and other notices.",
		JSON: true,
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			filter, err := recipientFilter(s, "show", args)
			if err != nil {
				return err
			}
			found := a.Engine.Recipients(filter)
			if s.JSON {
				return s.PrintJSON(struct {
					Recipients []shownRecipientRow `json:"recipients"`
				}{recipientRows(found)})
			}
			s.Println("Showing messages, please wait.")
			s.Println()
			printRecipients(s, found)
			return nil
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
		asked.Check = func(answer string) error { return checkDomain(hostWord(answer)) }
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
			return checkDomain(filter.Host)
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

func printRecipients(s *shell.Session, found []mta.RecipientInfo) {
	if len(found) == 0 {
		s.Println("No messages in the delivery queue.")
		return
	}
	const line = "%-10s %-13s %-24s %s\n"
	s.Printf(line, "MID/", "Bytes/", "Sender/", "Subject")
	s.Printf("%-10s %-13s %s\n", "[RID]", "[Atmps]", "Recipient")
	for _, r := range found {
		s.Printf("%s\n", strings.TrimRight(fmt.Sprintf(line, fmt.Sprint(r.MID), fmt.Sprint(r.Size), senderName(r.Sender), eventlog.Escape(r.Subject)), " \n"))
		s.Printf("%-10s %-13s %s\n", fmt.Sprintf("[%d]", r.RID), fmt.Sprintf("[%d]", r.Attempts), eventlog.Escape(r.Recipient))
	}
}

// shownRecipientRow is one recipient in JSON.
type shownRecipientRow struct {
	MID       uint64 `json:"mid"`
	RID       int    `json:"rid"`
	Size      int64  `json:"size"`
	Attempts  int    `json:"attempts"`
	Sender    string `json:"sender"`
	Recipient string `json:"recipient"`
	Subject   string `json:"subject"`
	Host      string `json:"host"`
}

func recipientRows(found []mta.RecipientInfo) []shownRecipientRow {
	rows := make([]shownRecipientRow, len(found))
	for i, r := range found {
		rows[i] = shownRecipientRow(r)
	}
	return rows
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
