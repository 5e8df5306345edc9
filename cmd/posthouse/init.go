package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"

	"posthouse/certstore"
	"posthouse/config"
	"posthouse/internal/passhash"
	"posthouse/internal/safefile"
)

// choices are what init's flags say; their zero values are what serve sets an empty folder up with.
type choices struct {
	hostname               string
	ssh, inbound, outbound string // ADDR:PORT
	password               string // empty: one is made and printed
	authorizedKey          string // a line as in authorized_keys
	key                    masterKey
}

func defaultChoices() choices {
	return choices{hostname: defaultHostname(), ssh: "127.0.0.1:2222", inbound: "127.0.0.1:2525", outbound: "127.0.0.1:2526"}
}

// defaultHostname is the machine's, where it is a name that a certificate could carry.
func defaultHostname() string {
	name, err := os.Hostname()
	if err != nil || !strings.Contains(name, ".") || !config.ValidMachineName(name) {
		return "mail.example.com"
	}
	return strings.ToLower(name)
}

func initialize(_ context.Context, args []string, std streams) error {
	flags := flag.NewFlagSet("init", flag.ContinueOnError)
	want := defaultChoices()
	data := flags.String("data", "", "the folder to set up")
	flags.StringVar(&want.hostname, "hostname", want.hostname, "the appliance's host name")
	flags.StringVar(&want.ssh, "ssh", want.ssh, "ADDR:PORT of the shell")
	flags.StringVar(&want.inbound, "inbound", want.inbound, "ADDR:PORT of the public listener InboundMail")
	flags.StringVar(&want.outbound, "outbound", want.outbound, "ADDR:PORT of the private listener OutboundMail")
	fromStdin := flags.Bool("admin-password-stdin", false, "take the admin password from standard input")
	keyFile := flags.String("authorized-key", "", "a file with a public key that may log in as admin")
	masterFile := masterKeyFlag(flags)
	if err := parse(flags, args, std); err != nil {
		return err
	}
	if *data == "" {
		return fmt.Errorf("%w: --data DIR is needed", errUsage)
	}
	if config.IsSetUp(*data) {
		return fmt.Errorf("%s: %w; nothing was changed", *data, config.ErrExists)
	}
	var err error
	if want.key, err = findMasterKey(*masterFile); err != nil {
		return err
	}
	if *fromStdin {
		line, err := bufio.NewReader(io.LimitReader(std.in, 4096)).ReadString('\n')
		if err != nil && err != io.EOF {
			return fmt.Errorf("read the admin password: %w", err)
		}
		if want.password = strings.TrimRight(line, "\r\n"); want.password == "" {
			return errors.New("the admin password on standard input is empty")
		}
	}
	if *keyFile != "" {
		line, err := os.ReadFile(*keyFile)
		if err != nil {
			return fmt.Errorf("read the authorized key: %w", err)
		}
		want.authorizedKey = strings.TrimSpace(string(line))
	}
	return setUp(*data, want, std.out)
}

// setUp makes the data folder what a first start needs. The configuration is written last: a folder whose set-up was
// interrupted is set up again.
func setUp(dir string, want choices, out io.Writer) error {
	conf, err := want.config()
	if err != nil {
		return err
	}
	if err := makeFolders(dir); err != nil {
		return err
	}
	vault, err := want.key.openVault(filepath.Join(dir, "keys"))
	if err != nil {
		return err
	}
	made := want.password == ""
	if made {
		want.password = newPassword()
	}
	if err := putSecrets(conf, vault, want.password); err != nil {
		return err
	}
	if err := makeHostKeys(vault); err != nil {
		return err
	}
	if err := config.MakeExportKey(vault); err != nil {
		return err
	}
	if err := makeIdentity(dir); err != nil {
		return err
	}
	if _, err := config.Create(dir, conf, config.Author{User: "admin", From: "set-up"}, want.key.forConfig()); err != nil {
		return fmt.Errorf("set up %s: %w", dir, err)
	}
	fmt.Fprintf(out, "%s is set up.\n", dir)
	if made {
		fmt.Fprintf(out, "The password of the user admin, shown this once: %s\n", want.password)
	}
	return nil
}

