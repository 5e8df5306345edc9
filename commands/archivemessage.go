package commands

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"posthouse/internal/eventlog"
	"posthouse/mta"
	"posthouse/shell"
)

func archiveMessage(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "archivemessage",
		Summary: "Save a message of the queue to a file in /configuration.",
		Roles:   shell.Operators,
		Batch:   []string{"archivemessage MID [FILE]"},
		Help: `The file is an mbox with this message alone. Its first lines are the envelope: X-Envelope-From, an X-Envelope-To for every
recipient who is not done, and when it was received under which MID. FILE is oldmessage_MID.mbox where it is not said. The message
stays in the queue; removemessage takes it out.`,
		Documents: []shell.Document{
			{For: "archivemessage", Value: archivedJSON{}},
		},
		Run: func(ctx context.Context, s *shell.Session, args []string) error {
			if len(args) > 2 {
				return shell.Usage("Invalid word %q: archivemessage takes a MID and a file's name.", args[2])
			}
			mid, err := askMID(s, args, "archive")
			if err != nil {
				return err
			}
			name := fmt.Sprintf("oldmessage_%d.mbox", mid)
			if len(args) == 2 {
				name = args[1]
			}
			if err := archive(ctx, a, mid, name); err != nil {
				return err
			}
			if s.JSON {
				return s.PrintJSON(archivedJSON{mid, name})
			}
			s.Say("MID %d has been saved in file %s in the configuration directory.", mid, name)
			return nil
		},
	}
}

type archivedJSON struct {
	MID  uint64 `json:"mid" doc:"message ID"`
	File string `json:"file" doc:"its name in the folder configuration"`
}

// archiveReserve is the room, in bytes, that an archived message leaves on the disk: mail is taken in on the same one.
const archiveReserve = 64 << 20

func archive(ctx context.Context, a *Appliance, mid uint64, name string) error {
	if err := newFile(a, name); err != nil {
		return err
	}
	m, err := queued(ctx, a, mid)
	if err != nil {
		return err
	}
	if free := a.Engine.Status().KilobytesFree * 1024; free < m.Size+archiveReserve {
		return shell.Fail("Unable to write %q: too little room is left on the disk.", name)
	}
	content, err := a.Engine.Content(mid)
	if err != nil {
		return unreadable(ctx, mid, err)
	}
	defer content.Close()
	err = configuration(a).WriteBy(name, func(w io.Writer) error { return writeMbox(ctx, w, m, content) })
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errContent):
		return shell.Fail("Unable to read MID %d: %v.", mid, err)
	case err != nil:
		return fileFault("write", name, err)
	}
	return nil
}

// errContent says that it is the message that cannot be read, and not the file that cannot be written.
var errContent = errors.New("the message in the spool")

// writeMbox writes one message in the form that RFC 4155 describes, with the envelope as header fields in front and with lines
// quoted so that they can be told from quoted ones ("mboxrd").
func writeMbox(ctx context.Context, w io.Writer, m mta.MessageInfo, content io.Reader) error {
	out := bufio.NewWriter(w)
	sender := m.Sender
	if sender == "" || strings.ContainsAny(sender, " \t") {
		sender = "MAILER-DAEMON"
	}
	fmt.Fprintf(out, "From %s %s\n", eventlog.Escape(sender), m.Received.UTC().Format("Mon Jan _2 15:04:05 2006"))
	fmt.Fprintf(out, "X-Envelope-From: <%s>\n", eventlog.EscapeLine(m.Sender))
	for _, r := range m.Recipients {
		if r.Phase != mta.Finished {
			fmt.Fprintf(out, "X-Envelope-To: <%s>\n", eventlog.EscapeLine(r.Address))
		}
	}
	fmt.Fprintf(out, "X-Posthouse-Message: MID %d ICID %d; %s\n", m.MID, m.ICID, m.Received.UTC().Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	if err := quoteLines(ctx, out, content); err != nil {
		return err
	}
	out.WriteString("\n")
	return out.Flush()
}

// quoteLines copies a message with line feeds for its line ends, and with one > more before what begins like an mbox's From line.
func quoteLines(ctx context.Context, out *bufio.Writer, content io.Reader) error {
	in := bufio.NewReaderSize(content, longestLine)
	begin := true
	for ctx.Err() == nil {
		line, err := in.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) && !errors.Is(err, io.EOF) {
			return fmt.Errorf("%w: %w", errContent, err)
		}
		if begin && bytes.HasPrefix(bytes.TrimLeft(line, ">"), []byte("From ")) {
			out.WriteByte('>')
		}
		if len(line) > 0 {
			begin = err == nil
			out.Write(bytes.TrimRight(line, "\r\n"))
		}
		if begin && len(line) > 0 || errors.Is(err, io.EOF) && !begin {
			if werr := out.WriteByte('\n'); werr != nil {
				return werr
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
	}
	return ctx.Err()
}
