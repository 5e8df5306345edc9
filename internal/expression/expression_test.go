package expression

import (
	"regexp/syntax"
	"strings"
	"testing"
)

func TestCompile(t *testing.T) {
	long := strings.Repeat("ä", MostCharacters)
	for _, tc := range []struct{ text, want string }{
		{`MID [0-9]+ (queued|done)`, ""},
		{`(?i)x{1000}`, ""},
		{long, ""},
		{long + "a", "up to 2000 characters are accepted"},
		{strings.Repeat("(a?){999}", 5), "up to 5000 steps are accepted, it needs more: repeat less"},
		{strings.Repeat(`\pL{1000}`, 200), "up to 5000 steps are accepted"},
		{`((((x{30}){30}){30}){30}){30}`, "invalid repeat count"},
		{`((a{100}){10}){1,}b`, ""},
		{`((a{100}){3}|b{200}|c{300}){1,3}|` + strings.Repeat("d{1000}|", 5) + "e", "up to 5000 steps are accepted"},
		{`a(`, "missing closing ): `a(`"},
		{strings.Repeat("(", 1500) + "a" + strings.Repeat(")", 400), "missing closing )"},
	} {
		_, err := Compile(tc.text)
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%.60q: %v, want %q", tc.text, err, tc.want)
		}
	}
}

func TestBasic(t *testing.T) {
	for text, want := range map[string]string{
		`TLS\|ICID`:          `TLS|ICID`,
		`MID [0-9]\+ done`:   `MID [0-9]+ done`,
		`\(a\|b\)\{2,3\}c\?`: `(a|b){2,3}c?`,
		`a(b)\|c`:            `a\(b\)|c`,
		`[]\|]x\|[^]+]y`:     `[]\|]x|[^]+]y`,
		`\\|a\.b\|c`:         `\\\|a\.b|c`,
		`a|b`:                "",
		`a\.b`:               "",
		`[\|]`:               "",
		`a\(`:                "",
		`\`:                  "",
	} {
		if meant, ok := Basic(text); ok != (want != "") || ok && meant != want {
			t.Errorf("%s: %s, %v", text, meant, ok)
		}
		if hint := Hint(text); want != "" != strings.Contains(hint, `"`+want+`"`) && want != "" {
			t.Errorf("%s: %s", text, hint)
		}
	}
}

func TestCompileAll(t *testing.T) {
	if all, err := CompileAll([]string{"a", "b{3}"}); err != nil || len(all) != 2 || !all[1].MatchString("bbb") {
		t.Errorf("%v, %v", all, err)
	}
	if _, err := CompileAll([]string{"a{900}", "b{999}", "c{999}", "d{999}"}); err == nil {
		t.Error("several expressions may be too large together")
	}
	if _, err := CompileAll(strings.Split(strings.Repeat("a ", MostCharacters+1), " ")); err == nil {
		t.Error("several expressions may be too long together")
	}
}

// FuzzSteps holds the estimate to the program that is made.
func FuzzSteps(f *testing.F) {
	for _, text := range []string{`a`, `(?i)k{3,7}|x*`, `(a|b?)+c{2,}`, `\pL{20}[^a-z]`, `^(\b|$)x??`, `(?s).*..{0,9}`, ``} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 200 {
			return
		}
		tree, err := syntax.Parse(text, syntax.Perl)
		if err != nil || steps(tree) > MostSteps {
			return
		}
		estimate := steps(tree)
		prog, err := syntax.Compile(tree.Simplify())
		if err != nil {
			return
		}
		if most := 3*estimate + 10; len(prog.Inst) > most {
			t.Errorf("%q has %d steps, estimated %d", text, len(prog.Inst), estimate)
		}
	})
}
