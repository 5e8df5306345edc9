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

// binary reads everything where the input is no text but a file in DER, which begins with a SEQUENCE whose length takes
// more than one byte (X.690 §8.1.3.5); no text in UTF-8 begins so. It is empty for text, of which nothing is taken.
func (p *piped) binary(ctx context.Context) (string, error) {
	if head := p.typed.head(ctx, 2); len(head) < 2 || head[0] != 0x30 || head[1] < 0x80 {
		return "", nil
	}
	var data []byte
	for {
		b, err := p.typed.next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			return string(data), nil
		case err != nil:
			return "", err
		case len(data) == maxBlock:
			return "", errLongBlock
		}
		data = append(data, b)
	}
}
