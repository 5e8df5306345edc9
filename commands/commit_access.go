package commands

import (
	"net/netip"

	"posthouse/config"
)

// shutOut is a commit's remark where it would keep out the very session that commits. Who sits at the console stays in.
func (c *committing) shutOut(fresh *config.Config) []string {
	if c.s.Console() || admitted(fresh, c.s.Remote()) || !admitted(c.a.Config.Running().Config, c.s.Remote()) {
		return nil
	}
	return []string{"adminaccessconfig does not admit " + c.s.Remote() + " any more, from where this session comes."}
}

// admitted says whether operators may come from the address under a configuration.
func admitted(c *config.Config, remote string) bool {
	a, err := netip.ParseAddr(remote)
	return err != nil || c.Shell.Admits(a)
}
