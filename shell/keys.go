package shell

import (
	"context"
	"errors"
	"time"
	"unicode/utf8"
)

// keyKind is what a key does, apart from characters.
type keyKind int

const (
	keyRune keyKind = iota
	keyEnter
	keyTab
	keyBackspace
	keyDelete
	keyLeft
	keyRight
	keyUp
	keyDown
	keyHome
	keyEnd
	keyWordLeft
	keyWordRight
	keyKillWord     // Alt-D
	keyKillWordBack // Ctrl-W, Alt-Backspace
	keyControl      // another control character, in key.r
	keyEscape
	keyPasteBegin
	keyPasteEnd
	keyResize
	keyBad // a byte that no text holds, in key.r
	keyUnknown
)

// key is one press of a key, or one character of a paste.
type key struct {
	kind keyKind
	r    rune
}

// escapeWait is how long a byte may come after an escape for both to be one key.
const escapeWait = 50 * time.Millisecond

// pasteEnd is what a terminal sends behind a paste.
const pasteEnd = "\x1b[201~"

// maxSequence bounds an escape sequence, in bytes; the rest of a longer one is swallowed.
const maxSequence = 32

// keyReader turns the bytes of a terminal into keys.
type keyReader struct {
	typed   *typeahead
	back    []byte // read and not used yet; at most one byte
	pasting bool   // what comes now is pasted
}

func (k *keyReader) byte(ctx context.Context) (byte, error) {
	if len(k.back) > 0 {
		b := k.back[0]
		k.back = k.back[:0]
		return b, nil
	}
	return k.typed.next(ctx)
}

// read returns the next key.
func (k *keyReader) read(ctx context.Context) (key, error) {
	pressed, err := k.press(ctx)
	switch pressed.kind {
	case keyPasteBegin:
		k.pasting = true
	case keyPasteEnd:
		k.pasting = false
	}
	return pressed, err
}

func (k *keyReader) press(ctx context.Context) (key, error) {
	b, err := k.byte(ctx)
	if errors.Is(err, errResized) {
		return key{kind: keyResize}, nil
	}
	if err != nil {
		return key{}, err
	}
	switch {
	case b == 0x1b:
		return k.escape(ctx)
	case b >= utf8.RuneSelf:
		return k.rune(ctx, b)
	case b < ' ' || b == 0x7f:
		return controlKey(b), nil
	}
	return key{r: rune(b)}, nil
}

func controlKey(b byte) key {
	switch b {
	case 0:
		return key{keyBad, 0}
	case '\r', '\n':
		return key{kind: keyEnter}
	case '\t':
		return key{kind: keyTab}
	case 8, 0x7f:
		return key{kind: keyBackspace}
	case 'A' - 64:
		return key{kind: keyHome}
	case 'B' - 64:
		return key{kind: keyLeft}
	case 'E' - 64:
		return key{kind: keyEnd}
	case 'F' - 64:
		return key{kind: keyRight}
	case 'N' - 64:
		return key{kind: keyDown}
	case 'P' - 64:
		return key{kind: keyUp}
	case 'W' - 64:
		return key{kind: keyKillWordBack}
	}
	return key{keyControl, rune(b)}
}

// rune reads the rest of a character of several bytes. What is not UTF-8 is a bad key, and the byte that proved it is kept.
func (k *keyReader) rune(ctx context.Context, first byte) (key, error) {
	text := []byte{first}
	for !utf8.FullRune(text) {
		b, err := k.byte(ctx)
		if errors.Is(err, errResized) {
			continue
		}
		if err != nil {
			return key{}, err
		}
		if b < 0x80 || b >= 0xc0 {
			k.back = append(k.back[:0], b)
			return key{keyBad, rune(first)}, nil
		}
		text = append(text, b)
	}
	r, size := utf8.DecodeRune(text)
	if r == utf8.RuneError && size <= 1 {
		return key{keyBad, rune(first)}, nil
	}
	if isC1(r) {
		return key{keyControl, r}, nil
	}
	return key{r: r}, nil
}

// escape reads what follows an escape byte.
func (k *keyReader) escape(ctx context.Context) (key, error) {
	b, err := k.within(ctx)
	if err != nil {
		return key{kind: keyEscape}, ignoreWait(ctx, err)
	}
	switch b {
	case '[':
		return k.sequence(ctx)
	case 'O':
		b, err := k.within(ctx)
		if err != nil {
			return key{kind: keyUnknown}, ignoreWait(ctx, err)
		}
		return sequenceKey(nil, b), nil
	case 'b', 'B':
		return key{kind: keyWordLeft}, nil
	case 'f', 'F':
		return key{kind: keyWordRight}, nil
	case 'd', 'D':
		return key{kind: keyKillWord}, nil
	case 0x7f, 8:
		return key{kind: keyKillWordBack}, nil
	case 0x1b, ctrlC, '\r', '\n':
		k.back = append(k.back[:0], b)
		return key{kind: keyEscape}, nil
	}
	return key{kind: keyUnknown}, nil
}

// within reads a byte that belongs to an escape; it must come at once.
func (k *keyReader) within(ctx context.Context) (byte, error) {
	ctx, stop := context.WithTimeoutCause(ctx, escapeWait, errNothingFollows)
	defer stop()
	for {
		b, err := k.byte(ctx)
		if !errors.Is(err, errResized) {
			return b, err
		}
	}
}

var errNothingFollows = errors.New("nothing follows the escape")

// ignoreWait keeps only the errors that end the reading.
func ignoreWait(ctx context.Context, err error) error {
	if errors.Is(err, errNothingFollows) && ctx.Err() == nil {
		return nil
	}
	return err
}

// sequence reads a control sequence (ECMA-48 §5.4) up to its final byte.
func (k *keyReader) sequence(ctx context.Context) (key, error) {
	var params []byte
	for range 1 << 16 {
		b, err := k.within(ctx)
		if err != nil {
			return key{kind: keyUnknown}, ignoreWait(ctx, err)
		}
		if b >= 0x40 && b <= 0x7e {
			return sequenceKey(params, b), nil
		}
		if b < 0x20 || b > 0x7e {
			k.back = append(k.back[:0], b)
			return key{kind: keyUnknown}, nil
		}
		if len(params) < maxSequence {
			params = append(params, b)
		}
	}
	return key{kind: keyUnknown}, nil
}

// sequenceKey names the key of a control sequence, as xterm and its kin send them.
func sequenceKey(params []byte, final byte) key {
	modified := len(params) > 1 // ESC [ 1 ; 5 C: with Ctrl or Alt
	switch final {
	case 'A':
		return key{kind: keyUp}
	case 'B':
		return key{kind: keyDown}
	case 'C':
		if modified {
			return key{kind: keyWordRight}
		}
		return key{kind: keyRight}
	case 'D':
		if modified {
			return key{kind: keyWordLeft}
		}
		return key{kind: keyLeft}
	case 'H':
		return key{kind: keyHome}
	case 'F':
		return key{kind: keyEnd}
	case '~':
		return tildeKey(string(params))
	}
	return key{kind: keyUnknown}
}

func tildeKey(params string) key {
	switch params {
	case "1", "7":
		return key{kind: keyHome}
	case "4", "8":
		return key{kind: keyEnd}
	case "3":
		return key{kind: keyDelete}
	case "200":
		return key{kind: keyPasteBegin}
	case "201":
		return key{kind: keyPasteEnd}
	}
	return key{kind: keyUnknown}
}
