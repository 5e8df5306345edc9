package commands

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"posthouse/config"
	"posthouse/shell"
)

// noShellWords is what is typed to commit a configuration without any SSH.
const noShellWords = "NO SSH"

// shutOut is a commit's remarks where it would keep out the very session that commits, or everybody. Who sits at the console
// stays in.
func (c *committing) shutOut(fresh *config.Config) (remarks []string) {
	running := c.a.Config.Running().Config
	if noShell(running, fresh) {
		return []string{"No interface has SSH any more: nobody gets in but at the console of the machine's owner."}
	}
	if c.s.Console() {
		return nil
	}
	if !admitted(fresh, c.s.Remote()) && admitted(running, c.s.Remote()) {
		remarks = append(remarks, "adminaccessconfig does not admit "+c.s.Remote()+" any more, from where this session comes.")
	}
	if gone, ok := closedBehind(running, fresh, c.s.Local()); ok {
		remarks = append(remarks, fmt.Sprintf("SSH on interface %s, by which this session came (%s), will be closed.", gone.Interface, c.s.Local()))
	}
	return remarks
}

// noShell says whether the last SSH port would be closed.
func noShell(running, fresh *config.Config) bool {
	return len(fresh.SSHPorts()) == 0 && len(running.SSHPorts()) > 0
}

// closedBehind returns the SSH port by which a connection that arrived at local came in, where a new configuration has none
// that would answer there. A port that the system chooses is another one after each change.
func closedBehind(running, fresh *config.Config, local netip.AddrPort) (gone config.SSHPort, closed bool) {
	before, after := running.SSHPorts(), fresh.SSHPorts()
	for _, place := range slices.Sorted(maps.Keys(before)) {
		if !before[place].Answers(local) {
			continue
		}
		if _, stays := after[place]; stays {
			return config.SSHPort{}, false
		}
		gone, closed = before[place], true
	}
	for place, p := range after {
		if place == p.Address && p.Answers(local) {
			return config.SSHPort{}, false
		}
	}
	return gone, closed
}

// sure asks once more at a terminal. What leaves no way in has to be typed.
func (c *committing) sure(fresh *config.Config) (bool, error) {
	if !noShell(c.a.Config.Running().Config, fresh) {
		return c.s.YesNo("Do you want to commit nevertheless?", false)
	}
	words, err := c.s.Ask(shell.Question{Text: "Type " + noShellWords + " to confirm:"})
	return words == noShellWords, err
}

// admitted says whether operators may come from the address under a configuration.
func admitted(c *config.Config, remote string) bool {
	a, err := netip.ParseAddr(remote)
	return err != nil || c.Shell.Admits(a)
}
