package commands

import (
	"context"
	"net/netip"
	"testing"

	"posthouse/config"
	"posthouse/shell"
)

// The dialogue is that of the transcript, prompt for prompt.
func TestInterfaceConfigDialogue(t *testing.T) {
	b := newBench(t)
	out := b.script(0, "interfaceconfig", "new", "Data1", "192.0.2.11", "255.255.255.0", "MX1.example.com", "y", "", "y",
		"details", "1", "edit", "data1", "Data2", "", "25", "", "", "2022", "", "", "commit -y")
	contains(t, out, `
Currently configured interfaces:
1. Management (127.0.0.1/8 on Management: mail.example.com)

Choose the operation you want to perform:
- NEW - Create a new interface.
- EDIT - Modify an interface.
- GROUPS - Define interface groups.
- DELETE - Remove an interface.
- DETAILS - Show details of an interface.
[]> 
IP interface name (Ex: "InternalNet"):
[]> 
IP Address (Ex: 192.168.1.2):
[]> 
Netmask (Ex: "255.255.255.0" or "24"):
[24]> 
Hostname:
[]> 
Do you want to enable SSH on this interface? [N]> 
Which port do you want to use for SSH?
[22]> 
Do you want to enable HTTPS on this interface? [N]> 
HTTPS is not available in this version; it stays off.
`, "1. Data1 (192.0.2.11/24 on Data1: mx1.example.com)\n", "SSH: Enabled (TCP Port 22)\n", "[Data1]> ", "[192.0.2.11]> ", "[Y]> ", "[22]> ")
	again := newBench(t)
	again.exec(0, "interfaceconfig new Data1 192.0.2.11/24 mx1.example.com ssh 22; interfaceconfig edit data1 name Data2 netmask 25 ssh 2022; commit -y", "")
	if b.settings() != again.settings() {
		t.Errorf("dialogue and batch form give different files:\n%s\n%s", b.settings(), again.settings())
	}
}

// What refers to an interface follows its new name.
func TestInterfaceConfigRename(t *testing.T) {
	b := newBench(t)
	b.exec(0, "deliveryconfig setup interface Management; interfaceconfig edit Management name Front address 127.0.0.2; commit -y", "")
	c := b.running()
	if c.Listeners["InboundMail"].Interface != "Front" || c.Delivery.Interface != "Front" || c.Interfaces["Front"].Address != "127.0.0.2" {
		t.Errorf("interfaces %v, listener %+v", c.Interfaces, c.Listeners["InboundMail"])
	}
}

// A name that the configuration has already, from before such names were refused, is no hindrance.
func TestInterfaceConfigKeepsItsHostName(t *testing.T) {
	b := newBench(t)
	old := b.a.Config.Candidate()
	old.Config.Hostname, old.Config.Interfaces["Management"].Hostname = "old_name.example", "old_name.example"
	if _, err := b.a.Config.Commit(t.Context(), old, config.Author{User: "admin"}, "", false); err != nil {
		t.Fatal(err)
	}
	b.script(0, "sethostname", "", "interfaceconfig edit Management netmask 16 hostname old_name.example", "commit -y")
	if i := b.running().Interfaces["Management"]; i.PrefixLength != 16 || i.Hostname != "old_name.example" {
		t.Errorf("the interface is %+v", i)
	}
}

