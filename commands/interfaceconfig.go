package commands

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

func interfaceConfig(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:     "interfaceconfig",
		Summary:  "Configure the IP interfaces that listeners, delivery and SSH use.",
		Roles:    shell.Readers,
		RolesFor: interfaceRoles,
		Batch: []string{
			"interfaceconfig list",
			"interfaceconfig new NAME ADDRESS[/LENGTH] HOSTNAME [ssh PORT|off]",
			"interfaceconfig edit NAME key value ...",
			"interfaceconfig details NAME",
			"interfaceconfig delete NAME",
		},
		Help: `An interface is an address of the host system under a name. The addresses themselves belong to the host
system: Posthouse listens on them and sends from them, but does not set them up. 0.0.0.0 and :: stand for every address.

The host name is what EHLO and the banner say and what certificates are compared with. SSH on an interface is the way
into this shell, and only administrators change where that is; port 0 lets the system choose a free one. HTTPS is not in
this version.

Keys of edit: name, address (with or without /LENGTH), netmask, hostname, ssh (a port, on or off).`,
		Commit: true,
		Documents: []shell.Document{
			{For: "interfaceconfig list", Value: interfacesJSON{}},
			{For: "interfaceconfig details", Value: interfaceReport{}},
			shell.Says("interfaceconfig new, edit, delete"),
		},
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			if len(args) == 0 && !s.JSON {
				return interfaceMenu(s)
			}
			return interfaceBatch(s, args)
		},
		Complete: completeInterface,
	}
}

// interfaceRoles is who may run it with these words behind it: SSH is the way in.
func interfaceRoles(args []string) shell.Roles {
	key := len(args)
	switch {
	case len(args) > 0 && fits(args[0], "edit"):
		key = 2
	case len(args) > 0 && fits(args[0], "new"):
		key = 4
	}
	for ; key < len(args); key += 2 {
		if fits(args[key], "ssh") {
			return shell.Administrator
		}
	}
	return shell.Readers
}

// changeInterfaces is change, but for a way in that the user's role does not permit to move: by another address, say.
func changeInterfaces(s *shell.Session, edit func(c *config.Config) error) error {
	return change(s, func(c *config.Config) error {
		before := c.SSHPorts()
		if err := edit(c); err != nil {
			return err
		}
		return mayMove(s, before, c.SSHPorts())
	})
}

func interfaceMenu(s *shell.Session) error {
	none := func() bool { return len(s.Candidate().Interfaces) == 0 }
	return s.Menu(shell.Menu{
		State: func() { printInterfaces(s) },
		Items: []shell.MenuItem{
			{Keyword: "NEW", What: "Create a new interface.", Do: with(s, newInterface)},
			{Keyword: "EDIT", What: "Modify an interface.", Hidden: none, Do: with(s, editInterface)},
			{Keyword: "GROUPS", What: "Define interface groups.", Do: with(s, noGroups)},
			{Keyword: "DELETE", What: "Remove an interface.", Hidden: none, Do: with(s, deleteInterface)},
			{Keyword: "DETAILS", What: "Show details of an interface.", Hidden: none, Do: with(s, showInterface)},
		},
	})
}

// noGroups is what GROUPS answers: nothing here would choose among the interfaces of a group.
func noGroups(*shell.Session) error {
	return shell.Fail("Error: interface groups are not available: every listener, and delivery, uses one interface; name it there.")
}

// with makes a menu item's work of a function that needs only the session.
func with(s *shell.Session, do func(*shell.Session) error) func(context.Context) error {
	return func(context.Context) error { return do(s) }
}

func interfaceNames(c *config.Config) []string { return slices.Sorted(maps.Keys(c.Interfaces)) }

// interfaceNamed finds an interface by its name in any case.
func interfaceNamed(c *config.Config, name string) (string, error) {
	for _, n := range interfaceNames(c) {
		if strings.EqualFold(n, name) {
			return n, nil
		}
	}
	return "", shell.Fail("Unknown interface %q: %s.", name, acceptedAre(interfaceNames(c)))
}

// interfaceLine is an interface as choices show it: Management (192.0.2.10/24: mail.example.com).
func interfaceLine(name string, i *config.Interface) string {
	return fmt.Sprintf("%s (%s/%d: %s)", name, i.Address, i.PrefixLength, i.Hostname)
}

func printInterfaces(s *shell.Session) {
	c := s.Candidate()
	if len(c.Interfaces) == 0 {
		s.Say("There are no interfaces configured.")
		return
	}
	s.Println("Currently configured interfaces:")
	for n, name := range interfaceNames(c) {
		i := c.Interfaces[name]
		s.Printf("%d. %s (%s/%d on %s: %s)\n", n+1, name, i.Address, i.PrefixLength, name, i.Hostname)
	}
}

