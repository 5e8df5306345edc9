package main

import (
	"flag"
	"os"

	"posthouse/config"
	"posthouse/internal/safefile"
)

// masterKey is what the secrets in keys/ are encrypted under. The zero value leaves them in clear.
type masterKey struct{ current, previous *safefile.MasterKey }

// masterKeyFlag adds the flag that names the key's file.
func masterKeyFlag(flags *flag.FlagSet) *string {
	return flags.String("master-key", "", "a file with the key that the secrets are encrypted under; "+
		"else the credential "+safefile.MasterKeyCredential+" or the variable "+safefile.MasterKeyVariable)
}

// findMasterKey looks where safefile says, the file first.
func findMasterKey(file string) (masterKey, error) {
	current, previous, err := safefile.ReadMasterKey(file, os.Getenv)
	return masterKey{current, previous}, err
}

func (k masterKey) forConfig() config.Option { return config.WithMasterKey(k.current, k.previous) }

func (k masterKey) openVault(dir string) (*safefile.Vault, error) {
	return safefile.OpenVault(dir, safefile.WithMasterKey(k.current), safefile.WithPreviousKeys(k.previous))
}