func TestInterfaceConfigRefuses(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct{ line, want string }{
		{"interfaceconfig delete Management", `Interface "Management" is used by Listener InboundMail, Listener OutboundMail`},
		{"interfaceconfig delete Nowhere", `Unknown interface "Nowhere"`},
		{"interfaceconfig edit Management ssh off", "the last one with SSH"},
		{"interfaceconfig new management 192.0.2.1 a.example", `interface "Management" exists already`},
		{"interfaceconfig new auto 192.0.2.1 a.example", `Invalid name "auto"`},
		{"interfaceconfig new ../x 192.0.2.1 a.example", "is not a name"},
		{"interfaceconfig new X 192.0.2.300 a.example", `Invalid IP address "192.0.2.300"`},
		{"interfaceconfig new X fe80::1%eth0 a.example", `Invalid IP address "fe80::1%eth0"`},
		{"interfaceconfig new X 192.0.2.1/33 a.example", "Invalid IP address"},
		{"interfaceconfig new X 192.0.2.1 a..example", `Invalid host name "a..example"`},
		{"interfaceconfig edit Management hostname foo_bar.example", `Invalid host name "foo_bar.example": letters, digits, hyphens and dots are accepted`},
		{"interfaceconfig new X 192.0.2.1 a.example ssh 70000", `Invalid SSH port "70000"`},
		{"interfaceconfig new X 127.0.0.1 a.example ssh 2525", "port 2525"},
		{"interfaceconfig new X 192.0.2.1 a.example https 443", "HTTPS is not available"},
		{"interfaceconfig edit Management netmask 255.0.255.0", `Invalid netmask "255.0.255.0"`},
		{"interfaceconfig edit Management colour red", `Invalid key "colour"`},
	} {
		b.fails(c.line, "", c.want)
	}
	b.exec(0, "interfaceconfig new Six 2001:db8::1 six.example; interfaceconfig new Any 0.0.0.0/0 any.example; commit -y", "")
	if got := b.running().Interfaces["Six"].PrefixLength; got != 64 {
		t.Errorf("prefix length %d", got)
	}
	b.exec(0, "interfaceconfig delete six; commit -y", "")
	contains(t, b.exec(0, "interfaceconfig list --json; interfaceconfig details management", ""), `"interfaces": [`, `"used_by": []`, `"Listener InboundMail"`, "Name: Management\n")
}

func TestInterfaceConfigInterrupted(t *testing.T) {
	b := newBench(t)
	out := b.script(1, "interfaceconfig", "new", "Data1", "192.0.2.11", "", "mx1.example.com", "", "", "new", "Data2", "\x03", "showchanges")
	contains(t, out, "Interface Data1 created.", "There are no changes.")
}

func TestNetmask(t *testing.T) {
	for _, c := range []struct {
		mask string
		want int
		ok   bool
	}{
		{"255.255.255.0", 24, true}, {"0.0.0.0", 0, true}, {"255.255.255.255", 32, true}, {"30", 30, true}, {"0", 0, true},
		{"255.255.0.255", 0, false}, {"33", 0, false}, {"-1", 0, false}, {"", 0, false}, {"ffff::", 0, false},
	} {
		addr, _, err := hostAddress("192.0.2.1")
		if err != nil {
			t.Fatal(err)
		}
		got, err := netmask(addr, c.mask)
		if got != c.want || (err == nil) != c.ok {
			t.Errorf("netmask %q is %d, %v", c.mask, got, err)
		}
	}
}

// Where operators get in is no operator's to change, by dialogue or batch form, nor by what has it as a consequence.
func TestInterfaceConfigKeepsTheWayIn(t *testing.T) {
	b := newBench(t)
	b.exec(0, `userconfig new bob operator "Bob" generate; interfaceconfig new Data 192.0.2.11/24 mx.example.com; `+
		`interfaceconfig new Other 127.0.0.2/8 other.example.com ssh 2022; commit -y`, "")
	for _, c := range []struct{ line, stdin, want string }{
		{"interfaceconfig edit Other ssh off", "", "interfaceconfig edit Other ssh off."},
		{"interfaceconfig edit Other netmask 9 SS 2023", "", "interfaceconfig edit Other netmask 9 SS 2023."},
		{"interfaceconfig new More 127.0.0.3/8 more.example.com ssh 22", "", "interfaceconfig new More 127.0.0.3/8 more.example.com ssh 22."},
		{"interfaceconfig edit Other address 127.0.0.3", "", "changes to the way in: SSH on interface Other (127.0.0.2:2022), SSH on interface Other (127.0.0.3:2022)."},
		{"interfaceconfig delete Other", "", "changes to the way in: SSH on interface Other (127.0.0.2:2022)."},
		{"interfaceconfig", "edit\nOther\n\n\n\n\nn\n", "interfaceconfig edit Other ssh off."},
		{"interfaceconfig", "edit\nData\n\n\n\n\ny\n2022\n", "interfaceconfig edit Data ssh 2022."},
	} {
		_, errs := b.as("bob", 1, c.line, c.stdin)
		if want := "Error: your role does not permit " + c.want + "\n"; errs != want {
			t.Errorf("%s: %q, want %q", c.line, errs, want)
		}
	}
	b.as("bob", 0, "interfaceconfig edit Other hostname new.example.com name Else; interfaceconfig edit Data address 192.0.2.12; "+
		"interfaceconfig new Mail 127.0.0.4/8 mail4.example.com; commit -y", "")
	b.as("bob", 0, "interfaceconfig; commit -y", "edit\nElse\n\n\n\nagain.example.com\n\n\n\n\n")
	if i := b.running().Interfaces["Else"]; i == nil || i.Hostname != "again.example.com" || i.SSHPort != 2022 {
		t.Errorf("edited: %+v", i)
	}
}

