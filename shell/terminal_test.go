package shell

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// typedLine types at the main prompt and returns the line that the shell understood, by way of the command say.
func typedLine(t *testing.T, typed string) string {
	t.Helper()
	opts := testOptions()
	got := ""
	opts.Table = append(opts.Table, &Command{Name: "take", Run: func(_ context.Context, _ *Session, args []string) error {
		got = strings.Join(args, " ")
		return nil
	}, Complete: func(*Session, []string) []string { return []string{"InboundMail", "Inbox", "Other"} }})
	RunTyped(t.Context(), opts, typed, 80, 24)
	return got
}

func TestEditing(t *testing.T) {
	tests := []struct{ name, typed, want string }{
		{"plain", "take abc\r", "abc"},
		{"line feed", "take abc\n", "abc"},
		{"backspace", "take abx\x7fc\r", "abc"},
		{"left and insert", "take ac\x1b[Db\r", "abc"},
		{"home", "ke abc\x01ta\r", "abc"},
		{"home key", "ke abc\x1b[Hta\r", "abc"},
		{"end key", "take ab\x1b[1~\x1b[4~c\r", "abc"},
		{"application keys", "take ac\x1bODb\r", "abc"},
		{"delete", "take abbc\x1b[D\x1b[D\x1b[3~\r", "abc"},
		{"ctrl-d deletes", "take abbc\x02\x02\x04\r", "abc"},
		{"kill word", "take xyz\x17abc\r", "abc"},
		{"kill to the end", "take abcd ef\x1bb\x0b\x7f\x7f\r", "abc"},
		{"kill and yank", "abc\x15take \x19\r", "abc"},
		{"word motion", "take a c\x1bb\x1b[1;5D\x1bf\x0bbc\r", "abc"},
		{"swap", "take acb\x14\r", "abc"},
		{"ctrl-c forgets the line", "nothing\x03take abc\r", "abc"},
		{"UTF-8", "take äöü日本\x7f\r", "äöü日"},
		{"paste", "\x1b[200~take a\tb\x1b[201~\r", "a b"},
		{"history", "take abc\rversion\r\x1b[A\x1b[A\x7fd\r", "abd"},
		{"history down", "take abc\rversion\rtake x\x10\x0e\r", "x"},
		{"search", "take abc\rtake xyz\rversion\r\x12abc\r", "abc"},
		{"search again", "take a1\rtake a2\rversion\r\x12take\x12\r", "a1"},
		{"search and edit", "take abc\rversion\r\x12abc\x05d\r", "abcd"},
		{"search cancelled", "take abc\rtake xyz\r\x12abc\x07take k\r", "k"},
		{"complete a command", "tak\tabc\r", "abc"},
		{"complete an argument", "take ot\t\r", "Other"},
		{"complete as far as it goes", "take i\tx\r", "Inbox"},
		{"over a combining character", "take e\u0301x\x1b[D\x1b[D\x1b[3~y\r", "yx"},
		{"rub out a combining character", "take xe\u0301\x7f\r", "x"},
		{"ctrl-z", "take ab\x1ac\r", "abc"},
		{"control characters beyond ASCII", "take a\u009b2Jb\u0083\u0085c\r", "a2Jbc"},
		{"unknown keys", "take \x1b[25~\x1b[<0;1;1Ma\x1bOPb\x1b[1;2Zc\r", "abc"},
		{"long", "take " + strings.Repeat("x", 60000) + "\r", strings.Repeat("x", 60000)},
		{"too long", "take " + strings.Repeat("x", 70000) + "\rtake abc\r", "abc"},
		{"NUL", "take a\x00b\rtake abc\r", "abc"},
		{"1 MB", "take " + strings.Repeat("x", 1<<20) + "\rtake abc\r", "abc"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := typedLine(t, tt.typed); got != tt.want {
				t.Errorf("got %.80q, want %.80q", got, tt.want)
			}
		})
	}
}

