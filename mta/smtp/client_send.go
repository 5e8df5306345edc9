package smtp

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
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

// Send carries one message. content is its octets in CRLF lines; it is opened when the peer wants it, or before where the
// peer takes it in chunks. The receipt holds what was answered, whether or not there is an error. After a refusal without
// an error the connection is ready for the next transaction, but for a peer that said 421.
func (c *Client) Send(t Transaction, content func() (io.ReadCloser, error)) (*Receipt, error) {
	receipt := &Receipt{Stage: StageMail, Rcpt: make([]Reply, len(t.To))}
	room := rooms.Get().(*room)
	between := c.out
	c.out = room.out[:0]
	err := c.send(t, content, room.block, receipt)
	room.out, c.out = c.out, between
	if cap(room.out) <= mostRoom {
		rooms.Put(room)
	}
	if receipt.closing() {
		c.broken = true
	}
	return receipt, err
}

// room is the memory of one transaction. A connection that waits has none.
type room struct {
	out   []byte
	block []byte
}

const (
	blockSize = 64 << 10 // bytes of content that are read, and written, at once
	mostRoom  = 4 * blockSize
)

// rooms are those that are not in use.
var rooms = sync.Pool{New: func() any {
	return &room{out: make([]byte, 0, blockSize+8<<10), block: make([]byte, blockSize)}
}}

func (c *Client) send(t Transaction, content func() (io.ReadCloser, error), block []byte, receipt *Receipt) error {
	if err := checkAddresses(t); err != nil {
		return err
	}
	if t.RequireTLS && !c.PromisesTLS() {
		return ErrNoRequireTLS
	}
	_, pipelining := c.offers["PIPELINING"]
	if _, ok := c.offers["CHUNKING"]; ok && pipelining {
		return c.chunked(t, content, block, receipt)
	}
	var open bool
	var err error
	if pipelining {
		open, err = c.pipelined(t, receipt)
	} else {
		open, err = c.stepwise(t, receipt)
	}
	if err != nil || !open {
		return err
	}
	return c.content(content, block, receipt)
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
	for _, a := range t.To {
		if err := CheckAddress(a); err != nil {
			return err
		}
	}
	return CheckAddress(t.From)
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

// mail buffers the MAIL command with the parameters that the peer understands.
func (c *Client) mail(t Transaction) {
	c.out = append(append(append(c.out, "MAIL FROM:<"...), t.From...), '>')
	if _, ok := c.offers["SIZE"]; ok && t.Size > 0 { // RFC 1870
		c.out = strconv.AppendInt(append(c.out, " SIZE="...), t.Size, 10)
	}
	if _, ok := c.offers["8BITMIME"]; ok && t.Body8Bit {
		c.out = append(c.out, " BODY=8BITMIME"...)
	}
	if _, ok := c.offers["SMTPUTF8"]; ok && t.UTF8 {
		c.out = append(c.out, " SMTPUTF8"...)
	}
	if t.RequireTLS {
		c.out = append(c.out, " REQUIRETLS"...)
	}
	if _, ok := c.offers["DSN"]; ok {
		c.out = append(c.out, notifyParams(t.Ret, t.EnvID)...)
	}
	c.out = append(c.out, "\r\n"...)
}

// envelope buffers MAIL and every RCPT.
func (c *Client) envelope(t Transaction) {
	c.mail(t)
	for i := range t.To {
		c.rcpt(t, i)
	}
}

// rcpt buffers the RCPT command for the ith recipient, likewise.
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
	c.envelope(t)
	c.put("DATA")
	if ok, err := c.flight(receipt); !ok {
		return false, err
	}
	if ok, err := c.answers(receipt, c.timeouts.Command); !ok {
		return false, err
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

// flight writes what begins with MAIL. It returns false where the peer takes no more; it may have said why.
func (c *Client) flight(receipt *Receipt) (ok bool, err error) {
	if err := c.flush(StageMail, c.timeouts.Command); err != nil {
		if c.farewell(receipt) {
			return false, nil
		}
		return false, err
	}
	return true, nil
}

// answers reads the answers to MAIL and to every RCPT. It returns false where the connection ends with them.
func (c *Client) answers(receipt *Receipt, limit time.Duration) (ok bool, err error) {
	if receipt.Mail, err = c.read(StageMail, limit); err != nil || receipt.Mail.Code == 421 {
		return false, err
	}
	receipt.Stage = StageRcpt
	for i := range receipt.Rcpt {
		reply, err := c.read(StageRcpt, limit)
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
	return true, nil
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
