package config

import (
	"slices"
	"strings"
	"testing"
)

func TestValidateNamesTheSetting(t *testing.T) {
	in := func(c *Config) *Listener { return c.Listeners["InboundMail"] }
	for want, edit := range map[string]func(c *Config){
		`hostname: "a b" is not a host name`:                                         func(c *Config) { c.Hostname = "a b" },
		`interfaces.Management.address: "127.0.0.300" is not an IPv4 or IPv6`:        func(c *Config) { c.Interfaces["Management"].Address = "127.0.0.300" },
		`interfaces.Management.prefix_length: 33 is not a number from 0 to 32`:       func(c *Config) { c.Interfaces["Management"].PrefixLength = 33 },
		`interfaces.Management.ssh_port: 70000`:                                      func(c *Config) { c.Interfaces["Management"].SSHPort = 70000 },
		`interfaces: at least one is needed`:                                         func(c *Config) { c.Interfaces = nil },
		`interfaces.X: is empty`:                                                     func(c *Config) { c.Interfaces["X"] = nil },
		`interfaces.management: differs from "Management" in case only`:              func(c *Config) { c.Interfaces["management"] = c.Interfaces["Management"] },
		`listeners."a b": "a b" is not a name`:                                       func(c *Config) { c.Listeners["a b"] = NewListener(Public, "Management", 99) },
		`listeners.7: "7" is not a name`:                                             func(c *Config) { c.Listeners["7"] = NewListener(Public, "Management", 99) },
		`listeners.InboundMail.interface: there is no interface "X"`:                 func(c *Config) { in(c).Interface = "X" },
		`listeners.InboundMail.type: "x" is not one of public, private, blackhole`:   func(c *Config) { in(c).Type = "x" },
		`listeners.InboundMail.certificate: there is no certificate profile "x"`:     func(c *Config) { in(c).Certificates = []string{"x"} },
		`listeners.InboundMail.certificate: "Demo" is there twice`:                   func(c *Config) { in(c).Certificates = []string{"Demo", "Demo"} },
		`listeners.InboundMail.certificate: one certificate profile`:                 func(c *Config) { in(c).Certificates = nil },
		`listeners.InboundMail.bounce_profile: there is no bounce profile "x"`:       func(c *Config) { in(c).BounceProfile = "x" },
		`listeners.OutboundMail.port: port 2525 of 127.0.0.1 is taken by listener I`: func(c *Config) { c.Listeners["OutboundMail"].Port = 2525 },
		`listeners.InboundMail.port: port 2222 of 127.0.0.1 is taken by SSH on`:      func(c *Config) { in(c).Port = 2222 },
		`listeners.OutboundMail.port: port 2525 of 0.0.0.0 is taken`: func(c *Config) {
			c.Interfaces["Any"] = &Interface{Address: "0.0.0.0", Hostname: "x.example"}
			c.Listeners["OutboundMail"].Interface, c.Listeners["OutboundMail"].Port = "Any", 2525
		},
		`listeners.InboundMail.host_access.default.max_concurrency: the default needs a value`: func(c *Config) { in(c).HostAccess.Default.MaxConcurrency = nil },
		`listeners.InboundMail.host_access.policies.TRUSTED.params.max_message_size: "-3"`:     func(c *Config) { *in(c).HostAccess.Policies["TRUSTED"].Params.MaxMessageSize = -3 },
		`listeners.InboundMail.host_access.policies.TRUSTED.behavior: "accept" is not one of`:  func(c *Config) { in(c).HostAccess.Policies["TRUSTED"].Behavior = "accept" },
		`listeners.InboundMail.host_access.policies.lower: "lower" is not a name of a policy`:  func(c *Config) { in(c).HostAccess.Policies["lower"] = &Policy{Behavior: Accept} },
		`listeners.InboundMail.host_access.groups.ALLOWED_LIST.policy: there is no policy`:     func(c *Config) { delete(in(c).HostAccess.Policies, "TRUSTED") },
		`listeners.InboundMail.host_access.groups.RELAYLIST.members: "x y" is not a member`:    func(c *Config) { in(c).HostAccess.Groups[0].Members = []string{"x y"} },
		`listeners.InboundMail.recipient_access."a@b@c": "a@b@c" is not a recipient`:           func(c *Config) { in(c).RecipientAccess = RecipientAccess{"a@b@c": {}} },
		`listeners.InboundMail.recipient_access."example.com".code: 250 is not a number from`:  func(c *Config) { in(c).RecipientAccess = RecipientAccess{"example.com": {Code: 250}} },
		`listeners.InboundMail.recipient_access: only a public listener`: func(c *Config) {
			in(c).Type, in(c).RecipientAccess = Private, RecipientAccess{"example.com": {Accept: true}}
		},
		`destination_controls.DEFAULT: cannot be deleted`:                                   func(c *Config) { delete(c.Destinations, DefaultDestination) },
		`destination_controls.DEFAULT: concurrency, limit_per`:                              func(c *Config) { c.Destinations[DefaultDestination].TLS = "" },
		`destination_controls."a_.b c": "a_.b c" is not a domain`:                           func(c *Config) { c.Destinations["a_.b c"] = &Destination{} },
		`destination_controls."a.example".concurrency: 1001`:                                func(c *Config) { c.Destinations["a.example"] = &Destination{Concurrency: new(1001)} },
		`destination_controls."a.example".mta_sts: "maybe" is not one of`:                   func(c *Config) { c.Destinations["a.example"] = &Destination{MTASTS: "maybe"} },
		`destination_controls."a.example".tls: "on" is not one of`:                          func(c *Config) { c.Destinations["a.example"] = &Destination{TLS: "on"} },
		`destination_controls."a.example".dane: "yes" is not one of`:                        func(c *Config) { c.Destinations["a.example"] = &Destination{DANE: "yes"} },
		`destination_controls."a.example".certificate: there is no certificate profile "x"`: func(c *Config) { c.Destinations["a.example"] = &Destination{Certificate: "x"} },
		`smtp_routes."a.example".hops: at least one destination host`:                       func(c *Config) { c.Routes = map[string]*Route{"a.example": {}} },
		`smtp_routes.ALL.hops: USEDNS stands alone`:                                         func(c *Config) { c.Routes = map[string]*Route{"ALL": {Hops: []string{"USEDNS", "x.example"}}} },
		`bounce_profiles.Default: cannot be deleted`:                                        func(c *Config) { c.Bounces = nil },
		`bounce_profiles.Default.max_retry: 10 is not a number from 60 to`:                  func(c *Config) { c.Bounces["Default"].MaxRetry = 10 },
		`bounce_profiles.Default.notice_to: "x" is not an email address`:                    func(c *Config) { c.Bounces["Default"].NoticeTo = "x" },
		`certificates.Demo: cannot be deleted`:                                              func(c *Config) { delete(c.Certificates, "Demo") },
		`users: at least one administrator is needed, and not locked`:                       func(c *Config) { c.Users = nil },
		`users.admin.role: "root" is not one of admin`:                                      func(c *Config) { c.Users["admin"].Role = "root" },
		`users.admin.keys: "ssh-rsa AAA" is not a public key`:                               func(c *Config) { c.Users["admin"].Keys = []string{"ssh-rsa AAA"} },
		`users.admin.full_name: "a\x1b[2J" is not one line of text`:                         func(c *Config) { c.Users["admin"].FullName = "a\x1b[2J" },
		`delivery.interface: there is no interface "x"`:                                     func(c *Config) { c.Delivery.Interface = "x" },
		`dns.servers.x.address: "x" is not an address`:                                      func(c *Config) { c.DNS.Servers = []DNSServer{{Address: "x"}} },
		`url_filtering.certificate: there is no certificate profile "x"`:                    func(c *Config) { c.URLFilter.Certificate = "x" },
		`shell.idle_timeout: 0 is not a number from 1 to 1440`:                              func(c *Config) { c.Shell.IdleTimeout = 0 },
		`logs.max_file_size: 1 is not a size`:                                               func(c *Config) { c.Logs.MaxFileSize = 1 },
	} {
		c := Default("mail.example.com")
		edit(c)
		var found []string
		for _, fe := range FieldErrors(c.Validate()) {
			found = append(found, fe.Error())
		}
		if !slices.ContainsFunc(found, func(s string) bool { return strings.HasPrefix(s, want) }) {
			t.Errorf("want %q, got\n%s", want, strings.Join(found, "\n"))
		}
	}
}

func TestValidateFindsEveryFault(t *testing.T) {
	c := Default("mail.example.com")
	c.Hostname, c.Delivery.Concurrency, c.Injection.MaxHops = "", 0, 0
	if n := len(FieldErrors(c.Validate())); n != 3 {
		t.Errorf("%d faults: %v", n, c.Validate())
	}
}

func TestPortZeroIsNeverTaken(t *testing.T) {
	c := Default("mail.example.com")
	c.Interfaces["Management"].SSHPort, c.Listeners["InboundMail"].Port, c.Listeners["OutboundMail"].Port = 0, 0, 0
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

// An empty configuration is full of faults, none of which is a panic.
func TestValidateEmpty(t *testing.T) {
	if err := new(Config).Validate(); err == nil {
		t.Error("an empty configuration is valid")
	}
}
