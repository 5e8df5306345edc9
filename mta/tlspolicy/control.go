package tlspolicy

import "posthouse/config"

// LevelName is how operators call a level: "Required (Verify)". What is no level is called what it is treated as.
func LevelName(level config.TLSLevel) string {
	switch level {
	case config.TLSDefault:
		return "Default"
	case config.TLSNo:
		return "No"
	case config.TLSPrefer:
		return "Preferred"
	case config.TLSRequire:
		return "Required"
	case config.TLSPreferVerify:
		return "Preferred (Verify)"
	case config.TLSRequireVerifyHosted:
		return "Required (Verify Hosted Domains)"
	}
	return "Required (Verify)"
}

// ControlFor returns what the destination controls ask for a recipients' domain.
func ControlFor(c *config.Config, domain string) Control {
	d, entry := c.Destination(domain)
	own := c.Destinations[entry]
	return Control{
		Entry: entry, Level: d.TLS, DANE: d.DANE, MTASTS: d.MTASTS == "on",
		Explicit: entry != config.DefaultDestination && own != nil && own.TLS != config.TLSDefault,
		Alert:    c.Delivery.TLSAlert || d.Alert == "on",
	}
}

// byControl is the destination control, which always has a say.
func (f Facts) byControl() demand {
	c := f.Control
	d := demand{rule: Rule{Source: SourceControl + " " + c.Entry, Asks: LevelName(c.Level)}}
	switch c.Level {
	case config.TLSNo:
	case config.TLSPrefer:
		d.encrypt = Prefer
	case config.TLSRequire:
		d.encrypt = Require
	case config.TLSPreferVerify:
		d.encrypt, d.verify, d.proofs = Prefer, Prefer, []Proof{ProofNames}
	case config.TLSRequireVerifyHosted:
		d.encrypt, d.verify, d.proofs = Require, Require, []Proof{ProofHosted}
	default: // a mistake ends in waiting and never in clear
		d.rule.Asks = LevelName(config.TLSRequireVerify)
		d.encrypt, d.verify, d.proofs = Require, Require, []Proof{ProofNames}
	}
	if d.verify != Never && f.DANE.State == DANEUsable {
		d.rule.Why = "a TLSA record that matches counts as verification too"
	}
	return d
}

// switchedOff says that the domain's own entry forbids TLS, and with it what else would ask for it.
func (c Control) switchedOff() bool { return c.Explicit && c.Level == config.TLSNo }
