package inbound

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// pass sends content through a header reader in blocks of at most size bytes.
func pass(t interface{ Fatal(...any) }, in string, size, maxHops int) (*header, string, error) {
	var out bytes.Buffer
	h := &header{out: &out, maxHops: maxHops, add: func(b []byte, date, id bool) []byte {
		if date {
			b = append(b, "Date: now\r\n"...)
		}
		if id {
			b = append(b, "Message-ID: <made@here>\r\n"...)
		}
		return b
	}}
	for rest := []byte(in); len(rest) > 0; rest = rest[min(size, len(rest)):] {
		if err := h.write(rest[:min(size, len(rest))]); err != nil {
			return h, out.String(), err
		}
	}
	if err := h.finish(); err != nil {
		t.Fatal(err)
	}
	return h, out.String(), nil
}

func TestHeader(t *testing.T) {
	const full = "Date: x\r\nMessage-ID: <a@b>\r\n"
	long := "X: " + strings.Repeat("y", 5000) + "\r\n"
	cases := []struct{ name, in, out, id, subject string }{
		{"whole", full + "Subject: hi\r\n\r\nbody\r\n", full + "Subject: hi\r\n\r\nbody\r\n", "<a@b>", "hi"},
		{"nothing missing but a body", full, full, "<a@b>", ""},
		{"no date", "message-id : <a@b>\r\n\r\nb\r\n", "message-id : <a@b>\r\nDate: now\r\n\r\nb\r\n", "<a@b>", ""},
		{"no id", "DATE: x\r\n\r\nb\r\n", "DATE: x\r\nMessage-ID: <made@here>\r\n\r\nb\r\n", "<made@here>", ""},
		{"empty", "", "Date: now\r\nMessage-ID: <made@here>\r\n", "<made@here>", ""},
		{"body only", "\r\nbody\r\n", "Date: now\r\nMessage-ID: <made@here>\r\n\r\nbody\r\n", "<made@here>", ""},
		{"no header at all", "hello there\r\nSubject: no\r\n", "Date: now\r\nMessage-ID: <made@here>\r\n\r\nhello there\r\nSubject: no\r\n", "<made@here>", ""},
		{"no empty line", full + "body here\r\n", full + "\r\nbody here\r\n", "<a@b>", ""},
		{"blank first", " x\r\n", "Date: now\r\nMessage-ID: <made@here>\r\n\r\n x\r\n", "<made@here>", ""},
		{"folded", full + "Subject: a\r\n b\r\n\tc\r\n\r\n", full + "Subject: a\r\n b\r\n\tc\r\n\r\n", "<a@b>", "a b\tc"},
		{"encoded", full + "Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\r\n\r\n", full + "Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\r\n\r\n", "<a@b>", "grüße"},
		{"unknown charset", full + "Subject: =?x-y?q?a?=\r\n\r\n", full + "Subject: =?x-y?q?a?=\r\n\r\n", "<a@b>", "=?x-y?q?a?="},
		{"the first counts", full + "Subject: a\r\nSubject: b\r\n c\r\n\r\n", full + "Subject: a\r\nSubject: b\r\n c\r\n\r\n", "<a@b>", "a"},
		{"long line", full + long + "Subject: a\r\n\r\n", full + long + "Subject: a\r\n\r\n", "<a@b>", "a"},
		{"long line without a name", full + long[3:] + "\r\n", full + "\r\n" + long[3:] + "\r\n", "<a@b>", ""},
		{"line of blanks", full + "  \r\nb: c\r\n\r\n", full + "  \r\nb: c\r\n\r\n", "<a@b>", ""},
	}
	for _, c := range cases {
		for _, size := range []int{1, 3, 999, 1000, 1001, 100000} {
			h, out, err := pass(t, c.in, size, 0)
			if err != nil || out != c.out || h.messageID() != c.id || h.subject() != c.subject {
				t.Errorf("%s by %d: %q id %q subject %q %v", c.name, size, out, h.messageID(), h.subject(), err)
			}
		}
	}
}

func TestHops(t *testing.T) {
	in := strings.Repeat("Received: x\r\n y\r\n", 3) + "\r\nReceived: in the body\r\n"
	if h, _, err := pass(t, in, 7, 3); err != nil || h.hops != 3 {
		t.Error(h.hops, err)
	}
	if _, _, err := pass(t, in, 7, 2); !errors.Is(err, errLoop) {
		t.Error(err)
	}
}

func TestEightBit(t *testing.T) {
	for _, c := range []struct {
		in          string
		eight, wide bool
	}{
		{"A: b\r\n\r\nplain\r\n", false, false},
		{"A: b\r\n\r\nbäh\r\n", true, false},
		{"A: ä\r\n\r\nb\r\n", true, true},
		{"A: " + strings.Repeat("b", 3000) + "ä\r\n\r\n", true, true},
	} {
		for _, size := range []int{1, 8, 2000, 10000} {
			if h, _, _ := pass(t, c.in, size, 0); h.eight != c.eight || h.eightHeader != c.wide {
				t.Errorf("%.20q by %d: %v %v", c.in, size, h.eight, h.eightHeader)
			}
		}
	}
}

// headerIsStable says that the result does not depend on the blocks, that nothing of the content is lost, and that
// what comes out passes unchanged through a second host.
func headerIsStable(t interface {
	Fatalf(string, ...any)
	Fatal(...any)
}, in string, size int) {
	h, out, _ := pass(t, in, size, 0)
	whole, again, _ := pass(t, in, len(in)+1, 0)
	if out != again || fmt.Sprint(h.fields) != fmt.Sprint(whole.fields) {
		t.Fatalf("%q by %d: %q, whole %q", in, size, out, again)
	}
	if added := len(out) - len(in); added < 0 || added > len("Date: now\r\nMessage-ID: <made@here>\r\n\r\n") {
		t.Fatalf("%q became %q", in, out)
	}
	if _, second, _ := pass(t, out, size, 0); second != out {
		t.Fatalf("%q became %q, and then %q", in, out, second)
	}
}

func TestHeaderBlocks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		line := rapid.SampledFrom([]string{"", "Date: x", "Subject: y", " more", "Message-ID: <z>", "no field", ":", "a:", "\t", "Received: q"})
		in := strings.Join(append(rapid.SliceOf(line).Draw(t, "lines"), ""), "\r\n")
		headerIsStable(t, in, rapid.IntRange(1, 30).Draw(t, "block"))
	})
}

func FuzzHeader(f *testing.F) {
	f.Add("Date: x\r\nSubject: =?utf-8?b?YQ==?=\r\n y\r\n\r\nbody\r\n", 3)
	f.Add("no header\r\n", 1)
	f.Add("Subject: "+strings.Repeat("long", 400)+"\r\n", 21)
	f.Fuzz(func(t *testing.T, in string, size int) {
		in = strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(in, "\r\n", "\n"), "\r", ""), "\n", "\r\n")
		if in != "" && !strings.HasSuffix(in, "\r\n") {
			in += "\r\n" // as every message does that has come through DATA or BDAT
		}
		headerIsStable(t, in, 1+int(uint(size)%200))
	})
}

// BenchmarkHas8bit looks at the content of a small message.
func BenchmarkHas8bit(b *testing.B) {
	p := bytes.Repeat([]byte("abcdefgh"), 512)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		has8bit(p)
	}
}
