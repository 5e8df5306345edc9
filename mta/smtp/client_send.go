package smtp

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Transaction is one message on its way. Addresses are without angle brackets and hold no control byte or blank
// outside quotes; Send refuses others.
type Transaction struct {
	From     string // "" is the null sender
	To       []string
	Size     int64 // bytes; 0: unknown
	Body8Bit bool  // the content is not pure ASCII
	UTF8     bool  // the message needs SMTPUTF8

	// RequireTLS says that every hop from here on has to use TLS and prove itself (RFC 8689 §2). Send refuses it where the
	// peer did not offer REQUIRETLS under TLS.
	RequireTLS bool

	// Ret, EnvID and Wishes are what the sender says of notifications (RFC 3461 §4). They are sent to a peer that offers DSN,
	// and to no other (§5.2.2).
	Ret, EnvID string
	Wishes     []Wishes // in the order of To; nil: none for any
}

// Receipt is what the peer answered. A Reply whose Code is 0 did not come.
type Receipt struct {
	Mail  Reply
	Rcpt  []Reply // in the order of the recipients; those behind a MAIL that was refused stay empty
	Data  Reply
	Final Reply
	Stage Stage // how far the transaction came
}

// Accepted says whether the peer took the message for the ith recipient.
func (r *Receipt) Accepted(i int) bool { return r.Final.Code/100 == 2 && r.Rcpt[i].Code/100 == 2 }

// any says whether some recipient was accepted.
func (r *Receipt) any() bool {
	for i := range r.Rcpt {
		if r.Rcpt[i].Code/100 == 2 {
			return true
		}
	}
	return false
}

// Send carries one message. content is its octets in CRLF lines; it is read only when the peer wants it. The receipt
// holds what was answered, whether or not there is an error. After a refusal without an error the connection is ready
// for the next transaction, but for a peer that said 421.
func (c *Client) Send(t Transaction, content func() (io.ReadCloser, error)) (*Receipt, error) {
	receipt := &Receipt{Stage: StageMail, Rcpt: make([]Reply, len(t.To))}
	err := c.send(t, content, receipt)
	if receipt.closing() {
		c.broken = true
	}
	return receipt, err
}

func (c *Client) send(t Transaction, content func() (io.ReadCloser, error), receipt *Receipt) error {
	if err := checkAddresses(t); err != nil {
		return err
	}
	if t.RequireTLS && !c.PromisesTLS() {
		return ErrNoRequireTLS
	}
	var open bool
	var err error
	if _, ok := c.offers["PIPELINING"]; ok {
		open, err = c.pipelined(t, receipt)
	} else {
		open, err = c.stepwise(t, receipt)
	}
	if err != nil || !open {
		return err
	}
	return c.content(content, receipt)
}

// ErrAddress says that an address cannot stand in a command.
var ErrAddress = errors.New("address cannot be sent")

// ErrNoRequireTLS says that a message which requires TLS was to be sent to a peer that does not promise it.
var ErrNoRequireTLS = errors.New("the peer does not offer REQUIRETLS under TLS")

// PromisesTLS says that the peer offers REQUIRETLS, and does so under TLS: what it says in clear may be anybody's words
// (RFC 8689 §2).
func (c *Client) PromisesTLS() bool {
	_, ok := c.offers["REQUIRETLS"]
	return ok && c.encrypted
}

// CheckAddress says whether an address can stand in a command: ErrAddress for one with control bytes, or with a blank
// or angle bracket outside quotes.
func CheckAddress(address string) error {
	quoted := strings.HasPrefix(address, `"`)
	for i := 0; i < len(address); i++ {
		if b := address[i]; b < ' ' || b == 0x7f || (!quoted && strings.IndexByte(" <>", b) >= 0) {
			return fmt.Errorf("%w: %q", ErrAddress, address)
		}
	}
	return nil
}

func checkAddresses(t Transaction) error {
	for _, a := range append([]string{t.From}, t.To...) {
		if err := CheckAddress(a); err != nil {
			return err
		}
	}
	return nil
}

