package mta

import (
	"bytes"
	"context"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"
	"unicode"

	"posthouse/mta/spool"
)

// letter is a message of our own: an alert or a report.
type letter struct {
	from    string // the envelope sender; "" for a message that never bounces
	to      []string
	message []byte // header and body, with CRLF
	report  bool   // delivered whatever TLS says (RFC 8460 §3)
}

// send puts a letter into the queue. It is durable when it returns.
func (e *Engine) send(ctx context.Context, l letter) error {
	env, err := l.envelope(e.spool.NextMID())
	if err != nil {
		return err
	}
	w, err := e.spool.Create(env.MID)
	if err != nil {
		return fmt.Errorf("creating a letter: %w", err)
	}
	defer w.Abort()
	if _, err := w.Write(l.message); err != nil {
		return fmt.Errorf("writing a letter: %w", err)
	}
	if err := w.Commit(env); err != nil {
		return fmt.Errorf("committing a letter: %w", err)
	}
	log := e.opt.Log
	log.MessageStarted(env.MID, 0)
	log.From(env.MID, 0, env.Sender)
	for _, r := range env.Recipients {
		log.To(env.MID, 0, r.RID, r.Address)
	}
	log.Ready(env.MID, env.Size, env.Sender)
	log.Queued(env.MID)
	e.forward(ctx, spool.Message{Envelope: env, States: make([]spool.State, len(env.Recipients))})
	return nil
}

func (l *letter) envelope(mid uint64) (spool.Envelope, error) {
	header, err := mail.ReadMessage(bytes.NewReader(l.message))
	if err != nil {
		return spool.Envelope{}, fmt.Errorf("a letter without a header: %w", err)
	}
	env := spool.Envelope{
		MID: mid, Sender: l.from, Received: time.Now(), Size: int64(len(l.message)), Relay: true,
		Subject: header.Header.Get("Subject"), MessageID: header.Header.Get("Message-Id"), TLSReport: l.report,
		SMTPUTF8: l.international(),
	}
	for rid, to := range l.to {
		env.Recipients = append(env.Recipients, spool.Recipient{RID: rid, Address: to})
	}
	return env, nil
}

// international says whether a letter has addresses or a header in more than ASCII, which every hop must know (RFC 6531 §3.1).
func (l *letter) international() bool {
	header, _, _ := bytes.Cut(l.message, []byte("\r\n\r\n"))
	beyond := func(r rune) bool { return r > unicode.MaxASCII }
	return strings.ContainsFunc(l.from, beyond) || bytes.ContainsFunc(header, beyond) ||
		slices.ContainsFunc(l.to, func(to string) bool { return strings.ContainsFunc(to, beyond) })
}
