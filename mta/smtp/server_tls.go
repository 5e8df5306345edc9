package smtp

import (
	"context"
	"errors"
)

// startTLS answers STARTTLS. Behind a handshake all that the client said before is forgotten (RFC 3207 §4.2).
func (s *Session) startTLS(ctx context.Context) {
	if s.secure {
		s.reply(replyTLSActive)
		return
	}
	if !s.opts.OfferTLS {
		s.reply(replyNoCommand)
		return
	}
	upgrade, err := s.backend.TLS()
	if err != nil {
		s.answer(noTLS(err))
		return
	}
	s.reset(ErrReset)
	s.hello = ""
	s.settle(s.wire.startTLS(ctx, upgrade))
	if s.opts.Rejected && s.refused == nil { // as whom the handshake has shown the client to be
		s.refused = &replyRejected
	}
}

// noTLS is the reply to STARTTLS where there is no handshake.
func noTLS(err error) Reply {
	var r Reply
	if errors.As(err, &r) {
		return r
	}
	return replyNoTLSNow
}

// implicitTLS does the handshake that comes before the banner. Whoever fails at it can be told nothing.
func (s *Session) implicitTLS(ctx context.Context) {
	upgrade, err := s.backend.TLS()
	if err != nil {
		s.finish(EndClosed)
		return
	}
	s.settle(s.wire.secure(ctx, upgrade))
}

// settle goes on as the Backend says after a handshake.
func (s *Session) settle(h Handshake) {
	ruling := s.backend.Handshake(h)
	if h.Err != nil || ruling.Leave {
		s.finish(EndClosed)
		return
	}
	s.secure = true
	s.refused = ruling.Refused
	if ruling.Options != nil {
		s.opts = *ruling.Options
		s.wire.setTime(s.opts.CommandTimeout)
	}
}