// interfaceReport is what --json prints of an interface.
type interfaceReport struct {
	Name         string   `json:"name" doc:"the interface"`
	Address      string   `json:"address" doc:"an IP address"`
	PrefixLength int      `json:"prefix_length" doc:"bits of its network"`
	Hostname     string   `json:"hostname" doc:"of SMTP and certificates"`
	SSH          bool     `json:"ssh" doc:"operators may log in"`
	SSHPort      int      `json:"ssh_port,omitempty" doc:"where"`
	UsedBy       []string `json:"used_by" doc:"listeners and the delivery"`
}

func reportInterface(c *config.Config, name string) interfaceReport {
	i := c.Interfaces[name]
	r := interfaceReport{name, i.Address, i.PrefixLength, i.Hostname, i.SSH, 0, interfaceUses(c, name)}
	if i.SSH {
		r.SSHPort = i.SSHPort
	}
	return r
}

// interfaceUses names what would be left without its interface.
func interfaceUses(c *config.Config, name string) []string {
	uses := []string{}
	for _, l := range slices.Sorted(maps.Keys(c.Listeners)) {
		if c.Listeners[l].Interface == name {
			uses = append(uses, "Listener "+l)
		}
	}
	if c.Delivery.Interface == name {
		uses = append(uses, "Delivery")
	}
	return uses
}

// interfaceLines is every interface as choices show it, in the order of interfaceNames.
func interfaceLines(c *config.Config) []string {
	var lines []string
	for _, name := range interfaceNames(c) {
		lines = append(lines, interfaceLine(name, c.Interfaces[name]))
	}
	return lines
}

// chooseInterface asks for one of the interfaces that the state above the menu lists.
func chooseInterface(s *shell.Session, text string) (string, error) {
	return askListed(s, interfaceNames(s.Candidate()), text)
}

func showInterface(s *shell.Session) error {
	name, err := chooseInterface(s, "Enter the name or number of the interface you wish to show.")
	if err != nil {
		return err
	}
	return printInterface(s, name)
}

func printInterface(s *shell.Session, name string) error {
	r := reportInterface(s.Candidate(), name)
	if s.JSON {
		return s.PrintJSON(r)
	}
	ssh := "Disabled"
	if r.SSH {
		ssh = fmt.Sprintf("Enabled (TCP Port %d)", r.SSHPort)
	}
	used := strings.Join(r.UsedBy, ", ")
	if used == "" {
		used = "(none)"
	}
	s.Printf("Name: %s\nIP Address: %s/%d\nHostname: %s\nSSH: %s\nHTTPS: Disabled\nUsed by: %s\n",
		r.Name, r.Address, r.PrefixLength, r.Hostname, ssh, used)
	return nil
}

func deleteInterface(s *shell.Session) error {
	name, err := chooseInterface(s, "Enter the name or number of the interface you wish to delete.")
	if err != nil {
		return err
	}
	return removeInterface(s, name)
}

func removeInterface(s *shell.Session, name string) error {
	err := changeInterfaces(s, func(c *config.Config) error {
		if uses := interfaceUses(c, name); len(uses) > 0 {
			return shell.Fail("Error: Interface \"%s\" is used by %s.", name, strings.Join(uses, ", "))
		}
		if c.Interfaces[name].SSH && !sshElsewhere(c, name) {
			return lastSSH(name)
		}
		delete(c.Interfaces, name)
		return nil
	})
	if err != nil {
		return err
	}
	s.Say("Interface %s deleted.", name)
	return nil
}

// sshElsewhere says whether another interface lets operators in.
func sshElsewhere(c *config.Config, name string) bool {
	for n, i := range c.Interfaces {
		if n != name && i.SSH {
			return true
		}
	}
	return false
}

// hostAddress reads ADDRESS or ADDRESS/LENGTH; length is -1 where none is given.
func hostAddress(word string) (addr netip.Addr, length int, err error) {
	if prefix, err := netip.ParsePrefix(word); err == nil {
		return prefix.Addr(), prefix.Bits(), nil
	}
	addr, err = netip.ParseAddr(word)
	if err != nil || addr.Zone() != "" {
		return addr, 0, shell.Fail("Invalid IP address %q: an IPv4 or IPv6 address such as 192.168.1.2 is accepted.", word)
	}
	return addr, -1, nil
}

// netmask reads a prefix length or, for IPv4, a dotted mask.
func netmask(addr netip.Addr, word string) (int, error) {
	if mask, err := netip.ParseAddr(word); err == nil && mask.Is4() && addr.Is4() {
		if length, ok := maskLength(mask.As4()); ok {
			return length, nil
		}
	}
	n, err := number("netmask", word, 0, addr.BitLen())
	if err != nil {
		return 0, shell.Fail("Invalid netmask %q: a length from 0 to %d or, for IPv4, a mask such as 255.255.255.0 is accepted.", word, addr.BitLen())
	}
	return n, nil
}

// maskLength counts the leading ones of a mask; false where a one follows a zero.
func maskLength(mask [4]byte) (int, bool) {
	bits := uint32(mask[0])<<24 | uint32(mask[1])<<16 | uint32(mask[2])<<8 | uint32(mask[3])
	length := 0
	for ; bits&(1<<31) != 0; bits <<= 1 {
		length++
	}
	return length, bits == 0
}
