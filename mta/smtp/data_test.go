package smtp

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

type collector struct{ bytes.Buffer }

func (c *collector) take(b []byte) { c.Write(b) }

// decode runs the decoder over in, cut into blocks of at most size bytes.
func decode(in []byte, size int) (content []byte, used int, ended, bare bool) {
	var d dotDecoder
	var c collector
	for used < len(in) && !ended {
		n, end := d.next(in[used:min(len(in), used+size)], &c)
		used, ended = used+n, end
	}
	return c.Bytes(), used, ended, d.bare
}

// naive is the same by the letter of RFC 5321 §4.5.2, in the simplest way there is.
func naive(in []byte) (content []byte, used int, ended, bare bool) {
	text := "\r\n" + string(in) // the CRLF of the DATA command
	stop := strings.Index(text, "\r\n.\r\n")
	used = len(in)
	if ended = stop >= 0; ended {
		used = stop + 3
		text = text[:stop+2]
	}
	loose := strings.ReplaceAll(text, "\r\n", "")
	if !ended { // What is half of a line end, or of the terminator, is not judged yet.
		loose = strings.TrimSuffix(loose, "\r")
	}
	bare = strings.ContainsAny(loose, "\r\n")
	text = strings.ReplaceAll(text, "\r\n.", "\r\n")
	return []byte(text[2:]), used, ended, bare
}

// encode frames content for DATA; it ends in CRLF or is empty.
func encode(content []byte) []byte {
	text := strings.ReplaceAll("\r\n"+string(content), "\r\n.", "\r\n..")
	return []byte(text[2:] + ".\r\n")
}

func TestDotDecoder(t *testing.T) {
	cases := []struct {
		in, content, rest string
		ended, bare       bool
	}{
		{".\r\n", "", "", true, false},
		{".\r\nQUIT\r\n", "", "QUIT\r\n", true, false},
		{"a\r\n.\r\nRSET", "a\r\n", "RSET", true, false},
		{"..\r\n.\r\n", ".\r\n", "", true, false},
		{"...a\r\n.b\r\n.\r\n", "..a\r\nb\r\n", "", true, false},
		{"a.\r\n.\r\n", "a.\r\n", "", true, false},
		{"a\n.\n.\r\n", "", "", false, true},
		{"a\n.\r\nMAIL\r\n.\r\n", "", "", true, true},
		{"a\r\n.\nMAIL\r\n.\r\n", "", "", true, true},
		{"a\r.\r\n.\r\n", "", "", true, true},
		{"a\r\n.\rMAIL\r\n.\r\n", "", "", true, true},
		{"a\r\n.\r\r\n.\r\n", "", "", true, true},
		{"a\r\r\n.\r\n", "", "", true, true},
		{"\n.\r\n", "", "", false, true},
		{"a\x00b\r\n.\r\n", "a\x00b\r\n", "", true, false},
	}
	for _, c := range cases {
		for size := 1; size <= len(c.in); size++ {
			content, used, ended, bare := decode([]byte(c.in), size)
			if ended != c.ended || bare != c.bare || c.ended && c.in[used:] != c.rest {
				t.Errorf("%q by %d: used %d ended %v bare %v", c.in, size, used, ended, bare)
			}
			if !bare && ended && string(content) != c.content {
				t.Errorf("%q by %d: content %q, want %q", c.in, size, content, c.content)
			}
		}
	}
}

// TestDotRoundTrip holds decode(encode(x)) == x, for any cut into blocks, and leaves what follows alone.
func TestDotRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOf(rapid.StringMatching(`\.?[a-z. ]{0,9}`)).Draw(t, "lines")
		var content []byte
		for _, l := range lines {
			content = append(content, l+"\r\n"...)
		}
		framed := encode(content)
		got, used, ended, bare := decode(append(framed, "QUIT\r\n"...), rapid.IntRange(1, 40).Draw(t, "block"))
		if !ended || bare || used != len(framed) || !bytes.Equal(got, content) {
			t.Fatalf("%q framed %q came back %q, used %d of %d, ended %v, bare %v", content, framed, got, used, len(framed), ended, bare)
		}
	})
}

