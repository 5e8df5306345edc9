package commands

import "testing"

func TestHelpCause(t *testing.T) {
	b := newBench(t)
	contains(t, b.exec(0, "help cause v2", ""), "Cause V2: intermediate certificate missing\n", "Whose fault:", "What helps:", "TLS reports:  certificate-not-trusted",
		"In mail_logs: DCID 7 TLS failed: verify error: unable to get local issuer certificate [V2]\n")
	contains(t, b.exec(0, "help cause", ""), "Id", "N1", "connect", "no address for the destination", "V14", "Q5")
	contains(t, b.exec(0, "help help", ""), "help cause [ID]")
	contains(t, b.exec(0, "help destconfig", ""), "destconfig - ")
	b.fails("help cause V99", "", `Unknown cause "V99"`)
	b.fails("help cause V1 V2", "", `"V2"`)
}