// abandon ends a transaction that did not come to its content. A peer that said 421 or refused MAIL has none open.
func (c *Client) abandon(receipt *Receipt) error {
	if receipt.Mail.Code/100 != 2 || receipt.closing() {
		return nil
	}
	_, err := c.Reset()
	return err
}

// closing says that the peer announced the end of the connection (RFC 5321 §3.8).
func (r *Receipt) closing() bool {
	for _, reply := range r.Rcpt {
		if reply.Code == 421 {
			return true
		}
	}
	return r.Mail.Code == 421 || r.Data.Code == 421 || r.Final.Code == 421
}

// mail is the MAIL command with the parameters that the peer understands.
func (c *Client) mail(t Transaction) {
	params := ""
	if _, ok := c.offers["SIZE"]; ok {
		params += sizeParam(t.Size)
	}
	if _, ok := c.offers["8BITMIME"]; ok && t.Body8Bit {
		params += " BODY=8BITMIME"
	}
	if _, ok := c.offers["SMTPUTF8"]; ok && t.UTF8 {
		params += " SMTPUTF8"
	}
	if t.RequireTLS {
		params += " REQUIRETLS"
	}
	if _, ok := c.offers["DSN"]; ok {
		params += notifyParams(t.Ret, t.EnvID)
	}
	c.put("MAIL FROM:<", t.From, ">", params)
}

// rcpt is the RCPT command for the ith recipient, likewise.
func (c *Client) rcpt(t Transaction, i int) {
	params := ""
	if _, ok := c.offers["DSN"]; ok && i < len(t.Wishes) {
		params = t.Wishes[i].params()
	}
	c.put("RCPT TO:<", t.To[i], ">", params)
}

// pipelined sends everything up to DATA in one go and then reads the answers (RFC 2920). It returns whether the peer
// waits for the content.
func (c *Client) pipelined(t Transaction, receipt *Receipt) (open bool, err error) {
	// Many recipients are more than the buffer holds: what is written early needs a deadline of its own.
	c.conn.SetWriteDeadline(time.Now().Add(c.timeouts.Command))
	c.mail(t)
	for i := range t.To {
		c.rcpt(t, i)
	}
	c.put("DATA")
	if err := c.flush(StageMail, c.timeouts.Command); err != nil {
		if c.farewell(receipt) {
			return false, nil
		}
		return false, err
	}
	if receipt.Mail, err = c.read(StageMail, c.timeouts.Command); err != nil || receipt.Mail.Code == 421 {
		return false, err
	}
	receipt.Stage = StageRcpt
	for i := range t.To {
		reply, err := c.read(StageRcpt, c.timeouts.Command)
		if err != nil {
			return false, err
		}
		// Behind a MAIL that was refused the answers to RCPT say nothing about the recipients.
		if receipt.Mail.Code/100 == 2 || reply.Code == 421 {
			receipt.Rcpt[i] = reply
		}
		if reply.Code == 421 {
			return false, nil
		}
	}
	receipt.Stage = StageData
	if receipt.Data, err = c.read(StageData, c.timeouts.Data); err != nil {
		return false, err
	}
	if receipt.Data.Code != 354 {
		return false, c.abandon(receipt)
	}
	if receipt.Mail.Code/100 == 2 && receipt.any() {
		return true, nil
	}
	return false, c.nothing(receipt)
}

// nothing sends no content to a peer that wants it for a message without recipients (RFC 2920 §3.1). Its answer is
// about nothing.
func (c *Client) nothing(receipt *Receipt) error {
	receipt.Data = Reply{}
	c.put(".")
	if err := c.flush(StageData, c.timeouts.Command); err != nil {
		return err
	}
	_, err := c.read(StageData, c.timeouts.Final)
	return err
}

