package testscripts

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestTranscriptsAreCopies holds the project's transcripts to those that they are copies of, where those are.
func TestTranscriptsAreCopies(t *testing.T) {
	t.Parallel()
	const originals = "../../shared/cli"
	files, err := os.ReadDir(originals)
	if err != nil {
		t.Skipf("%s is not there", originals)
	}
	for _, f := range files {
		original, err := os.ReadFile(filepath.Join(originals, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if ours, err := os.ReadFile(filepath.Join(transcripts, f.Name())); err != nil || string(ours) != string(original) {
			t.Errorf("%s differs (%v)", f.Name(), err)
		}
	}
}

// TestTranscriptsHaveStories: each transcript has a story that ends with the check that all of it was typed.
func TestTranscriptsHaveStories(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(transcripts, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		name := filepath.Base(f)
		story, err := os.ReadFile("conform-" + strings.TrimSuffix(name, ".txt") + ".txtar")
		if err != nil || !strings.Contains(string(story), "\nconformed mail "+name) {
			t.Errorf("%s: no story holds the product to all of it (%v)", name, err)
		}
	}
}

// TestMatch: what a comparison lets pass, and what it does not.
func TestMatch(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		want, got string
		same      bool
	}{
		{"Status as of:                  Fri Mar 13 06:09:18 2026 GMT", "Status as of:                  Sun Nov 29 16:10:18 2026 GMT", true},
		{"Status as of:                   Fri Mar 13 06:09:18 2026 GMT", "Status as of:                  Sun Nov 29 16:10:18 2026 GMT", false},
		{"  1*  example.com                  7,055      0", "  1*  example.com                      2      0", true},
		{"  1*  example.com                  7,055      0", "  1   example.com                      2      0", false},
		{"  1*  example.com                  7,055      0", "  1*  example.com                       2      0", false},
		{"1  a.example  203.0.113.2       InboundMail           10", "1  a.example  127.0.0.1         InboundMail           10", true},
		{"1  a.example  203.0.113.2       InboundMail           10", "1  a.example  127.0.0.1       InboundMail           10", false},
		{"There are currently 2 entries configured.", "There are currently 3 entries configured.", false},
		{"up              3      1  2s         now", "up              3      1  1h 2m      now", true},
		{"A=192.0.2.1 TTL=30m", "A=192.0.2.1 TTL=29m59s", true},
		{"\"/configuration/P100V-564D1A2B3C4D5E6F7A8B-0123456789AB-20260528T000000.xml\".", "\"/configuration/P100V-857E4A1AC7651A3B6723-8CB3A7EB5B05-20261129T174139.xml\".", true},
		{"\"/configuration/P100V-564D1A2B3C4D5E6F7A8B-0123456789AB-20260528T000000.xml\".", "\"/configuration/P100V-857E4A1AC7651A3B6723-8CB3A7EB5B05.xml\".", false},
		{"MID 9: 1 hour 5 mins 35 secs old", "MID 9: 1 sec old", true},
		{"one\n...\nfour", "one\ntwo\nthree\nfour", true},
		{"one\n...\nfour", "one\ntwo\nthree", false},
		{"one\n" + gap + "\ntwo", "one\n\n\ntwo", true},
		{"one\n" + gap + "\ntwo", "one\nprose\ntwo", false},
		{"one\n\ntwo", "one\ntwo", false},
		{"one", "one ", false},
	} {
		if same := match(strings.Split(tt.want, "\n"), strings.Split(tt.got, "\n")); same != tt.same {
			t.Errorf("%q and %q: same is %v", tt.want, tt.got, same)
		}
	}
}

// TestSteps: how a transcript is read.
func TestSteps(t *testing.T) {
	t.Parallel()
	const text = `# comment
mail.example.com> first                                            <<   alias
#  Head
   explanation
      that goes on

Question:
[default]> answer  <<
Is it? [N]>        <<
Secret:            <<   not echoed
Text (end with '.'):
...
.                  <<
done
# batch: first one NAME · two [A|B] | three
`
	all := situations(text)
	if len(all) != 1 || all[0].name != "first" {
		t.Fatalf("situations %q", all)
	}
	s, err := all[0].apply([]edit{{"name", "answer\n", "other\n"}, {"name", "Secret:   ", "Secret: {word}   "}}, "")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, st := range s.steps() {
		got = append(got, strings.Join(st.want, "/")+"|"+st.prompt+"|"+st.typed+"|"+strings.Join(st.block, "/"))
	}
	want := []string{"|mail.example.com> |first|", "#  Head/" + gap + "/Question:|[default]> |other|", "|Is it? [N]> ||", "|Secret: |word|",
		"Text (end with '.'):|||.../.", "done/|||"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if _, err := all[0].apply([]edit{{"decided: because", "done\n", "undone\n"}}, "why not"); err == nil {
		t.Error("a difference without a decision is accepted")
	}
	if _, err := all[0].apply([]edit{{"prose", "done\n", "undone\n"}}, ""); err == nil {
		t.Error("output is taken for explanation")
	}
	var forms []string
	for _, f := range batchForms(text) {
		forms = append(forms, f.String())
	}
	if want := []string{"first one NAME", "first two [A|B]", "first three"}; !slices.Equal(forms, want) {
		t.Errorf("batch forms %q", forms)
	}
}
