package commands

import (
	"strconv"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

func newInterface(s *shell.Session) error {
	name, err := s.Ask(shell.Question{Text: "IP interface name (Ex: \"InternalNet\"):", Required: true, Check: func(name string) error {
		if err := newInterfaceName(s.Candidate(), name, ""); err != nil {
			return err
		}
		return acceptable(s, func(c *config.Config) { c.Interfaces[name] = sampleInterface() })
	}})
	if err != nil {
		return err
	}
	i := &config.Interface{PrefixLength: 24}
	if err := askInterface(s, i, "new", name); err != nil {
		return err
	}
	err = changeInterfaces(s, func(c *config.Config) error { c.Interfaces[name] = i; return nil })
	if err != nil {
		return err
	}
	s.Say("Interface %s created.", name)
	return nil
}

func editInterface(s *shell.Session) error {
	name, err := chooseInterface(s, "Enter the name or number of the interface you wish to edit.")
	if err != nil {
		return err
	}
	newName, err := s.Ask(shell.Question{Text: "IP interface name (Ex: \"InternalNet\"):", Default: name, Check: func(answer string) error {
		if err := newInterfaceName(s.Candidate(), answer, name); err != nil {
			return err
		}
		return acceptable(s, func(c *config.Config) { renameInterface(c, name, answer) })
	}})
	if err != nil {
		return err
	}
	i := *s.Candidate().Interfaces[name]
	if err := askInterface(s, &i, "edit", name); err != nil {
		return err
	}
	return changeInterfaces(s, func(c *config.Config) error {
		c.Interfaces[name] = &i
		if !i.SSH && !sshElsewhere(c, name) {
			return lastSSH(name)
		}
		renameInterface(c, name, newName)
		return nil
	})
}

// newInterfaceName says whether name may be given to a new interface or to the one that is called old.
func newInterfaceName(c *config.Config, name, old string) error {
	if strings.EqualFold(name, "auto") || strings.EqualFold(name, "all") {
		return shell.Fail("Invalid name %q: the word has a meaning of its own.", name)
	}
	if taken, err := interfaceNamed(c, name); err == nil && taken != old {
		return shell.Fail("Invalid name %q: interface %q exists already.", name, taken)
	}
	return nil
}

// sampleInterface is one that is right in everything, for the check of a name alone.
func sampleInterface() *config.Interface {
	return &config.Interface{Address: "127.0.0.1", PrefixLength: 8, Hostname: "localhost"}
}

// checkMachineName refuses what may not be the name of a machine, unless it has that name already.
func checkMachineName(name, present string) error {
	if name = hostWord(name); name == present || config.ValidMachineName(name) {
		return nil
	}
	return shell.Fail("Invalid host name %q: letters, digits, hyphens and dots are accepted; each label has 1 to 63 characters and no hyphen "+
		"at its ends, the last one a letter.", name)
}

// renameInterface moves an interface to another name, with everything that refers to it.
func renameInterface(c *config.Config, from, to string) {
	if from == to {
		return
	}
	c.Interfaces[to] = c.Interfaces[from]
	delete(c.Interfaces, from)
	for _, l := range c.Listeners {
		if l.Interface == from {
			l.Interface = to
		}
	}
	if c.Delivery.Interface == from {
		c.Delivery.Interface = to
	}
}

// askInterface asks for everything but the name; what i holds is the default. form is how the batch form begins.
func askInterface(s *shell.Session, i *config.Interface, form ...string) error {
	answer, err := s.Ask(shell.Question{Text: "IP Address (Ex: 192.168.1.2):", Default: i.Address, Required: true, Check: func(word string) error {
		_, _, err := hostAddress(word)
		return err
	}})
	if err != nil {
		return err
	}
	if err := setAddress(i, answer); err != nil {
		return err
	}
	if err := askNetmask(s, i); err != nil {
		return err
	}
	present := i.Hostname
	i.Hostname, err = s.Ask(shell.Question{Text: "Hostname:", Default: present, Required: true, Check: func(word string) error {
		return checkMachineName(word, present)
	}})
	if err != nil {
		return err
	}
	i.Hostname = hostWord(i.Hostname)
	if form[0] == "new" {
		form = append(form, i.Address, i.Hostname)
	}
	if err := askSSH(s, i, form); err != nil {
		return err
	}
	https, err := s.YesNo("Do you want to enable HTTPS on this interface?", false)
	if err == nil && https {
		s.Say("HTTPS is not available in this version; it stays off.")
	}
	return err
}

func askNetmask(s *shell.Session, i *config.Interface) error {
	addr, _, err := hostAddress(i.Address)
	if err != nil {
		return err
	}
	mask, err := s.Ask(shell.Question{
		Text: "Netmask (Ex: \"255.255.255.0\" or \"24\"):", Default: strconv.Itoa(i.PrefixLength),
		Check: func(word string) error { _, err := netmask(addr, word); return err },
	})
	if err != nil {
		return err
	}
	i.PrefixLength, err = netmask(addr, mask)
	return err
}

func askSSH(s *shell.Session, i *config.Interface, form []string) (err error) {
	before := *i
	if !i.SSH {
		i.SSHPort = 22
	}
	if i.SSH, err = s.YesNo("Do you want to enable SSH on this interface?", i.SSH); err != nil {
		return err
	}
	word := "off"
	if !i.SSH {
		i.SSHPort = 0
	} else {
		i.SSHPort, err = s.AskInt(shell.Question{Text: "Which port do you want to use for SSH?", Default: strconv.Itoa(i.SSHPort)}, 0, 65535)
		if err != nil {
			return err
		}
		word = strconv.Itoa(i.SSHPort)
	}
	if i.SSH == before.SSH && i.SSHPort == before.SSHPort {
		return nil
	}
	return s.Permit(append(form, "ssh", word)...)
}

// setAddress takes ADDRESS or ADDRESS/LENGTH. Where no length is given the present one stays if it fits the family.
func setAddress(i *config.Interface, word string) error {
	addr, length, err := hostAddress(word)
	if err != nil {
		return err
	}
	old, _, oldErr := hostAddress(i.Address)
	switch {
	case length >= 0:
		i.PrefixLength = length
	case oldErr == nil && old.Is4() != addr.Is4(), oldErr != nil && addr.Is6():
		i.PrefixLength = map[bool]int{true: 24, false: 64}[addr.Is4()]
	}
	i.Address = addr.String()
	return nil
}

func interfaceBatch(s *shell.Session, args []string) error {
	if len(args) == 0 {
		args = []string{"list"}
	}
	return dispatch("interfaceconfig", args, []subcommand{
		{"list", 0, 0, func([]string) error { return listInterfaces(s) }},
		{"new", 3, -1, func(args []string) error { return batchNewInterface(s, args) }},
		{"edit", 3, -1, func(args []string) error { return onInterface(s, args, batchEditInterface) }},
		{"details", 1, 1, func(args []string) error {
			return onInterface(s, args, func(s *shell.Session, name string, _ []string) error { return printInterface(s, name) })
		}},
		{"delete", 1, 1, func(args []string) error {
			return onInterface(s, args, func(s *shell.Session, name string, _ []string) error { return removeInterface(s, name) })
		}},
	})
}

// onInterface runs do with the interface that args[0] names and the words behind it.
func onInterface(s *shell.Session, args []string, do func(*shell.Session, string, []string) error) error {
	name, err := interfaceNamed(s.Candidate(), args[0])
	if err != nil {
		return err
	}
	return do(s, name, args[1:])
}

type interfacesJSON struct {
	Interfaces []interfaceReport `json:"interfaces" doc:"in order of name"`
}

func listInterfaces(s *shell.Session) error {
	if !s.JSON {
		printInterfaces(s)
		return nil
	}
	c := s.Candidate()
	list := []interfaceReport{}
	for _, name := range interfaceNames(c) {
		list = append(list, reportInterface(c, name))
	}
	return s.PrintJSON(interfacesJSON{list})
}

func batchNewInterface(s *shell.Session, args []string) error {
	name := args[0]
	i := &config.Interface{PrefixLength: 24}
	settings := append([]setting{{"address", func(v string) error { return setAddress(i, v) }}}, interfaceSettings(i)...)
	words := append([]string{"address", args[1], "hostname", args[2]}, args[3:]...)
	err := changeInterfaces(s, func(c *config.Config) error {
		if err := newInterfaceName(c, name, ""); err != nil {
			return err
		}
		c.Interfaces[name] = i
		return applySettings(words, settings)
	})
	if err != nil {
		return err
	}
	s.Say("Interface %s created.", name)
	return nil
}

func batchEditInterface(s *shell.Session, name string, args []string) error {
	return changeInterfaces(s, func(c *config.Config) error {
		i, newName := c.Interfaces[name], name
		settings := append([]setting{
			{"name", func(v string) error { newName = v; return newInterfaceName(c, v, name) }},
			{"address", func(v string) error { return setAddress(i, v) }},
		}, interfaceSettings(i)...)
		if err := applySettings(args, settings); err != nil {
			return err
		}
		if !i.SSH && !sshElsewhere(c, name) {
			return lastSSH(name)
		}
		renameInterface(c, name, newName)
		return nil
	})
}

func interfaceSettings(i *config.Interface) []setting {
	return []setting{
		{"netmask", func(v string) error {
			addr, _, err := hostAddress(i.Address)
			if err != nil {
				return err
			}
			i.PrefixLength, err = netmask(addr, v)
			return err
		}},
		{"hostname", func(v string) error { return setMachineName(i, v) }},
		{"ssh", func(v string) error { return setSSH(i, v) }},
		{"https", func(string) error { return shell.Fail("Error: HTTPS is not available in this version.") }},
		{"certificate", func(string) error {
			return shell.Fail("Error: HTTPS is not available in this version, so an interface has no certificate.")
		}},
	}
}

func setMachineName(i *config.Interface, word string) error {
	if err := checkMachineName(word, i.Hostname); err != nil {
		return err
	}
	i.Hostname = hostWord(word)
	return nil
}

// setSSH takes a port, on (with the present port, else 22) or off.
func setSSH(i *config.Interface, word string) error {
	switch strings.ToLower(word) {
	case "off":
		i.SSH, i.SSHPort = false, 0
		return nil
	case "on":
		if !i.SSH {
			i.SSH, i.SSHPort = true, 22
		}
		return nil
	}
	port, err := strconv.Atoi(word)
	if err != nil || port < 0 || port > 65535 {
		return shell.Fail("Invalid SSH port %q: a number from 0 to 65535, on or off is accepted.", word)
	}
	i.SSH, i.SSHPort = true, port
	return nil
}

func lastSSH(name string) error {
	return shell.Fail("Error: Interface \"%s\" is the last one with SSH; nobody could log in without it.", name)
}

func completeInterface(s *shell.Session, args []string) []string {
	if len(args) <= 1 {
		return startingWith(args, []string{"list", "new", "edit", "details", "delete"})
	}
	switch {
	case args[0] == "new" && len(args)%2 == 1 && len(args) > 4:
		return startingWith(args, []string{"ssh"})
	case args[0] == "new":
		return nil
	case len(args) == 2:
		return startingWith(args, interfaceNames(s.Candidate()))
	case args[0] == "edit" && len(args)%2 == 1:
		return startingWith(args, []string{"name", "address", "netmask", "hostname", "ssh"})
	}
	return nil
}
