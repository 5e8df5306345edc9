package commands

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"posthouse/internal/eventlog"
	"posthouse/mta"
	"posthouse/shell"
)

// midWord reads a message ID.
func midWord(word string) (uint64, error) {
	mid, err := strconv.ParseUint(strings.TrimSpace(word), 10, 64)
	if err != nil || mid == 0 {
		return 0, shell.Fail("Invalid MID %q: the number of a message in the queue is accepted.", word)
	}
	return mid, nil
}

// askMID takes the message's ID from the first word, or asks for it.
func askMID(s *shell.Session, args []string, verb string) (uint64, error) {
	if len(args) > 0 {
		return midWord(args[0])
	}
	answer, err := s.Ask(shell.Question{
		Text: "Enter the MID to " + verb + ".", Required: true,
		Check: func(answer string) error { _, err := midWord(answer); return err },
	})
	if err != nil {
		return 0, err
	}
	return midWord(answer)
}

// queued is one message of the queue, or the failure that says that there is none.
func queued(ctx context.Context, a *Appliance, mid uint64) (mta.MessageInfo, error) {
	m, err := a.Engine.Message(ctx, mid)
	if err != nil {
		return m, unreadable(ctx, mid, err)
	}
	return m, nil
}

// unreadable is why a message cannot be shown.
func unreadable(ctx context.Context, mid uint64, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, mta.ErrNoMessage):
		return shell.Fail("Unknown MID %d: no such message is in the queue.", mid)
	}
	return shell.Fail("Unable to read MID %d: %v.", mid, err)
}

// age is the line that every look at a single message begins with.
func age(mid uint64, received time.Time) string {
	return fmt.Sprintf("MID %d: %s old", mid, spelled(time.Since(received)))
}

// printContent prints a message's header and, if that is wanted, its body, with everything escaped that a terminal acts on.
func printContent(ctx context.Context, a *Appliance, s *shell.Session, mid uint64, body bool) error {
	content, err := a.Engine.Content(mid)
	if err != nil {
		return unreadable(ctx, mid, err)
	}
	defer content.Close()
	out := bufio.NewWriter(s)
	err = eachLine(content, func(line string) error {
		if line == "" && !body {
			return io.EOF
		}
		_, err := out.WriteString(eventlog.EscapeLine(strings.ReplaceAll(line, "\t", "        ")) + "\n")
		return err
	})
	if err != nil && !errors.Is(err, io.EOF) {
		if errors.Is(err, shell.ErrEnough) || errors.Is(err, shell.ErrInterrupted) {
			return err
		}
		return unreadable(ctx, mid, err)
	}
	return out.Flush()
}

// longestLine is the most of a line that is looked at in one piece. SMTP allows 1,000 bytes (RFC 5321 §4.5.3.1.6).
const longestLine = 64 << 10

// eachLine calls do for the lines of a message, without their ends; a line that is too long comes in several.
func eachLine(content io.Reader, do func(line string) error) error {
	r := bufio.NewReaderSize(content, longestLine)
	for {
		line, err := r.ReadSlice('\n')
		if len(line) > 0 {
			if err := do(strings.TrimRight(string(line), "\r\n")); err != nil {
				return err
			}
		}
		switch {
		case err == nil, errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			return nil
		default:
			return err
		}
	}
}
