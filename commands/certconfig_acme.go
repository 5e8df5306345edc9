package commands

import (
	"context"

	"posthouse/shell"
)

// acmeMenu is the ACME entry of certconfig's menu.
func acmeMenu(ctx context.Context, a *Appliance, s *shell.Session) error {
	return shell.Fail("Error: ACME is not available.")
}

// acmeBatch runs what stands behind "certconfig acme".
func acmeBatch(ctx context.Context, a *Appliance, s *shell.Session, args []string) error {
	return shell.Fail("Error: ACME is not available.")
}

// acmeForms are the batch forms of "certconfig acme".
func acmeForms() []string {
	return []string{
		"certconfig acme setup KEY VALUE ...",
		"certconfig acme new NAME names=a,b [challenge=http-01|dns-01|tls-alpn-01] [key=p256|p384|rsa2048|rsa3072|rsa4096]",
		"certconfig acme edit NAME [names=a,b] [challenge=...] [key=...]",
		"certconfig acme delete NAME",
		"certconfig acme status",
		"certconfig acme renew NAME",
	}
}

// acmeHelp is the paragraph on ACME in certconfig's help.
const acmeHelp = ``
