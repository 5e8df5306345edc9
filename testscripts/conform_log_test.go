package testscripts

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// logDocument is the document of the log lines and the SMTP replies.
const logDocument = "mail_logs.md"

// loggedForms and replyForms are the forms in the document's two tables.
func documentForms() (logged, replies []string, err error) {
	text, err := os.ReadFile(filepath.Join(transcripts, logDocument))
	if err != nil {
		return nil, nil, err
	}
	log, smtp, _ := strings.Cut(string(text), "## SMTP replies")
	return tableForms(log), tableForms(smtp), nil
}

var quoted = regexp.MustCompile("`([^`]*)`")

// tableForms are what stands in backticks in the second column of a table.
func tableForms(text string) []string {
	var forms []string
	for _, row := range strings.Split(text, "\n") {
		if !strings.HasPrefix(row, "| ") {
			continue
		}
		_, cell, _ := strings.Cut(row[2:], "|")
		for _, m := range quoted.FindAllStringSubmatch(cell, -1) {
			forms = append(forms, m[1])
		}
	}
	return forms
}

// slots are the words that stand for something in a form.
var slots = regexp.MustCompile(`^(?:N|M2?|D|R|A|IP|ID|IFNAME|NAME|GROUP|PATTERN|SCORE|TEXT|BYTES|DEFAULT|DOM|P|C|REASON|DATE|SECS|ACTION|COMMENT|NUMBER|HOST|DETAIL)$`)

var (
	word = regexp.MustCompile(`\.\.\.|[A-Za-z0-9_]+|[^A-Za-z0-9_]`)
	// whole is how a form begins that is a whole line.
	whole = regexp.MustCompile(`^(?:New|ICID|Start|MID|Message|DCID|Delivery|Connection|Delayed|Bounced|Double|Deleted|Possible|System|User|[0-9]{3}[ -])`)
)

// formPattern is what a line of the form looks like. Forms that are no whole lines are found anywhere in one. What ends a line
// about TLS that failed is our cause.
func formPattern(form string) *regexp.Regexp {
	var b strings.Builder
	words := word.FindAllString(form, -1)
	for i, w := range words {
		before, behind := i > 0 && words[i-1] == "-", i+1 < len(words) && words[i+1] == ":"
		switch {
		case w == "...":
			b.WriteString(`.*`)
		case slots.MatchString(w) && !(w == "ID" && before) && !(w == "IP" && behind):
			b.WriteString(`.+?`)
		case w == "25" || w == "454" || w == "336109761":
			b.WriteString(`[0-9]+`)
		default:
			b.WriteString(regexp.QuoteMeta(w))
		}
	}
	text := strings.NewReplacer(`\[0\]`, `\[[0-9, ]+\]`, `\[0, 1\]`, `\[[0-9, ]+\]`).Replace(b.String())
	if !whole.MatchString(form) {
		return regexp.MustCompile(text)
	}
	if strings.Contains(form, "TLS failed") || strings.Contains(form, "TLS was required") {
		text += `(?: \[[A-Z][0-9]+\])`
	}
	return regexp.MustCompile("^" + text + "$")
}

// logPrefix is what stands before a text: the time and the level, or how a conversation marks what the server says.
var logPrefix = regexp.MustCompile(`^(?:[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} [0-9]{4} (?:Critical|Warning|Info|Debug|Trace): |S: )`)

// formsVerb is "forms log|replies OUTPUT EXCEPT": each form of the document's table is a line of OUTPUT, which is logs, or the
// files of converse. EXCEPT says for
// the others why not, each under its reason:
//
//	elsewhere: FILE     that test, below the folder above, has the words behind the form's colon
//	later: WHAT         the product does not have WHAT yet
//	-FORM[: WORDS]      the form, and the words in the other test where they are not the form itself
//
// A form that is excused and is there all the same is an error, and so is an excuse for a form that the document does not have.
func formsVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: forms log|replies OUTPUT EXCEPT")
	}
	forms, replies, err := documentForms()
	ts.Check(err)
	if args[0] == "replies" {
		forms = replies
	}
	var lines []string
	for _, line := range strings.Split(ts.ReadFile(args[1]), "\n") {
		if prefix := logPrefix.FindString(line); prefix != "" {
			lines = append(lines, line[len(prefix):])
		}
	}
	excused := excuses(ts, forms, ts.ReadFile(args[2]))
	var faults []string
	for _, form := range forms {
		there := slices.ContainsFunc(lines, formPattern(form).MatchString)
		if !there && !excused[form] {
			faults = append(faults, "missing:  "+form)
		}
		if there && excused[form] {
			faults = append(faults, "excused although it is there: "+form)
		}
	}
	if len(faults) > 0 {
		ts.Fatalf("%s of %s:\n%s", args[0], logDocument, strings.Join(faults, "\n"))
	}
}

// excuses reads why forms are not produced, and looks for the other tests' words.
func excuses(ts *testscript.TestScript, forms []string, text string) map[string]bool {
	all := map[string]bool{}
	var elsewhere string
	for _, line := range strings.Split(text, "\n") {
		form, ok := strings.CutPrefix(line, "-")
		if !ok {
			name, found := strings.CutPrefix(line, "elsewhere: ")
			elsewhere = ""
			if found {
				data, err := os.ReadFile(filepath.Join("..", name))
				ts.Check(err)
				elsewhere = string(data)
			}
			continue
		}
		form, words, given := strings.Cut(form, " => ")
		if !given {
			words = form
		}
		if !slices.Contains(forms, form) {
			ts.Fatalf("%s has no form %q", logDocument, form)
		}
		if elsewhere != "" && !strings.Contains(elsewhere, words) {
			ts.Fatalf("the other test does not have %q", words)
		}
		all[form] = true
	}
	return all
}
