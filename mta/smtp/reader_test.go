package smtp

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// pieces gives out what it holds, so much at each read.
type pieces struct {
	text  []byte
	sizes []int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.text) == 0 {
		return 0, io.EOF
	}
	size := len(b)
	if len(p.sizes) > 0 {
		size, p.sizes = min(size, p.sizes[0]), p.sizes[1:]
	}
	n := copy(b[:size], p.text)
	p.text = p.text[n:]
	return n, nil
}

// TestReader takes lines and blocks in any order from a text that comes in any pieces: nothing is lost, doubled or moved.
func TestReader(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOf(rapid.SampledFrom([]string{"", "NOOP", strings.Repeat("x", 300), strings.Repeat("y", fewBytes-1), strings.Repeat("z", 3000), strings.Repeat("w", 20000)}))
		text := []byte(strings.Join(append(lines.Draw(t, "lines"), ""), "\n"))
		sizes := rapid.SliceOf(rapid.SampledFrom([]int{1, 7, 500, 512, 513, 9000, 100000})).Draw(t, "sizes")
		r := reader{from: &pieces{text, sizes}}
		defer r.release()
		rest := text
		for {
			var got []byte
			var err error
			if rapid.Bool().Draw(t, "line") {
				got, err = r.line()
				want := bytes.IndexByte(rest, '\n') + 1
				if errors.Is(err, errFull) {
					if len(got) < readBuffer || bytes.IndexByte(got, '\n') >= 0 {
						t.Fatalf("%d bytes are too long a line", len(got))
					}
				} else if err == nil && len(got) != want {
					t.Fatalf("a line of %d bytes, want %d", len(got), want)
				}
			} else if got, err = r.block(); err == nil {
				got = r.take(rapid.IntRange(1, len(got)).Draw(t, "used"))
			}
			if err != nil && !errors.Is(err, errFull) {
				break
			}
			if !bytes.HasPrefix(rest, got) {
				t.Fatalf("%.50q where %.50q is due", got, rest)
			}
			rest = rest[len(got):]
		}
		if len(rest) > 0 && bytes.HasSuffix(rest, []byte("\n")) {
			t.Fatalf("%d bytes are missing", len(rest))
		}
	})
}

// TestReaderAtRest wants no buffer held while a command is waited for, and large ones only for what is long.
func TestReaderAtRest(t *testing.T) {
	long := strings.Repeat("content\n", 20000)
	r := reader{from: &pieces{text: []byte("DATA\n" + long), sizes: []int{5}}}
	if line, err := r.line(); err != nil || string(line) != "DATA\n" || len(r.buf) != fewBytes {
		t.Fatalf("%q, %v in a buffer of %d", line, err, len(r.buf))
	}
	var sizes []int
	for range 4 {
		block, err := r.block()
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, len(r.take(len(block))))
	}
	if sizes[0] != readBuffer || sizes[1] != bulkBuffer || sizes[2] != bulkBuffer || sizes[3] >= bulkBuffer {
		t.Errorf("blocks of %d", sizes)
	}
	r.from = &pieces{text: []byte("QUIT\n")}
	if line, err := r.line(); err != nil || string(line) != "QUIT\n" || len(r.buf) != fewBytes {
		t.Errorf("%q, %v in a buffer of %d", line, err, len(r.buf))
	}
}