// stepwise waits for each answer before the next command.
func (c *Client) stepwise(t Transaction, receipt *Receipt) (open bool, err error) {
	c.mail(t)
	if err := c.flush(StageMail, c.timeouts.Command); err != nil {
		return false, err
	}
	if receipt.Mail, err = c.read(StageMail, c.timeouts.Command); err != nil || receipt.Mail.Code/100 != 2 {
		return false, err
	}
	receipt.Stage = StageRcpt
	for i := range t.To {
		c.rcpt(t, i)
		if err := c.flush(StageRcpt, c.timeouts.Command); err != nil {
			return false, err
		}
		reply, err := c.read(StageRcpt, c.timeouts.Command)
		if err != nil {
			return false, err
		}
		if receipt.Rcpt[i] = reply; reply.Code == 421 {
			return false, nil
		}
	}
	if !receipt.any() {
		return false, c.abandon(receipt)
	}
	receipt.Stage = StageData
	if receipt.Data, err = c.commandWithin(StageData, "DATA", c.timeouts.Data); err != nil {
		return false, err
	}
	if receipt.Data.Code != 354 {
		return false, c.abandon(receipt)
	}
	return true, nil
}

// content sends the message and reads the peer's verdict.
func (c *Client) content(open func() (io.ReadCloser, error), receipt *Receipt) error {
	receipt.Stage = StageContent
	body, err := open()
	if err != nil {
		return c.fail(StageContent, fmt.Errorf("%w: %w", ErrContent, err))
	}
	defer body.Close()
	if err := c.copy(body); err != nil {
		// A peer that refuses the content half-way says why before it closes.
		if !errors.Is(err, ErrContent) && c.farewell(receipt) {
			return nil
		}
		return err
	}
	receipt.Stage = StageFinal
	receipt.Final, err = c.read(StageFinal, c.timeouts.Final)
	return err
}

// farewell reads what a peer said before it stopped listening. It returns false if there is no refusal to be read.
func (c *Client) farewell(receipt *Receipt) bool {
	reply, err := c.read(receipt.Stage, time.Second)
	if err != nil || reply.Code < 400 {
		return false
	}
	if receipt.Stage == StageMail {
		receipt.Mail = reply
	} else {
		receipt.Final = reply
	}
	return true
}

// copy writes the content with its leading dots doubled, and the final dot (RFC 5321 §4.5.2). Every block has its own
// time: a message may take as long as it needs while it moves.
func (c *Client) copy(body io.Reader) error {
	block := make([]byte, 16<<10)
	stuff := dotStuffer{last: crlfEnd}
	for {
		n, err := body.Read(block)
		if n > 0 {
			c.conn.SetWriteDeadline(time.Now().Add(c.timeouts.Block))
			if err := stuff.write(c.w, block[:n]); err != nil {
				return c.fail(StageContent, err)
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return c.fail(StageContent, fmt.Errorf("%w: %w", ErrContent, err))
		}
	}
	if stuff.last != crlfEnd {
		c.w.WriteString("\r\n")
	}
	c.w.WriteString(".\r\n")
	return c.flush(StageContent, c.timeouts.Block)
}

// lineEnd is what the content so far ends with.
type lineEnd uint8

const (
	noEnd   lineEnd = iota // something within a line
	crEnd                  // a CR
	lfEnd                  // a bare LF
	crlfEnd                // CRLF, or nothing yet
)

// dotStuffer doubles the dot at the beginning of a line. A bare LF counts as a line end here, as some peers see it as
// one: no content may end the message early there.
type dotStuffer struct {
	last lineEnd
}

func (d *dotStuffer) write(w io.Writer, p []byte) error {
	from := 0
	for i, b := range p {
		if b == '.' && d.last >= lfEnd {
			if _, err := w.Write(p[from:i]); err != nil {
				return err
			}
			if _, err := w.Write(dot); err != nil {
				return err
			}
			from = i
		}
		d.last = d.last.then(b)
	}
	_, err := w.Write(p[from:])
	return err
}

// then is what the content ends with when b follows.
func (e lineEnd) then(b byte) lineEnd {
	switch {
	case b == '\r':
		return crEnd
	case b == '\n' && e == crEnd:
		return crlfEnd
	case b == '\n':
		return lfEnd
	default:
		return noEnd
	}
}

// dot is never written to.
var dot = []byte{'.'}
