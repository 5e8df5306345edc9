package commands

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"posthouse/config"
	"posthouse/shell"
)

// savingBench has an export key, as posthouse init makes it.
func savingBench(t *testing.T) *bench {
	t.Helper()
	b := newBench(t)
	if err := config.MakeExportKey(b.a.Config.Vault()); err != nil {
		t.Fatal(err)
	}
	return b
}

// The dialogue is that of the transcript, prompt for prompt.
func TestSaveConfigDialogue(t *testing.T) {
	b := savingBench(t)
	contains(t, b.script(0, "saveconfig", "2"), `
Choose the passphrase option:
1. Mask passphrases (Files with masked passphrases cannot be loaded using loadconfig command)
2. Encrypt passphrases
[1]> 
File written on machine "mail.example.com" to the location
"/configuration/P100V-564D1A2B3C4D5E6F7A8B-0123456789AB-`, `.xml".
Configuration saved.
`)
	for _, answer := range []string{"", "1", "3", "mask"} {
		b.script(0, "saveconfig", answer)
	}
	files, _ := filepath.Glob(filepath.Join(b.a.Files, "P100V-*.xml"))
	if len(files) != 5 {
		t.Fatalf("%d files of five saves", len(files))
	}
	masked := 0
	for _, path := range files {
		if !regexp.MustCompile(`/P100V-564D1A2B3C4D5E6F7A8B-0123456789AB-[0-9]{8}T[0-9]{6}\.xml$`).MatchString(path) {
			t.Errorf("the name is %s", path)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "<passphrase>*****</passphrase>") {
			masked++
		}
		if strings.Contains(string(text), "argon2id") || strings.Contains(string(text), "PRIVATE KEY") {
			t.Errorf("%s has a secret in clear", path)
		}
	}
	if masked != 4 {
		t.Errorf("%d of four are masked", masked)
	}
	contains(t, b.script(1, "saveconfig", "4"), `Invalid passphrase option "4": 1 or 2 is accepted.`)
}

func TestSaveConfigBatch(t *testing.T) {
	b := savingBench(t)
	for line, masked := range map[string]bool{
		"saveconfig y": true, "saveconfig Y 1": true, "saveconfig 1": true, "saveconfig y 3": true, "saveconfig a.xml 1": true,
		"saveconfig n": false, "saveconfig n 2": false, "saveconfig 2": false, "saveconfig b.xml": false, "saveconfig c.xml 2": false,
	} {
		want := "encrypted"
		if masked {
			want = "masked"
		}
		contains(t, b.exec(0, line+" --json", ""), `"file": "`, `"passphrases": "`+want+`"`)
	}
	contains(t, b.exec(0, "saveconfig b.xml", ""), "\"/configuration/b.xml\".\nConfiguration saved.\n")
	b.fails("saveconfig y 2", "", "contradict")
	b.fails("saveconfig 7", "", `"7"`)
	b.fails("saveconfig a.xml 1 1", "", `"1"`)
	b.fails("saveconfig ../x.xml", "", "path")
	b.fails("saveconfig", "", "Choose the passphrase option:")
	key := strings.TrimSpace(b.exec(0, "saveconfig key", ""))
	if _, err := config.ParseExportKey(key); err != nil {
		t.Errorf("the key is %q: %v", key, err)
	}
	contains(t, b.exec(0, "saveconfig key --json", ""), `"key": "`+key+`"`)
	if err := config.MakeExportKey(b.a.Config.Vault()); err != nil || strings.TrimSpace(b.exec(0, "saveconfig key", "")) != key {
		t.Error("the key is made twice")
	}
}

// Who may do what.
func TestSaveConfigRoles(t *testing.T) {
	a := &Appliance{}
	save, load, show, mail := saveConfig(a), loadConfig(a), showConfig(a), mailConfig(a)
	if save.RolesFor([]string{"key"}) != shell.Administrator || save.RolesFor([]string{"KEY"}) != shell.Administrator {
		t.Error("others may see the export key")
	}
	if save.RolesFor(nil) != shell.Operators || mail.Roles != shell.Operators || show.Roles != shell.Readers || load.Roles != shell.Administrator {
		t.Error("roles")
	}
	if got := load.Redact([]string{"x.xml", "secret"}); strings.Join(got, " ") != "x.xml ..." {
		t.Errorf("redacted to %q", got)
	}
}

func TestShowConfig(t *testing.T) {
	b := savingBench(t)
	contains(t, b.script(0, "sethostname other.example.com", "showconfig", "1", "clearchanges -y"), "[1]> \n<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
		"\n<config><posthouse_format>1</posthouse_format>\n  <hostname>mail.example.com</hostname>\n", "\n</config>\n")
	contains(t, b.exec(0, "showconfig 2 --json", ""), `"passphrases": "encrypted"`, `"xml": "\u003c?xml`)
	contains(t, b.exec(0, "showconfig 1 | head 1", ""), "<?xml")
	b.fails("showconfig all", "", `"all"`)
	b.fails("showconfig 1 2", "", `"2"`)
}

