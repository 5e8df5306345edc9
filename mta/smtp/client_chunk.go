package smtp

import (
	"fmt"
	"io"
	"strconv"
)

// unanswered is how many chunks may be under way without an answer. The peer can always write its answers then, so that
// neither side waits for the other to read.
const unanswered = 4

// chunks is a message's content on its way in chunks (RFC 3030): one block at a time, with a line end behind the last line.
type chunks struct {
	body  io.Reader
	room  []byte
	block []byte // the next chunk
	last  bool   // nothing follows it
	end   lineEnd
}

// next reads the next chunk.
func (s *chunks) next() error {
	n, over, err := fill(s.body, s.room)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrContent, err)
	}
	s.block, s.last = s.room[:n], over
	s.end = s.end.behind(s.block)
	return nil
}

// put buffers the chunk with its command.
func (s *chunks) put(c *Client) {
	tail, last := "", ""
	if s.last {
		last = " LAST"
		if s.end != crlfEnd {
			tail = "\r\n"
		}
	}
	c.out = strconv.AppendInt(append(c.out, "BDAT "...), int64(len(s.block)+len(tail)), 10)
	c.put(last)
	c.out = append(append(c.out, s.block...), tail...)
}

// chunked carries one message in chunks. A message that fits into one goes with its envelope in one flight: then there is
// one write and one wait. If nobody is accepted, its content was sent in vain; the content of a larger one waits for the
// answers to the envelope.
//
// A connection that is lost before the first answer may have carried a small message whole, which is sent again all the
// same: better twice than never.
func (c *Client) chunked(t Transaction, open func() (io.ReadCloser, error), block []byte, receipt *Receipt) error {
	body, err := open()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrContent, err)
	}
	defer body.Close()
	s := &chunks{body: body, room: block, end: crlfEnd}
	if err := s.next(); err != nil {
		return err
	}
	c.envelope(t)
	limit := c.timeouts.Command
	if s.last {
		s.put(c)
		limit = max(limit, c.timeouts.Final) // a peer may answer everything at the end
	}
	if ok, err := c.flight(receipt); !ok {
		return err
	}
	if ok, err := c.answers(receipt, limit); !ok {
		return err
	}
	wanted := receipt.Mail.Code/100 == 2 && receipt.any()
	switch {
	case s.last:
		return c.verdict(receipt, wanted)
	case !wanted:
		return c.abandon(receipt)
	}
	return c.stream(s, receipt)
}

// verdict reads the answer to a chunk that went with the envelope. Where nobody was accepted it is about nothing.
func (c *Client) verdict(receipt *Receipt, wanted bool) error {
	if wanted {
		receipt.Stage = StageFinal
	}
	reply, err := c.read(StageFinal, c.timeouts.Final)
	if err != nil {
		return err
	}
	if wanted {
		receipt.Final = reply
	}
	if reply.Code/100 != 2 && reply.Code != 421 {
		return c.abandon(receipt)
	}
	return nil
}

// stream sends chunk after chunk, the first of which has been read, while the peer takes them.
func (c *Client) stream(s *chunks, receipt *Receipt) error {
	for pending := 0; ; {
		receipt.Stage = StageContent
		s.put(c)
		if err := c.flush(StageContent, c.timeouts.Block); err != nil {
			for range pending + 1 { // the answers that are on their way stand before the one that says why
				if c.farewell(receipt) {
					return nil
				}
			}
			return err
		}
		pending++
		if s.last {
			receipt.Stage = StageFinal
			return c.settle(receipt, pending)
		}
		if pending == unanswered {
			reply, err := c.read(StageContent, c.timeouts.Final)
			if err != nil {
				return err
			}
			if pending--; reply.Code/100 != 2 {
				receipt.Final = reply
				return c.settle(receipt, pending)
			}
		}
		if err := s.next(); err != nil {
			return c.fail(StageContent, err) // the last chunk never goes
		}
	}
}

// settle reads the answers to the chunks under way. The first refusal is the verdict, and what follows it is thrown away by
// the peer, and answered (RFC 3030 §2); only the answer to the last chunk accepts the message.
func (c *Client) settle(receipt *Receipt, pending int) error {
	for ; pending > 0 && receipt.Final.Code != 421; pending-- {
		reply, err := c.read(receipt.Stage, c.timeouts.Final)
		if err != nil {
			return err
		}
		if refused := reply.Code/100 != 2; receipt.Final.Code == 0 && (refused || pending == 1) {
			receipt.Final = reply
		}
	}
	if receipt.Final.Code/100 != 2 {
		return c.abandon(receipt)
	}
	return nil
}