func compareNaive(t interface{ Fatalf(string, ...any) }, in []byte, size int) {
	content, used, ended, bare := decode(in, size)
	wantContent, wantUsed, wantEnded, wantBare := naive(in)
	if ended != wantEnded || used != wantUsed || ended && bare != wantBare {
		t.Fatalf("%q by %d: used %d ended %v bare %v, want %d %v %v", in, size, used, ended, bare, wantUsed, wantEnded, wantBare)
	}
	if ended && !bare && !bytes.Equal(content, wantContent) {
		t.Fatalf("%q by %d: content %q, want %q", in, size, content, wantContent)
	}
}

// slowDecoder is the dotDecoder that looks at one byte after the other.
type slowDecoder struct{ dotDecoder }

func (d *slowDecoder) next(p []byte, t taker) (n int, ended bool) {
	start := 0
	for i, c := range p {
		switch d.state {
		case atLineStart, inLine:
			first := d.state == atLineStart
			d.state = inLine
			switch {
			case first && c == '.':
				pass(t, p[start:i])
				start = i + 1
				d.state = afterDot
			case c == '\r':
				d.state = afterCR
			case c == '\n':
				d.bare = true
			}
		case afterDot:
			d.state = inLine
			switch c {
			case '\r':
				start = i + 1
				d.state = afterDotCR
			case '\n':
				d.bare = true
			}
		case afterDotCR:
			if c == '\n' {
				return i + 1, true
			}
			d.bare, d.state = true, inLine
			if c == '\r' {
				d.state = afterCR
			}
		case afterCR:
			d.state = inLine
			switch c {
			case '\n':
				d.state = atLineStart
			case '\r':
				d.bare, d.state = true, afterCR
			default:
				d.bare = true
			}
		}
	}
	pass(t, p[start:])
	return len(p), false
}

// compareSlow holds the decoder to the slow one, block by block, in all that they have come to.
func compareSlow(t interface{ Fatalf(string, ...any) }, in []byte, size int) {
	var fast dotDecoder
	var slow slowDecoder
	var got, want collector
	for used := 0; used < len(in); {
		block := in[used:min(len(in), used+size)]
		n, ended := fast.next(block, &got)
		m, over := slow.next(block, &want)
		if n != m || ended != over || fast != slow.dotDecoder || !fast.bare && !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Fatalf("%q by %d: after %d %v %+v %q, slowly %d %v %+v %q", in, size, used+n, ended, fast, got.Bytes(), used+m, over, slow.dotDecoder, want.Bytes())
		}
		if used += n; ended {
			return
		}
	}
}

func TestDotDecoderAgainstSlow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.SliceOf(rapid.SampledFrom([]byte("\r\n..a"))).Draw(t, "in")
		compareSlow(t, in, rapid.IntRange(1, 8).Draw(t, "block"))
	})
}

func TestDotDecoderAgainstNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.SliceOf(rapid.SampledFrom([]byte("\r\n..a"))).Draw(t, "in")
		compareNaive(t, in, rapid.IntRange(1, 8).Draw(t, "block"))
	})
}

func FuzzDotDecoder(f *testing.F) {
	f.Add([]byte("a\r\n..b\r\n.\r\nQUIT\r\n"), 3)
	f.Add([]byte("a\n.\r\n.\r\r\n.\r\n"), 1)
	f.Fuzz(func(t *testing.T, in []byte, size int) {
		compareNaive(t, in, 1+int(uint(size)%64))
		compareSlow(t, in, 1+int(uint(size)%64))
	})
}

func TestLineChecker(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.SliceOf(rapid.SampledFrom([]byte("\r\r\n\na"))).Draw(t, "in")
		size := rapid.IntRange(1, 8).Draw(t, "block")
		var c lineChecker
		for rest := in; len(rest) > 0; rest = rest[min(size, len(rest)):] {
			c.check(rest[:min(size, len(rest))])
		}
		c.finish()
		bare := strings.ContainsAny(strings.ReplaceAll(string(in), "\r\n", ""), "\r\n")
		open := len(in) > 0 && !bytes.HasSuffix(in, []byte("\n"))
		if c.bare != bare || !bare && c.open != open {
			t.Fatalf("%q by %d: bare %v open %v, want %v %v", in, size, c.bare, c.open, bare, open)
		}
	})
}

func BenchmarkDotDecoder(b *testing.B) {
	in := bytes.Repeat([]byte(strings.Repeat("x", 70)+"\r\n"), 114)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	var sink nothing
	for b.Loop() {
		var d dotDecoder
		d.next(in, &sink)
	}
}

type nothing struct{}

func (*nothing) take([]byte) {}
