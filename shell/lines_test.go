package shell

import (
	"context"
	"strings"
	"testing"
	"time"
)

const prompt0 = "\nmail.example.com> "

func TestLines(t *testing.T) {
	tests := []struct {
		name, script, want string
		status             int
	}{
		{"nothing", "", prompt0 + "\n", 0},
		{"command", "version\n", prompt0 + "\nVersion: 1.0.0\n" + prompt0 + "\n", 0},
		{"exit", "version\nexit\nversion\n", prompt0 + "\nVersion: 1.0.0\n" + prompt0 + "\n", 0},
		{"no final line feed", "version", prompt0 + "\nVersion: 1.0.0\n" + prompt0 + "\n", 0},
		{"CR LF", "version\r\nq\r\n", prompt0 + "\nVersion: 1.0.0\n" + prompt0 + "\n", 0},
		{"two", "ver; say x;\nq\n", prompt0 + "\nVersion: 1.0.0\nx\n" + prompt0 + "\n", 0},
		{"unknown", "vresion\nq\n", prompt0 + "\nUnknown command: vresion. The nearest known name is version.\n" + prompt0 + "\n", 2},
		{"whole word", "susp\nq\n", prompt0 + "\nUnknown command: susp. suspend must be typed in full.\n" + prompt0 + "\n", 2},
		{"secret", "secret\nabc\nq\n", prompt0 + "\nPassphrase: \nIt has 3 bytes\n" + prompt0 + "\n", 0},
		{"block", "block\nab\n c\n.\nq\n", prompt0 + "\nPaste text (end with '.'):\n\n\n\nGot \"ab\\n c\\n\"\n" + prompt0 + "\n", 0},
		{"menu", "menu\nn\n?\n\nq\n", prompt0 + "\nCount is 0" + menu0 + "\nCount is 1" + menu0 + "\nEnter NEW, CHOOSE or FAIL, or an empty line to leave. Ctrl-C ends the command." + menu0 + "\n" + prompt0 + "\n", 0},
		{"looks like a prompt", "say \"a b>\" \"x> y\"\nq\n", prompt0 + "\n\"a b>\"\nx> y\n" + prompt0 + "\n", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, status := runLines(t, tt.script)
			if out != tt.want || status != tt.status {
				t.Errorf("got status %d and\n%s\nwant status %d and\n%s", status, out, tt.status, tt.want)
			}
		})
	}
}

const menu0 = "\n\nChoose the operation you want to perform:\n- NEW - Count one more.\n- CHOOSE - Choose a colour.\n- FAIL - Fail.\n[]> "

