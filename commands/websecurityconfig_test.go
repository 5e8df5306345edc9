package commands

import "testing"

// The dialogue is that of the transcript, prompt for prompt.
func TestWebSecurityConfig(t *testing.T) {
	b := newBench(t)
	b.exec(0, "certconfig new partner cn=a.example; commit -y", "")
	out := b.script(0, "websecurityconfig", "y", "", "y", "y", "1", "commit force")
	contains(t, out, `Enable URL Filtering? [N]> 
Do you wish to enable Web Interaction Tracking? [N]> 
Do you want to add URLs to the allowed list using a URL list? [N]> 
A URL list is not available in this version; it stays off.
Do you want to set client certificate for Cisco Web Security Services Authentication? [N]> 
1. partner
2. Demo
Choose the certificate to be used for Web Security Services Authentication:
[2]> 
`, "Warning: profile \"partner\" is self-signed", "URL Filtering is enabled.\n", "not in this version")

	again := newBench(t)
	again.exec(0, "certconfig new partner cn=a.example; commit -y; websecurityconfig enable; websecurityconfig certificate PARTNER; commit force", "")
	if b.settings() != again.settings() {
		t.Errorf("dialogue and batch form give different files:\n%s\n%s", b.settings(), again.settings())
	}
	b.fails("certconfig delete partner", "", `Certificate profile "partner" is used by URL filtering.`)
	contains(t, b.exec(0, "websecurityconfig show; websecurityconfig show --json", ""),
		"URL Filtering is enabled.\nClient certificate: partner\n", "not in this version", `"certificate": "partner"`)
	b.exec(0, "websecurityconfig certificate none; websecurityconfig disable; certconfig delete partner; commit -y", "")
	b.fails("websecurityconfig certificate nobody", "", `Unknown certificate profile "nobody"`)
	b.fails("websecurityconfig service https://a.example", "", "not available in this version")
	contains(t, b.script(1, "websecurityconfig", "y", "\x03", "showchanges"), "There are no changes.")
}