func TestLoadConfig(t *testing.T) {
	b := savingBench(t)
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(b.a.Files, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("changed.xml", "<config><hostname>other.example.com</hostname><unknown/></config>")
	contains(t, b.script(0, "loadconfig", "2", "changed.xml", "showchanges", "loadconfig", "2", "changed.xml", "clearchanges -y"), `
1. Paste via CLI
2. Load from file
[1]> 
Enter the name of the file to import:
[]> 
Not understood and left out:
  config/unknown (line 1): it stands for nothing here
Values have been loaded.
Be sure to run "commit" to make these settings active.
`, "hostname:  mail.example.com -> other.example.com\n1 change, not committed.", "What was entered and not committed is replaced.\n")

	// The export comes back as what it was, and takes the place of what was entered.
	b.exec(0, "saveconfig full.xml", "")
	contains(t, b.exec(0, "loadconfig full.xml --json", ""), `"loaded": false`, `"changes": []`, `"not_understood": []`)
	contains(t, b.exec(0, "sethostname x.example.com; loadconfig full.xml; commit -y", ""), "No changes detected from current configuration.", "There is no data to commit.")
	before := b.settings()
	b.exec(0, "smtproutes new a.example b.example; sethostname x.example.com; passphrase; commit -y", benchPassphrase+"\nanother one 1\nanother one 1\n")
	b.exec(0, "loadconfig full.xml; commit -y", "")
	if b.settings() != before {
		t.Error("the saved configuration does not come back")
	}

	// A failure that came before still keeps the commit away, and a failed load keeps what was entered.
	put("bad.xml", "<config>")
	b.fails("loadconfig bad.xml; loadconfig changed.xml; commit -y", "", `Invalid configuration file "bad.xml": line 1: unexpected EOF.`)
	contains(t, b.script(1, "sethostname x.example.com", "loadconfig bad.xml", "showchanges", "clearchanges -y"), "1 change, not committed.")

	// By standard input, and pasted: the end of the element ends it, a full stop behind that is passed over once.
	contains(t, b.exec(0, "loadconfig paste; clearchanges -y", "<config><hostname>p.example.com</hostname></config>\n"), "Values have been loaded.")
	contains(t, b.script(0, "loadconfig", "1", "<config><hostname>p.example.com</hostname>", "</config>", ".", "showchanges", "clearchanges -y"), "(end with '.'):", "1 change")
	contains(t, b.script(0, "loadconfig", "1", "<config><hostname>p.example.com</hostname>", "</config>", "showchanges", "clearchanges -y"), "1 change")
	contains(t, b.script(2, "loadconfig", "1", "<config>", "</config>", ".", "."), "Unknown command: .")
	contains(t, b.script(1, "loadconfig", "1", "<config>", "."), "Invalid configuration file: line 2: unexpected EOF.")

	for line, want := range map[string]string{
		"loadconfig none.xml":          `No such file "none.xml"`,
		"loadconfig ../x":              "path",
		"loadconfig full.xml key":      "Invalid export key",
		"loadconfig full.xml key more": "Invalid command",
		"loadconfig":                   `the question "[1]>"`,
	} {
		b.fails(line+"; commit -y", "", want)
	}
}

// The configuration of one appliance on another: with the key, its certificates and passphrases are those.
func TestLoadConfigElsewhere(t *testing.T) {
	from, to := savingBench(t), savingBench(t)
	from.exec(0, "sethostname from.example.com; commit -y; saveconfig x.xml", "")
	key := from.exec(0, "saveconfig key", "")
	text, err := os.ReadFile(filepath.Join(from.a.Files, "x.xml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(to.a.Files, "x.xml"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	to.fails("loadconfig x.xml", "", `the question "Enter the export key of the appliance that saved this file:"`)
	to.fails("loadconfig x.xml", to.exec(0, "saveconfig key", ""), "Invalid export key: the file was saved under another one.")
	to.fails("loadconfig x.xml", "nonsense\n", "Invalid export key: that is not an export key")
	out, _, _ := shell.RunExec(t.Context(), to.opts, "sethostname a.example; loadconfig x.xml; showchanges", "nonsense\n")
	if strings.Contains(out, "is replaced") || !strings.Contains(out, "mail.example.com -> a.example") {
		t.Errorf("a file that is not loaded replaces what was entered:\n%s", out)
	}
	to.exec(0, "loadconfig x.xml; commit -y", key)
	if to.settings() != from.settings() {
		t.Error("the two differ")
	}
	for ref, id := range from.running().Refs {
		content, err := to.a.Config.Vault().Get(id)
		if original, _ := from.a.Config.Vault().Get(id); err != nil || to.running().Refs[ref] != id || string(content) != string(original) {
			t.Errorf("%s: %v", ref, err)
		}
	}
}

func TestMailConfig(t *testing.T) {
	b := savingBench(t)
	contains(t, b.script(0, "mailconfig", "admin@example.com"), `
Please enter the email address to which you want to send the configuration file. Separate multiple addresses with commas.
[]> 
The configuration file has been sent to admin@example.com.
`)
	contains(t, b.engine.called(), "mail  admin@example.com From: alert@mail.example.com\r\nTo: admin@example.com\r\n", "filename=\"P100V-")
	contains(t, b.exec(0, "mailconfig a@x.example,b@Y.example 2", ""), "has been sent to a@x.example, b@y.example.")
	contains(t, b.exec(0, "mailconfig a@x.example --json", ""), `"recipients": [`, `"passphrases": "masked"`)
	b.fails("mailconfig a@x.example,,b@y.example", "", `Invalid address ""`)
	b.fails("mailconfig nobody", "", `Invalid address "nobody"`)
	b.fails("mailconfig a@x.example 4", "", `"4"`)
	b.fails("mailconfig a@x.example 1 2", "", `"2"`)
}