// folders are the parts of the data folder; secrets lie in those that only the owner may enter.
var folders = []string{"", "keys", "revisions", "spool", "logs", "configuration", "state", "run"}

func makeFolders(dir string) error {
	for _, sub := range folders {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return fmt.Errorf("set up: %w", err)
		}
	}
	return nil
}

// putSecrets makes the Demo certificate and the hash of admin's password.
func putSecrets(conf *config.Config, vault *safefile.Vault, password string) error {
	demo, err := certstore.Demo(conf.Hostname)
	if err != nil {
		return fmt.Errorf("make the %s certificate: %w", config.DemoCertificate, err)
	}
	id, err := certstore.New(vault).Put(demo)
	if err != nil {
		return fmt.Errorf("keep the %s certificate: %w", config.DemoCertificate, err)
	}
	conf.Refs[config.CertificateRef(config.DemoCertificate)] = id
	id, err = vault.Put("passphrase", []byte(passhash.Hash(password)))
	if err != nil {
		return fmt.Errorf("keep the password's hash: %w", err)
	}
	conf.Refs[config.PassphraseRef("admin")] = id
	return nil
}

// newPassword has 100 bits and is easy to type.
func newPassword() string {
	text := strings.ToLower(rand.Text())[:20]
	return text[:5] + "-" + text[5:10] + "-" + text[10:15] + "-" + text[15:]
}

// config returns the defaults with what was chosen.
func (c choices) config() (*config.Config, error) {
	if !config.ValidMachineName(strings.TrimSuffix(c.hostname, ".")) {
		return nil, fmt.Errorf("--hostname: %q is not a host name: labels of 1 to 63 letters, digits and hyphens, separated by dots, are accepted", c.hostname)
	}
	conf := config.Default(strings.ToLower(c.hostname))
	home, err := parseAddress("--ssh", c.ssh)
	if err != nil {
		return nil, err
	}
	management := conf.Interfaces["Management"]
	management.Address, management.PrefixLength = home.Addr().String(), prefixLength(home.Addr())
	management.SSHPort = int(home.Port())
	for _, l := range []struct{ flag, address, name, iface string }{
		{"--inbound", c.inbound, "InboundMail", "Data1"},
		{"--outbound", c.outbound, "OutboundMail", "Data2"},
	} {
		at, err := parseAddress(l.flag, l.address)
		if err != nil {
			return nil, err
		}
		conf.Listeners[l.name].Port = int(at.Port())
		conf.Listeners[l.name].Interface = interfaceFor(conf, at.Addr(), l.iface)
	}
	if c.authorizedKey != "" {
		if _, _, _, _, err := ssh.ParseAuthorizedKey([]byte(c.authorizedKey)); err != nil {
			return nil, fmt.Errorf("--authorized-key: %w", err)
		}
		conf.Users["admin"].Keys = []string{c.authorizedKey}
	}
	return conf, conf.Validate()
}

// interfaceFor returns the name of the interface with the address, and makes one named name where there is none.
func interfaceFor(conf *config.Config, addr netip.Addr, name string) string {
	for _, known := range []string{"Management", "Data1"} {
		if i := conf.Interfaces[known]; i != nil && i.Address == addr.String() {
			return known
		}
	}
	conf.Interfaces[name] = &config.Interface{Address: addr.String(), PrefixLength: prefixLength(addr), Hostname: conf.Hostname}
	return name
}

func prefixLength(a netip.Addr) int {
	switch {
	case a.IsLoopback() && a.Is4():
		return 8
	case a.Is4():
		return 24
	case a.IsLoopback():
		return 128
	}
	return 64
}

// parseAddress reads ADDR:PORT; an address left out means every address.
func parseAddress(flagName, text string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%w: %s %q: ADDR:PORT is wanted", errUsage, flagName, text)
	}
	if host == "" {
		host = "0.0.0.0"
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%w: %s %q: %q is not an IP address", errUsage, flagName, text, host)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%w: %s %q: %q is not a port", errUsage, flagName, text, port)
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(n)), nil
}

// newSerial is the appliance's serial number: 20 and 12 hexadecimal digits.
func newSerial() string {
	var raw [16]byte
	rand.Read(raw[:])
	digits := strings.ToUpper(hex.EncodeToString(raw[:]))
	return digits[:20] + "-" + digits[20:]
}
