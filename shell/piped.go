package shell

import (
	"bytes"
	"context"
	"errors"
	"io"
)

// piped answers questions from lines of standard input: of a script, which sees the prompts, or of an exec request.
type piped struct {
	typed   *typeahead
	scr     *screen
	prompts bool // a script: prompts are shown, and a line feed for each line that came
}

func (p *piped) line(ctx context.Context, q prompt) (string, error) {
	if p.prompts {
		p.scr.raw(q.text)
	}
	line, err := p.read(ctx)
	if p.prompts && (err == nil || q.text != "") {
		p.scr.raw("\n")
	}
	if err != nil {
		return "", err
	}
	if bytes.IndexByte(line, ctrlC) >= 0 {
		return "", ErrInterrupted
	}
	if err := checkText(string(line)); err != nil {
		return "", err
	}
	return string(line), nil
}

// read returns the next line without its ending. A line that is too long is read to its end; checkText refuses it then.
func (p *piped) read(ctx context.Context) ([]byte, error) {
	var line []byte
	for {
		b, err := p.typed.next(ctx)
		switch {
		case errors.Is(err, errResized):
			continue
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, nil
		case err != nil:
			return nil, err
		case b == '\n', b == '\r' && p.typed.keys:
			return bytes.TrimSuffix(line, []byte("\r")), nil
		case b == 4 && p.typed.keys && len(line) == 0:
			return nil, io.EOF // Ctrl-D
		case b == ctrlC && p.typed.keys:
			return nil, ErrInterrupted
		}
		if len(line) <= maxLine {
			line = append(line, b)
		}
	}
}