func TestTerminalScreen(t *testing.T) {
	const p = "mail.example.com> "
	tests := []struct{ name, typed, want string }{
		{"exit", "q\r", "\n" + p + "q"},
		{"ctrl-d", "\x04", "\n" + strings.TrimSpace(p)},
		{"ctrl-c", "abc\x03q\r", "\n" + p + "abc^C\n\n" + p + "q"},
		{"fault", "a\x00b\rq\r", "\n" + p + "ab\nInvalid line: a NUL byte is not accepted; the line was not used.\n\n" + p + "q"},
		{"not UTF-8", "a\xffb\rq\r", "\n" + p + "ab\nInvalid line: the byte 0xff is not UTF-8; the line was not used.\n\n" + p + "q"},
		{"secret", "secret\rab\x7fc\rq\r", "\n" + p + "secret\nPassphrase:\nIt has 2 bytes\n\n" + p + "q"},
		{"ctrl-c in a dialogue", "rename\rmx1\r\x03rename\r\x03q\r", "\n" + p + "rename\nNew name:\n[mail.example.com]> mx1\n^C\n\n" +
			p + "rename\n^C\n\n" + p + "q"},
		{"ctrl-d in a dialogue", "rename\r\x04q\r", "\n" + p + "rename\nNew name:\n[mail.example.com]>\n\n" + p + "q"},
		{"wrong answers", "rename\ra\rb\rc\rd\re\rq\r", "\n" + p + "rename" + wrongs + "\nError: 5 wrong answers in a row; the command ends and nothing is changed.\n\n" + p + "q"},
		{"a paste after a wrong answer", "\x1b[200~rename\ra\rmx2\ry\rversion\r\x1b[201~mx1\r\x03q\r", "\n" + p + "rename\nNew name:\n[mail.example.com]> a\n" +
			"Invalid answer \"a\": enter at least three letters.\nThe rest of what was pasted is not used.\nNew name:\n[mail.example.com]> mx1\n^C\n\n" + p + "q"},
		{"a paste that ends with a wrong answer", "rename\r\x1b[200~a\r\x1b[201~mx1\r\x03q\r", "\n" + p + "rename\nNew name:\n[mail.example.com]> a\n" +
			"Invalid answer \"a\": enter at least three letters.\nNew name:\n[mail.example.com]> mx1\n^C\n\n" + p + "q"},
		{"exit asks", "rename\rmx1\ry\rexit\r\rexit\ry\r", "\n" + p + "rename\nNew name:\n[mail.example.com]> mx1\nAre you sure? [N]> y\nNow mx1\n\n" +
			p + "exit\n" + sure + "\n\n" + p + "exit\n" + sure + " y"},
		{"menu fails and comes again", "menu\rfail\r\rq\r", "\n" + p + "menu\nCount is 0" + menu0 + "fail\nUnable to do that.\nCount is 0" + strings.TrimRight(menu0, " ") + "\n\n" + p + "q"},
		{"completion lists", "co\t\t\x15s\t\t\x15q\r", "\n" + p + "s\nsay      secret   set      suspend\n" + p + "q"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := newVT(80, RunTyped(t.Context(), testOptions(), tt.typed, 80, 24)).String()
			if got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

const sure = "Configuration changes entered but not committed. Exiting will lose changes.\nType 'commit' at the command prompt to commit changes.\nAre you sure you wish to exit? [N]>"

var wrongs = func() (s string) {
	for _, a := range "abcde" {
		s += fmt.Sprintf("\nNew name:\n[mail.example.com]> %c\nInvalid answer %q: enter at least three letters.", a, string(a))
	}
	return s
}()

// TestRedraw types at random and compares the screen with what the line is, at several widths.
func TestRedraw(t *testing.T) {
	keys := []string{"a", "b", "ä", "日", " ", "x", "yz", "\x7f", "\x1b[D", "\x1b[C", "\x01", "\x05", "\x17", "\x14", "\x0b", "\x19", "\x1b[3~", "\x1bb"}
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		width := []int{0, 20, 21, 80}[seed%4]
		var out bytes.Buffer
		scr := &screen{w: &out, crlf: true, guard: true}
		scr.resize(uint32(width), 24)
		typed := newTypeahead(true)
		e := &editor{keys: &keyReader{typed: typed}, scr: scr, history: &history{}, q: prompt{text: "host> ", history: true}}
		scr.draw(e, e.show)
		for range 60 {
			k := keys[rnd.IntN(len(keys))]
			typed.put([]byte(k), nil)
			for typed.pending() > 0 || len(e.keys.back) > 0 {
				pressed, err := e.keys.read(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				e.press(pressed)
			}
			scr.update()
			v := newVT(width, out.String())
			want := newVT(width, "host> "+string(e.text))
			cursor := newVT(width, "host> "+string(e.text[:e.at]))
			if width > 0 && cursor.col >= width {
				cursor.row, cursor.col = cursor.row+1, 0
			}
			if strings.TrimRight(v.String(), "\n") != strings.TrimRight(want.String(), "\n") || v.row != cursor.row || v.col != cursor.col {
				t.Fatalf("seed %d, width %d, key %q: the screen shows, with the cursor at %d,%d,\n%s\nand not, at %d,%d,\n%s", seed, width, k,
					v.row, v.col, v, cursor.row, cursor.col, want)
			}
		}
	}
}

func TestPager(t *testing.T) {
	tests := []struct {
		name, typed   string
		width, height int
		pages, rows   int
	}{
		{"blank and Enter", "many\r \r\r\r\rq\r", 80, 24, 4, 100},
		{"q ends", "many\rqversion\rq\r", 80, 24, 1, 23},
		{"ctrl-c ends", "many\r \x03version\rq\r", 80, 24, 1, 24},
		{"tall terminal", "many\rq\r", 80, 200, 0, 100},
		{"no size", "many\rq\r", 0, 0, 0, 100},
		{"no limit", "many\rq\r", 16777215, 16777215, 0, 100},
		{"no-more", "many | no-more\rq\r", 80, 24, 0, 100},
		{"set paging off", "set paging off\rmany\rq\r", 80, 24, 0, 100},
		{"narrow", "many\rqq\r", 5, 24, 1, 8},
		{"filters", "many | grep \"line a\"\rq\r", 80, 24, 0, 4},
		{"pasted commands", "\x1b[200~many\rversion\r\x1b[201~q\r", 80, 24, 4, 100},
		{"one pasted command", "\x1b[200~many\r\x1b[201~qversion\rq\r", 80, 24, 1, 23},
		{"two rows", "many\rqq\r", 80, 2, 1, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, marker := RunTyped(t.Context(), testOptions(), tt.typed, tt.width, tt.height), moreMarker
			if tt.width > 0 && tt.width < len(marker) {
				marker = marker[:tt.width]
			}
			if n := strings.Count(out, marker); n != tt.pages {
				t.Errorf("%d markers, want %d", n, tt.pages)
			}
			if n := strings.Count(out, " of it\r\n"); n != tt.rows {
				t.Errorf("%d lines, want %d", n, tt.rows)
			}
			if n := strings.Count(out, marker+"\r"+strings.Repeat(" ", len(marker))+"\r"); n != tt.pages {
				t.Errorf("%d markers are erased, want %d", n, tt.pages)
			}
			if strings.Contains(tt.typed, "version") && !strings.Contains(out, "Version: 1.0.0\r\n") {
				t.Error("the next command did not work")
			}
		})
	}
}

func TestHistoryOnDisk(t *testing.T) {
	dir := t.TempDir()
	h := openHistory(dir, "admin", func(l string) bool { return l != "geheim" })
	for _, l := range []string{"version", "geheim", "version", "say ä"} {
		h.add(l)
	}
	h = openHistory(dir, "admin", nil)
	if got := strings.Join(h.entries, ","); got != "version,version,say ä" {
		t.Errorf("kept %q", got)
	}
	if info, err := os.Stat(filepath.Join(dir, "history", "admin")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if openHistory(dir, "../x", nil).path != "" {
		t.Error("a name that is a path has a file")
	}
	os.WriteFile(filepath.Join(dir, "history", "admin"), []byte(strings.Repeat("a line of it\n", 100000)), 0o600)
	if n := openHistory(dir, "admin", nil).len(); n != maxHistory {
		t.Errorf("%d entries, want %d", n, maxHistory)
	}
}

// TestOutputAboveLine prints from another goroutine while a line is edited.
func TestOutputAboveLine(t *testing.T) {
	var out bytes.Buffer
	scr := &screen{w: &out, crlf: true, guard: true}
	scr.resize(80, 24)
	e := &editor{scr: scr, q: prompt{text: "> "}, text: []rune("half"), at: 4}
	scr.draw(e, e.show)
	fmt.Fprint(scr, "first\nsec")
	fmt.Fprint(scr, "ond\n")
	if got, want := newVT(80, out.String()).String(), "first\nsecond\n> half"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func FuzzTyping(f *testing.F) {
	for _, s := range []string{"version\r", "menu\rn\r\r\x1b[A\x12v\r", "\x1b[200~x\x1b[201~\x1b", "rename\r\xff\x00\x03", "many\rq\t\t", "block\ra\r.\r"} {
		f.Add(s, uint16(80), uint16(24))
	}
	opts := testOptions()
	opts.Table = slices.DeleteFunc(opts.Table, func(c *Command) bool { return slices.Contains([]string{"wait", "follow", "crash"}, c.Name) })
	f.Fuzz(func(t *testing.T, typed string, width, height uint16) {
		ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
		defer stop()
		RunTyped(ctx, opts, typed, int(width), int(height))
		if ctx.Err() != nil {
			t.Error("the session hangs")
		}
	})
}

func FuzzParseLine(f *testing.F) {
	for _, s := range []string{`a "b c" ; d | grep x`, `"\"\\"`, `a;;b`, "| count", `a | head 3 | last 2`, "a\x00", `"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		list, err := parseLine(line)
		if err != nil {
			return
		}
		for _, st := range list {
			if len(st.words) == 0 {
				t.Fatalf("%q has a statement without a command", line)
			}
			var words []string
			for _, w := range st.words {
				words = append(words, quoteWord(w))
			}
			again, err := parseLine(strings.Join(words, " "))
			if err != nil || len(again) != 1 || fmt.Sprint(again[0].words) != fmt.Sprint(st.words) {
				t.Fatalf("%q comes back as %+v, %v", st.words, again, err)
			}
		}
	})
}

// A search that finds nothing says so, and no longer when it finds something again.
func TestSearchFails(t *testing.T) {
	out := RunTyped(t.Context(), testOptions(), "take abc\r\x12abx\x7f\x03q\r", 80, 24)
	before, after, found := strings.Cut(out, "(failed reverse-i-search)'abx': take abc")
	if !found || strings.Contains(before, "failed") || !strings.Contains(after, "(reverse-i-search)'ab': take abc") {
		t.Errorf("the screen shows\n%q", out)
	}
}
