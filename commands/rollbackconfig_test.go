package commands

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"posthouse/shell"
)

// The dialogue is that of the transcript, line by line.
func TestRollbackDialogue(t *testing.T) {
	b := newBench(t)
	for _, comment := range []string{"TLS for partner.example", "new user"} {
		b.exec(0, `destconfig new `+strings.Fields(comment)[0]+`.example concurrency 5; commit "`+comment+`"`, "")
	}
	b.exec(0, `sethostname other.example; commit "the last"`, "")
	out := b.script(0, "rollbackconfig", "2", "y", "y")
	const day = `\w{3} \w{3} \d\d \d\d:\d\d:\d\d \d{4}`
	want := `(?s).*> 
Previous Commits :
    Committed On                  User             Description
---------------------------------------------------------------------------------
1\. DAY       admin            new user
2\. DAY       admin            TLS for partner\.example
3\. DAY       init             first start
Enter the number of the config to revert to\.
\[\]> 
Are you sure you want to roll back the configuration\? \[N\]> 
Reverted to DAY   admin   TLS for partner\.example
Do you want to commit this configuration now\? \[N\]> 
Committed the changes successfully
.*`
	if !regexp.MustCompile(strings.ReplaceAll(want, "DAY", day)).MatchString(out) {
		t.Errorf("got\n%s", out)
	}
	if b.running().Hostname != "mail.example.com" || b.running().Destinations["new.example"] != nil || b.running().Destinations["tls.example"] == nil {
		t.Error("it is not what was then")
	}
}

func TestRollbackWords(t *testing.T) {
	b := newBench(t)
	b.fails("rollbackconfig 1 y", "", `Invalid number "1": there is no earlier configuration.`)
	b.exec(0, `sethostname one.example; commit "one"; sethostname two.example; commit "two"`, "")
	b.fails("rollbackconfig 1 perhaps", "", `Invalid word "perhaps"`)
	b.fails("rollbackconfig 0", "", `"0"`)
	b.fails("rollbackconfig list all", "", `Invalid word "all"`)
	b.fails("rollbackconfig 1 commit", "", "the input ended at the question")
	b.fails("nonsense; rollbackconfig 1 commit y", "", "an earlier command failed")
	b.exec(0, "rollbackconfig 1", "n\n")
	contains(t, b.exec(0, "rollbackconfig 1 y; showchanges; clearchanges -y", ""), "Reverted to ", "two.example -> one.example\n1 change, not committed.\n")
	var document rolledBackJSON
	if err := json.Unmarshal([]byte(b.exec(0, "rollbackconfig 1 commit y --json", "")), &document); err != nil || !document.Committed ||
		document.RevertedTo.Number != 3 || document.Revision == nil || document.Revision.Number != 5 || len(document.Changes) != 1 {
		t.Errorf("%v, %+v", err, document)
	}
	var list previousJSON
	if err := json.Unmarshal([]byte(b.exec(0, "rollbackconfig list --json", "")), &list); err != nil || len(list.Previous) != 3 || list.Previous[0].Revision != 4 {
		t.Errorf("%v, %+v", err, list)
	}
	contains(t, b.exec(0, "rollbackconfig 2 y", ""), "It is the same as the running configuration.")
}

// Somebody else's commit between the choice and the commit is no part of what is gone back to; nothing of it is mixed in.
func TestRollbackReplacesTheCandidate(t *testing.T) {
	b := newBench(t)
	b.exec(0, `sethostname one.example; commit "one"; destconfig new a.example tls required; commit "two"`, "")
	out := b.exec(0, "destconfig new mine.example tls required; rollbackconfig 1 commit y", "")
	contains(t, out, "What is entered and not committed (1 change) is lost by this.", "Committed the changes successfully")
	if c := b.running(); c.Destinations["mine.example"] != nil || c.Destinations["a.example"] != nil || c.Hostname != "one.example" {
		t.Error("it is not what was then")
	}
}

// Going back is a plain commit: what waited for a confirmation of the same user stays, and that is said.
func TestRollbackConfirms(t *testing.T) {
	b := newBench(t)
	b.exec(0, `sethostname one.example; commit "one"; sethostname two.example; commit confirmed 5`, "")
	contains(t, b.exec(0, "rollbackconfig 1 commit y", ""), "Changes confirmed: what admin from 127.0.0.1 committed at ", "Committed the changes successfully")
	b.exec(0, `sethostname three.example; commit confirmed 5`, "")
	contains(t, b.exec(0, "rollbackconfig 1 commit y --json", ""), `"confirmed": [`)
}

// A user who may not change accounts may not bring earlier ones back.
func TestRollbackIsForAdministrators(t *testing.T) {
	cmd := rollbackConfig(newBench(t).a)
	if cmd.RolesFor([]string{"1", "y"})&shell.Operator != 0 || cmd.RolesFor([]string{"list"})&shell.Operator == 0 {
		t.Error("operators may roll back, or not look")
	}
}

func TestShowChangesOfRevisions(t *testing.T) {
	b := newBench(t)
	b.exec(0, `sethostname one.example; commit "one"; sethostname two.example; commit "two"`, "")
	contains(t, b.exec(0, "showchanges 2 3; showchanges 3; showchanges running 2; showchanges 4", ""),
		"hostname:  mail.example.com -> one.example\n1 change from revision 2 to revision 3.\n",
		"hostname:  one.example -> two.example\n1 change from revision 3 to running.\n",
		"hostname:  two.example -> mail.example.com\n1 change from running to revision 2.\n",
		"There are no changes from revision 4 to running.\n")
	contains(t, b.exec(0, "sethostname three.example; showchanges 2 candidate; clearchanges -y --json", ""),
		"mail.example.com -> three.example\n1 change from revision 2 to candidate.\n", `"cleared": [`)
	b.fails("showchanges 9", "", "Unknown revision 9: 1 to 4 are kept.")
	b.fails("showchanges x", "", `Invalid revision "x": a number, running and candidate are accepted.`)
	b.fails("showchanges 1 2 3", "", `Invalid word "3"`)
	contains(t, b.exec(0, "commitdetail list", ""), "       4  ", "two\n", "       1  ", "first configuration")
	contains(t, b.exec(0, "commitdetail revision 3; commitdetail list --json", ""), `comments: "one"`, `"number": 4`)
	b.fails("commitdetail revision", "", "the number is missing")
	b.fails("commitdetail revision 12", "", "Unknown revision 12: 1 to 4 are kept.")
}

// Who says, below the table, what is changed and not committed.
func TestWhoShowsUncommitted(t *testing.T) {
	b := newBench(t)
	out := b.exec(0, "destconfig new partner.example tls required; listenerconfig edit InboundMail port 0; who; clearchanges -y; who", "")
	contains(t, out, "cli\n\nadmin from 127.0.0.1 has 2 uncommitted changes: destination_controls.\"partner.example\", listeners.InboundMail\n", "cli\n")
	if strings.Count(out, "uncommitted") != 1 {
		t.Error(out)
	}
	contains(t, b.exec(0, "sethostname x.example; who --json; clearchanges -y", ""), `"uncommitted_changes": 1`, `"hostname"`)
}
