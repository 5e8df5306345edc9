package smtp

import (
	"context"
	"errors"
	"strconv"
	"strings"
)

// maxDrain is how many octets of a refused message are read, beyond the size limit, to reach its end and answer there.
const maxDrain = 16 << 20

// intake passes content on until something forbids the message, and counts all of it.
type intake struct {
	content Content
	max     int64 // 0: no limit
	size    int64
	lines   lineChecker // of BDAT
	err     error       // why the message is refused; nothing more is passed on
}

func (t *intake) take(block []byte) {
	t.size += int64(len(block))
	if t.err != nil {
		return
	}
	if t.max > 0 && t.size > t.max {
		t.err = ErrTooBig
		return
	}
	_, t.err = t.content.Write(block)
}

// refuse notes the first reason only.
func (t *intake) refuse(err error) {
	if t.err == nil {
		t.err = err
	}
}

// hopeless says that a refused message goes on for too long to read to its end.
func (t *intake) hopeless() bool { return t.err != nil && t.size > t.max+maxDrain }

// verdict is the reply to a refused message.
func verdict(err error) Reply {
	var r Reply
	switch {
	case errors.Is(err, ErrTooBig):
		return replyTooBig
	case errors.Is(err, ErrBareLine):
		return replyBareLine
	case errors.As(err, &r):
		return r
	}
	return replyResources
}

// outOfOrder says why there can be no content now.
func (s *Session) outOfOrder() (Reply, bool) {
	switch {
	case s.needsTLS():
		return replyNeedTLS, true
	case !s.mail:
		return replyMailFirst, true
	case s.recipients == 0:
		return replyRcptFirst, true
	}
	return Reply{}, false
}

func (s *Session) data(ctx context.Context) {
	if r, bad := s.outOfOrder(); bad {
		s.reply(r)
		return
	}
	if s.intake != nil { // RFC 3030 §2: DATA and BDAT do not mix
		s.reply(replyChunking)
		return
	}
	content, r := s.backend.Data(ctx)
	if content == nil {
		s.answer(r)
		return
	}
	s.reply(replyGoAhead)
	in := &s.whole
	*in = intake{content: content, max: s.opts.MaxMessageSize}
	if err := s.readDots(in); err != nil {
		s.broken(err)
		return
	}
	s.conclude(ctx, in)
}

// readDots reads content up to CRLF.CRLF.
func (s *Session) readDots(in *intake) error {
	var d dotDecoder
	for {
		block, err := s.wire.block()
		if err != nil {
			return err
		}
		n, ended := d.next(block, in)
		s.wire.consumed(n)
		if d.bare {
			in.refuse(ErrBareLine)
		}
		if ended {
			return nil
		}
		if in.hopeless() { // The reply is sent all the same.
			s.finish(EndClosed)
			return nil
		}
	}
}

// conclude answers the end of a message's content.
func (s *Session) conclude(ctx context.Context, in *intake) {
	if in.err != nil {
		s.reset(in.err)
		s.answer(verdict(in.err))
		return
	}
	// The transaction is over whatever Commit says, and even if it panics.
	s.mail, s.recipients, s.intake = false, 0, nil
	s.answer(in.content.Commit(ctx))
}

// bdat answers BDAT (RFC 3030 §2). The chunk follows the command in any case and is read to its last octet before the
// reply, whether the command can be obeyed or not: its octets must never be taken for commands.
func (s *Session) bdat(ctx context.Context, arg string) {
	size, last, ok := parseChunk(arg)
	if !ok { // Nobody knows where the next command begins.
		s.reset(ErrReset)
		s.hangUp(replyBadChunk)
		return
	}
	in, refusal := s.chunkIntake(ctx)
	if in == nil {
		in = &intake{err: refusal}
	}
	if err := s.readChunk(in, size); err != nil {
		s.broken(err)
		return
	}
	switch {
	case refusal.Code != 0:
		s.reset(refusal)
		s.answer(refusal)
	case in.err != nil:
		s.conclude(ctx, in)
	case last:
		s.lastChunk(ctx, in)
	default:
		s.reply(replyChunk(size))
	}
}

// chunkIntake returns where a chunk goes, or why it goes nowhere.
func (s *Session) chunkIntake(ctx context.Context) (*intake, Reply) {
	if r, bad := s.outOfOrder(); bad {
		return nil, r
	}
	if s.intake == nil {
		content, r := s.backend.Data(ctx)
		if content == nil {
			return nil, r
		}
		s.intake = &intake{content: content, max: s.opts.MaxMessageSize}
	}
	return s.intake, Reply{}
}

// readChunk reads exactly size octets, or fails: a chunk that is cut short never counts as whole.
func (s *Session) readChunk(in *intake, size int64) error {
	for size > 0 {
		block, err := s.wire.block()
		if err != nil {
			return err
		}
		block = block[:min(int64(len(block)), size)]
		in.lines.check(block)
		if in.lines.bare {
			in.refuse(ErrBareLine)
		}
		in.take(block)
		s.wire.consumed(len(block))
		size -= int64(len(block))
		if in.hopeless() {
			s.finish(EndClosed)
			return nil
		}
	}
	return nil
}

// lastChunk ends the message. Its last line gets the end that DATA would have needed anyway.
func (s *Session) lastChunk(ctx context.Context, in *intake) {
	in.lines.finish()
	if in.lines.bare {
		in.refuse(ErrBareLine)
	} else if in.lines.open {
		in.take([]byte("\r\n"))
	}
	s.conclude(ctx, in)
}

// parseChunk reads the argument of BDAT: a size and perhaps LAST.
func parseChunk(arg string) (size int64, last, ok bool) {
	number, rest, more := strings.Cut(arg, " ")
	if more && !strings.EqualFold(strings.TrimSpace(rest), "LAST") {
		return 0, false, false
	}
	value, err := strconv.ParseUint(number, 10, 63)
	if err != nil {
		return 0, false, false
	}
	return int64(value), more, true
}