func TestExec(t *testing.T) {
	tests := []struct {
		name, line, stdin string
		out, err          string
		status            int
	}{
		{"one", "version", "", "Version: 1.0.0\n", "", 0},
		{"joined", `version;say "a;b" "q\"\\";`, "", "Version: 1.0.0\na;b\nq\"\\\n", "", 0},
		{"json", "version --json", "", "{\n  \"version\": \"1.0.0\"\n}\n", "", 0},
		{"no json", "say --json", "", "", "Invalid option \"--json\": say has no JSON form.\n", 2},
		{"goes on", "nothing; version", "", "Version: 1.0.0\n", "Unknown command: nothing\n", 2},
		{"quote", `version; say "x`, "", "", "Invalid line: the double quote at position 14 is not closed.\n", 2},
		{"filters", `many | grep "line [ab]" | except b | count`, "", "Count: 4 lines\n", "", 0},
		{"head", "many | head 2", "", "line a of it\nline b of it\n", "", 0},
		{"last", "many | last 1", "", "line v of it\n", "", 0},
		{"filters of what fails", "report | last 2; report | count; fail x | count", "", "two\nthree\nCount: 3 lines\n", "Failed to report.\nFailed to report.\nError: x\n", 1},
		{"filters without case", `many | grep -i "LINE [AB]" | except -i B | count`, "", "Count: 4 lines\n", "", 0},
		{"a filter's name as a pattern", `say count grep -i | grep count | head 1`, "", "count\n", "", 0},
		{"an option as a pattern", `say a -i | grep -i; say a -i | grep "-i"`, "", "-i\n-i\n", "", 0},
		{"filters together", `many|head 30|last 3|no-more`, "", "line b of it\nline c of it\nline d of it\n", "", 0},
		{"filter of a document", `version --json | grep version | count`, "", "Count: 1 lines\n", "", 0},
		{"a pipe in quotes", `say "a | count"`, "", "a | count\n", "", 0},
		{"no filter", `say a | sort`, "", "a\n|\nsort\n", "", 0},
		{"large pattern", `many | except "(a?){1000}(b?){1000}"`, "", "", "Invalid pattern \"(a?){1000}(b?){1000}\": up to 5000 steps are accepted, it needs more: repeat less.\n", 2},
		{"bad pattern", `many | grep "("`, "", "", "Invalid pattern \"(\": missing closing ): `(`.\n", 2},
		{"no pattern", `many | grep`, "", "", "Invalid filter: grep needs a pattern.\n", 2},
		{"too many words", `many | head 1 2`, "", "", "Invalid line: \"2\" is not understood here; filters are grep, except, count, last, head and no-more.\n", 2},
		{"count of something", `many | count x`, "", "", "Invalid filter: count takes no argument, and \"x\" was given.\n", 2},
		{"no command", `| count`, "", "", "Invalid line: there is no command before \"|\".\n", 2},
		{"bad filter", "many | head x", "", "", "Invalid filter: head needs a number of lines from 1 to 10000.\n", 2},
		{"pipe in text", "say a|b", "", "a|b\n", "", 0},
		{"answers", "rename; commit", "mx1\ny\n", "Now mx1\nChanges committed\n", "", 0},
		{"wrong answer", "rename; commit", "x\nmx1\ny\n", "", "Invalid answer \"x\": enter at least three letters.\n" + refused, 1},
		{"end of input", "rename; commit", "mx1\n", "", "Error: the input ended at the question \"Are you sure?\".\n" + refused, 1},
		{"insists", "nothing; rename; commit force", "mx1\ny\n", "Now mx1\nChanges committed\n", "Unknown command: nothing\n", 2},
		{"discarded", "rename", "mx1\ny\n", "Now mx1\n", "Error: what was changed and not committed is discarded: 1 change.\n", 1},
		{"cleared", "nothing; clear; rename; commit", "mx1\ny\n", "Now mx1\nChanges committed\n", "Unknown command: nothing\n", 2},
		{"put back", "rename", "mx1\nn\n", "", "Error: left as it was.\n", 1},
		{"ignored input", "version", "secret\n", "Version: 1.0.0\n", "", 0},
		{"input", "input", "ab\ncd", "Got 6 bytes\n", "", 0},
		{"input in DER", "input", "0\x82\x00\x03\x03\n.\r\n\xff", "Got 10 bytes\n", "", 0},
		{"input that is short", "input", "0", "Got 2 bytes\n", "", 0},
		{"input in DER without end", "input", "0\x82" + strings.Repeat("x", maxBlock), "", "Error: the text is longer than 4194304 bytes.\n", 1},
		{"panic", "crash; version", "", "Version: 1.0.0\n", "Error: crash failed by a fault of its own; system_logs says more.\n", 1},
		{"exit", "version; exit; nothing", "", "Version: 1.0.0\n", "", 0},
		{"NUL", "ver\x00sion", "", "", "Invalid line: the byte 0x00 at position 4 (NUL) is not accepted.\n", 2},
		{"a control character", "say a\u009b2J", "", "", "Invalid line: U+009B at position 6 is a control character.\n", 2},
		{"no UTF-8", "say \xff", "", "", "Invalid line: the byte 0xff at position 5 is not UTF-8.\n", 2},
		{"1 MB", "say " + strings.Repeat("x", 1<<20), "", "", "Invalid line: it is longer than 65536 bytes.\n", 2},
		{"1 MB answer", "rename", strings.Repeat("x", 1<<20) + "\n", "", "Invalid line: it is longer than 65536 bytes.\n", 2},
		{"too few words", "form x", "", "", "Invalid command: something is missing behind form x: form x NUMBER [WORD]\n", 2},
		{"too few words of several forms", "form y", "", "", "Invalid command: something is missing behind form y:\n  form y NUMBER\n  form y [WORD] NUMBER\n", 2},
		{"too many words", "form x 1 two three", "", "", "Invalid command: something is missing behind form x: form x NUMBER [WORD]\n", 2},
		{"no such form", "form z", "", "", "Invalid command: something is missing behind form z:\n  form x NUMBER [WORD]\n  form y NUMBER\n  form y [WORD] NUMBER\n", 2},
		{"an empty line at a choice without default", "only", "\n", "", "Invalid answer: enter 1 or the text of the line.\n", 1},
		{"another number at a choice of one", "only", "2\n", "", "Invalid answer \"2\": enter 1 or the text of the line.\n", 1},
		{"end of input in a menu", "menu", "", "Count is 0\n", "Error: the input ended at the question \"Choose the operation you want to perform:\".\n", 1},
		{"end of input in a choice", "menu", "choose\n", "Count is 0\n", "Error: the input ended at the question \"Colours:\".\n", 1},
		{"a long word", "fail " + strings.Repeat("x", 300), "", "", "Error: " + strings.Repeat("x", 60) + "..." + strings.Repeat("x", 20) + "\n", 1},
		{"menu fails", "menu", "fail\n\n", "Count is 0\n", "Unable to do that.\n", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, errs, status := RunExec(t.Context(), testOptions(), tt.line, tt.stdin)
			if out != tt.out || errs != tt.err || status != tt.status {
				t.Errorf("got %d\n%q\n%q\nwant %d\n%q\n%q", status, out, errs, tt.status, tt.out, tt.err)
			}
		})
	}
}

const refused = "Error: an earlier command failed, so nothing is committed. Type clearchanges and begin again, or commit force.\n"

func TestExecQuestionWaits(t *testing.T) {
	opts := testOptions()
	opts.AnswerLimit = time.Millisecond
	var out, errs syncBuffer
	s := newSession(&opts, tester, exec)
	s.attach(&out, &errs, false) // and no pump: nothing ever comes
	if status := s.runExec(t.Context(), "secret; version"); status != 1 || out.String() != "Version: 1.0.0\n" {
		t.Errorf("status %d, output %q", status, out.String())
	}
	if want := "Error: no line came within 1ms for the question \"Passphrase:\".\n"; errs.String() != want {
		t.Errorf("got %q, want %q", errs.String(), want)
	}
}

func TestAudit(t *testing.T) {
	opts := testOptions()
	var got []string
	opts.Audit = func(l string) { got = append(got, l) }
	opts.Table = append(opts.Table, &Command{Name: "login", Redact: func(a []string) []string { a[len(a)-1] = "..."; return a },
		Run: func(_ context.Context, s *Session, a []string) error { return nil }})
	RunExec(t.Context(), opts, `login "a b" geheim; geheim; say; login --json --json x geheim --json`, "geheim\n")
	if text := strings.Join(got, "\n"); strings.Contains(text, "geheim") || !strings.Contains(text, `entered 'login "a b" ...'`) || !strings.Contains(text, `'login --json --json x ... --json'`) {
		t.Errorf("cli_logs:\n%s", text)
	}
}
