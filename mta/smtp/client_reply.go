package smtp

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	maxReplyLine  = 4096 // bytes; RFC 5321 §4.5.3.1.5 allows 512, some peers say more
	maxReplyLines = 256
)

// ErrReply says that the peer's answer is not an SMTP reply.
var ErrReply = errors.New("not an SMTP reply")

// readReply reads one reply, of one line or several, from the network. A connection that ends before the reply does is
// io.EOF at its beginning and io.ErrUnexpectedEOF within it.
func readReply(r *bufio.Reader) (Reply, error) {
	var reply Reply
	for {
		line, err := replyLine(r)
		if err != nil {
			if err == io.EOF && len(reply.Lines) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return Reply{}, err
		}
		code, text, more, err := parseReplyLine(line)
		if err != nil {
			return Reply{}, err
		}
		if reply.Code != 0 && code != reply.Code {
			return Reply{}, fmt.Errorf("%w: code %d within a reply %d", ErrReply, code, reply.Code)
		}
		reply.Code = code
		reply.Lines = append(reply.Lines, text)
		if !more {
			break
		}
		if len(reply.Lines) >= maxReplyLines {
			return Reply{}, fmt.Errorf("%w: more than %d lines", ErrReply, maxReplyLines)
		}
	}
	reply.takeEnhanced()
	return reply, nil
}

// replyLine reads one line without its end. A bare LF is taken for a line end, as many peers do. The line is good until the
// next read.
func replyLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if err == nil {
		return withoutEnd(line), nil
	}
	line = bytes.Clone(line)
	for {
		switch {
		case err == nil:
			return withoutEnd(line), nil
		case err == bufio.ErrBufferFull && len(line) < maxReplyLine:
		case err == bufio.ErrBufferFull:
			return nil, fmt.Errorf("%w: line of more than %d bytes", ErrReply, maxReplyLine)
		case err == io.EOF && len(line) > 0:
			return nil, io.ErrUnexpectedEOF
		default:
			return nil, err
		}
		var part []byte
		part, err = r.ReadSlice('\n')
		line = append(line, part...)
	}
}

// withoutEnd cuts off the end of a line.
func withoutEnd(line []byte) []byte {
	n := len(line)
	for n > 0 && (line[n-1] == '\n' || line[n-1] == '\r') {
		n--
	}
	return line[:n]
}

// parseReplyLine takes a line apart (RFC 5321 §4.2): a code from 200 to 599, then a hyphen where more lines follow, or
// a blank, or nothing.
func parseReplyLine(line []byte) (code int, text string, more bool, err error) {
	if len(line) < 3 {
		return 0, "", false, fmt.Errorf("%w: %q", ErrReply, clip(line))
	}
	for _, b := range line[:3] {
		if b < '0' || b > '9' {
			return 0, "", false, fmt.Errorf("%w: %q", ErrReply, clip(line))
		}
		code = code*10 + int(b-'0')
	}
	if code < 200 || code > 599 {
		return 0, "", false, fmt.Errorf("%w: %q", ErrReply, clip(line))
	}
	if len(line) == 3 {
		return code, "", false, nil
	}
	if line[3] != ' ' && line[3] != '-' {
		return 0, "", false, fmt.Errorf("%w: %q", ErrReply, clip(line))
	}
	return code, string(line[4:]), line[3] == '-', nil
}

// clip is the beginning of a line, for an error.
func clip(line []byte) []byte { return line[:min(len(line), 80)] }

// takeEnhanced moves the enhanced status code from the lines into its field, if the class agrees with the code
// (RFC 2034 §3).
func (r *Reply) takeEnhanced() {
	code, _ := cutEnhanced(r.Lines[0])
	if code == "" || int(code[0]-'0') != r.Code/100 {
		return
	}
	r.Enhanced = code
	for i, line := range r.Lines {
		if c, rest := cutEnhanced(line); c == code {
			r.Lines[i] = rest
		}
	}
}

// cutEnhanced splits "5.7.1 text"; code is empty where the line does not begin with an enhanced status code.
func cutEnhanced(line string) (code, rest string) {
	code, rest, _ = strings.Cut(line, " ")
	if len(code) < 5 || code[1] != '.' || code[0] != '2' && code[0] != '4' && code[0] != '5' {
		return "", line
	}
	subject, detail, _ := strings.Cut(code[2:], ".")
	if !upToThreeDigits(subject) || !upToThreeDigits(detail) {
		return "", line
	}
	return code, rest
}

func upToThreeDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 3
}
