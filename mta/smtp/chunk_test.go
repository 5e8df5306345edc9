package smtp

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// chunked frames content as BDAT chunks that end at the cuts.
func chunked(content string, cuts []int) string {
	var b strings.Builder
	for _, cut := range cuts {
		cut %= len(content) + 1
		fmt.Fprintf(&b, "BDAT %d\r\n%s", cut, content[:cut])
		content = content[cut:]
	}
	fmt.Fprintf(&b, "BDAT %d LAST\r\n%s", len(content), content)
	return b.String()
}

// holdsChunks sends content in chunks, and wants it whole and the command behind it obeyed, or refused for a bare CR
// or LF; cut short anywhere it must never be accepted.
func holdsChunks(t interface {
	Fatalf(string, ...any)
	Errorf(string, ...any)
}, content string, cuts []int, size, short int) {
	o := testOptions
	o.MaxMessageSize = 0
	framed := chunked(content, cuts)
	r := &recorder{tb: t}
	out, end := play(o, r, size, toRcpt+framed+"QUIT\r\n")
	want := content
	if want != "" && !strings.HasSuffix(want, "\n") {
		want += "\r\n"
	}
	bare := strings.ContainsAny(strings.ReplaceAll(content, "\r\n", ""), "\r\n")
	if end != EndQuit || bare != (len(r.messages) == 0) || !bare && r.messages[0] != want {
		t.Fatalf("%q in %q: end %d, messages %q, said %q", content, framed, end, r.messages, out)
	}
	r = &recorder{tb: t}
	play(o, r, size, toRcpt+framed[:short%len(framed)])
	if len(r.messages) > 0 {
		t.Fatalf("%q cut short at %d is accepted", framed, short%len(framed))
	}
}

func TestChunks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		content := strings.Join(rapid.SliceOf(rapid.SampledFrom([]string{"a", "\r\n", ".", "\r\n.\r\n", "\r", "\n", "QUIT\r\n"})).Draw(t, "content"), "")
		if strings.HasSuffix(content, "\r\n") || content == "" {
			content += "z" // so that what is cut short misses something
		}
		cuts := rapid.SliceOfN(rapid.IntRange(0, 10), 0, 5).Draw(t, "cuts")
		holdsChunks(t, content, cuts, rapid.IntRange(1, 20).Draw(t, "block"), rapid.IntRange(0, 1000).Draw(t, "short"))
	})
}

func FuzzChunks(f *testing.F) {
	f.Add("a\r\n.\r\nQUIT\r\n", []byte{3, 0, 2}, 5, 9)
	f.Add("a\nb", []byte{1}, 1, 2)
	f.Fuzz(func(t *testing.T, content string, at []byte, size, short int) {
		if len(content) > 1<<16 || len(at) > 100 {
			return
		}
		var cuts []int
		for _, c := range at {
			cuts = append(cuts, int(c))
		}
		holdsChunks(t, content+"z", cuts, 1+int(uint(size)%100), int(uint(short)%(1<<20)))
	})
}