// A commit that closes the last SSH port is asked for by words; programs need commit force.
func TestCommitWithoutSSH(t *testing.T) {
	b := newBench(t)
	const words = "No interface has SSH any more: nobody gets in but at the console of the machine's owner."
	ssh := func(on bool) { b.put(func(c *config.Config) { c.Interfaces["Management"].SSH = on }) }
	ssh(false)
	b.exec(0, "sethostname other.example; commit -y", "") // it was so before
	ssh(true)
	b.opts.Table = append(b.opts.Table, &shell.Command{Name: "nossh", Roles: shell.Everyone, Run: func(_ context.Context, s *shell.Session, _ []string) error {
		return change(s, func(c *config.Config) error { c.Interfaces["Management"].SSH = false; return nil })
	}})
	contains(t, b.exec(0, "nossh; commit check; clearchanges -y", ""), words+"\n", "The commit will ask about it once more; in exec and in scripts it needs commit force.\n")
	b.fails("nossh; commit -y", "", "Error: "+words+" Nothing is committed; commit force insists.")
	for _, answer := range []string{"y", "yes", "no ssh", ""} {
		contains(t, shell.RunTyped(t.Context(), b.opts, "nossh\rcommit -y\r"+answer+"\rexit\ry\r", 120, 60), words, "Type NO SSH to confirm:", "Nothing is committed.")
		if len(b.running().SSHPorts()) == 0 {
			t.Fatalf("%q commits", answer)
		}
	}
	contains(t, shell.RunTyped(t.Context(), b.opts, "nossh\rcommit -y\rNO SSH\rexit\r", 120, 60), words, "Type NO SSH to confirm:", "Changes committed: ")
	ssh(true)
	contains(t, b.exec(0, "nossh; commit force", ""), "Changes committed: ")
	if len(b.running().SSHPorts()) > 0 {
		t.Error("SSH is on")
	}
}

func TestClosedBehind(t *testing.T) {
	at := func(ports ...string) *config.Config {
		c := config.Default("mail.example.com")
		clear(c.Interfaces)
		for _, text := range ports {
			p := netip.MustParseAddrPort(text)
			c.Interfaces[text] = &config.Interface{Address: p.Addr().String(), SSH: true, SSHPort: int(p.Port())}
		}
		return c
	}
	local := netip.MustParseAddrPort("192.0.2.1:22")
	for _, c := range []struct {
		before, after []string
		closed        string
	}{
		{[]string{"192.0.2.1:22"}, []string{"192.0.2.1:22"}, ""},
		{[]string{"192.0.2.1:22"}, []string{"192.0.2.1:2022"}, "192.0.2.1:22"},
		{[]string{"192.0.2.1:22"}, []string{"192.0.2.2:22"}, "192.0.2.1:22"},
		{[]string{"192.0.2.1:22"}, []string{"0.0.0.0:22"}, ""},
		{[]string{"0.0.0.0:22"}, []string{"192.0.2.1:22"}, ""},
		{[]string{"[::]:22"}, []string{"0.0.0.0:2022"}, "[::]:22"},
		{[]string{"192.0.2.1:0"}, []string{"192.0.2.1:0", "192.0.2.2:22"}, ""},
		{[]string{"192.0.2.1:0", "192.0.2.2:22"}, []string{"192.0.2.2:22"}, "192.0.2.1:0"},
		{[]string{"192.0.2.2:22"}, []string{"192.0.2.3:22"}, ""}, // it came by none of them: at the console, or before a change
	} {
		gone, closed := closedBehind(at(c.before...), at(c.after...), local)
		if gone.Address != c.closed || closed != (c.closed != "") {
			t.Errorf("%v to %v: %v, %v", c.before, c.after, gone, closed)
		}
	}
}
