package commands

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"posthouse/config"
)

// The dialogue of DEFAULT is that of the transcript, and changes nothing that was not answered.
func TestHostAccessDefault(t *testing.T) {
	b := newBench(t)
	out := b.script(0, "listenerconfig", "edit", "1", "hostaccess", "default", "", "", "", "", "", "", "", "", "", "", "", "3", "", "", "", "", "commit -y")
	contains(t, out, `
There are currently 5 policies defined.
There are currently 5 sender groups.

Choose the operation you want to perform:
- NEW - Create a new entry.
- EDIT - Modify an entry.
- DELETE - Remove an entry.
- MOVE - Move an entry.
- DEFAULT - Set the defaults.
- PRINT - Display the table.
- IMPORT - Import a table from a file.
- EXPORT - Export the table to a file.
- CLEAR - Remove all entries.
[]> 
Enter the default maximum message size. Add a trailing k for kilobytes, M for megabytes, or no letter for bytes.
[10M]> 
Enter the maximum number of concurrent connections allowed from a single IP address.
[10]> 
Enter the maximum number of messages per connection.
[10]> 
Enter the maximum number of recipients per message.
[50]> 
Do you want to override the hostname in the SMTP banner? [N]> 
Would you like to specify a custom SMTP acceptance response? [N]> 
Would you like to specify a custom SMTP rejection response? [N]> 
Do you want to enable rate limiting per host? [N]> 
Would you like to use SenderBase for flow control by default? [Y]> 
Would you like to enable anti-spam scanning? [Y]> 
Would you like to enable anti-virus scanning? [Y]> 
`, `Do you want to allow encrypted TLS connections?
1. No
2. Preferred
3. Required
[1]> 
You have chosen to enable TLS. Please use the 'certconfig' command to ensure that there is a valid certificate configured.
Do you want to verify client certificates? [N]> `, "TLS: Required\n")

	again := newBench(t)
	again.exec(0, "listenerconfig edit InboundMail hostaccess default tls required; commit -y", "")
	if b.settings() != again.settings() {
		t.Errorf("dialogue and batch form give different files:\n%s\n%s", b.settings(), again.settings())
	}
}

func TestHostAccessEverything(t *testing.T) {
	b := newBench(t)
	b.script(0, "listenerconfig", "edit", "1", "hostaccess",
		"new", "", "partners", "partner.example, 192.0.2.10-20", "", "our partners",
		"new", "2", "strict", "1", "1m", "", "", "", "", "y", "hello there", "", "", "3", "y",
		"edit", "", "partners", "new", "198.51.100.0/24", "delete", "partner.example", "policy", "strict", "comment", "ours", "rename", "friends", "",
		"edit", "2", "strict", "", "", "5", "", "", "", "", "", "", "", "", "",
		"delete", "1", "SUSPECTLIST", "delete", "2", "throttled",
		"move", "friends", "1", "", "", "", "commit -y")
	again := newBench(t)
	const at = "listenerconfig edit InboundMail hostaccess "
	again.exec(0, at+`new sendergroup partners "partner.example,192.0.2.10-20" policy $accepted comment "our partners"; `+
		at+`new policy strict accept max_message_size 1M tls required tls_verify on accept_text "hello there"; `+
		at+"edit sendergroup partners new 198.51.100.0/24; "+at+"edit sendergroup partners delete partner.example; "+
		at+"edit sendergroup partners policy strict; "+at+"edit sendergroup partners comment ours; "+at+"edit sendergroup partners name friends; "+
		at+"edit policy strict max_concurrency 5; "+at+"delete sendergroup suspectlist; "+at+"delete policy throttled; "+at+"move friends 1; commit -y", "")
	if b.settings() != again.settings() {
		t.Errorf("dialogue and batch form give different files:\n%s\n%s", b.settings(), again.settings())
	}
	table := b.running().Listeners["InboundMail"].HostAccess
	if g := table.Groups[0]; g.Name != "FRIENDS" || g.Policy != "STRICT" || !slices.Equal(g.Members, []string{"192.0.2.10-20", "198.51.100.0/24"}) {
		t.Errorf("group %+v", g)
	}
	if last := table.Groups[len(table.Groups)-1]; last.Members[0] != config.MemberAll {
		t.Errorf("the last entry is %+v", last)
	}
}

// What EXPORT writes IMPORT reads as the same table; the default, which the text has no place for, stays.
func TestHostAccessFiles(t *testing.T) {
	b := newBench(t)
	b.exec(0, "listenerconfig edit InboundMail hostaccess default max_concurrency 7; commit -y", "")
	before := b.settings()
	b.exec(0, "listenerconfig edit InboundMail hostaccess export hat.txt; listenerconfig edit InboundMail hostaccess clear; commit -y", "")
	if n := len(b.running().Listeners["InboundMail"].HostAccess.Groups); n != 1 {
		t.Errorf("%d groups are left", n)
	}
	b.script(0, "listenerconfig", "edit", "1", "hostaccess", "clear", "y", "import", "hat.txt", "export", "again.txt", "", "", "", "commit -y")
	if b.settings() != before {
		t.Errorf("the import changed the settings:\n%s\n%s", before, b.settings())
	}
	one, err := os.ReadFile(filepath.Join(b.a.Files, "hat.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if printed := b.exec(0, "listenerconfig edit InboundMail hostaccess print", ""); printed != string(one) {
		t.Errorf("print shows\n%s\nand the file has\n%s", printed, one)
	}
}

// A policy is asked for as the table's default is, and each answer may be the default.
func TestHostAccessNewPolicy(t *testing.T) {
	b := newBench(t)
	out := b.script(1, "listenerconfig", "edit", "1", "hostaccess", "new", "2", "strict", "", "", "", "", "", "", "", "", "", "", "", "", "", "showchanges")
	contains(t, out, `Enter the maximum number of recipients per message.
[default]> 
Do you want to override the hostname in the SMTP banner? [N]> 
Would you like to specify a custom SMTP acceptance response? [N]> 
Would you like to specify a custom SMTP rejection response? [N]> 
Enter the maximum number of recipients per hour from a remote host, or -1 for no limit.
[default]> 
Do you want to allow encrypted TLS connections?
1. No
2. Preferred
3. Required
4. Default
[4]> `, "listeners.InboundMail.host_access.policies.STRICT.behavior:  (none) -> ACCEPT\n1 change, not committed.")
}

func TestHostAccessInterrupted(t *testing.T) {
	b := newBench(t)
	for _, lines := range [][]string{
		{"default", "1M", "\x03"}, {"new", "", "g", "\x03"}, {"new", "2", "p", "1", "\x03"}, {"move", "1", "\x03"}, {"edit", "", "1", "policy", "\x03"},
	} {
		out := b.script(1, append(append([]string{"listenerconfig", "edit", "1", "hostaccess"}, lines...), "showchanges")...)
		contains(t, out, "There are no changes.")
	}
}
