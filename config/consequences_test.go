package config

import (
	"fmt"
	"slices"
	"testing"
)

func TestConsequences(t *testing.T) {
	t.Parallel()
	in := func(c *Config) *Listener { return c.Listeners["InboundMail"] }
	out := func(c *Config) *Listener { return c.Listeners["OutboundMail"] }
	dest := func(c *Config, name string, d Destination) { c.Destinations[name] = &d }
	for name, tt := range map[string]struct {
		before, change func(c *Config)
		want           []string // "kind object text", in order; what was so before ends in " (before)"
	}{
		"nothing": {nil, func(c *Config) { c.Injection.MaxHops = 50 }, nil},
		"a port is moved": {nil, func(c *Config) { in(c).Port = 2527 }, []string{
			"port_opened listeners.InboundMail Port 127.0.0.1:2527 will be opened (listener InboundMail).",
			"port_closed listeners.InboundMail Port 127.0.0.1:2525 will be closed (listener InboundMail).",
		}},
		"a port goes from one to another": {nil, func(c *Config) { delete(c.Listeners, "OutboundMail"); in(c).Port = 2526 }, []string{
			"port_closed listeners.InboundMail Port 127.0.0.1:2525 will be closed (listener InboundMail).",
		}},
		"SSH, metrics and ACME": {nil, func(c *Config) {
			c.Interfaces["Management"].SSH = false
			c.Metrics.Address = "127.0.0.1:9000"
			managed(c, false, "x")
			in(c).Certificates = []string{"mx"}
		}, []string{
			"port_opened certificates.mx Port 127.0.0.1:80 will be opened (ACME, while a certificate is obtained).",
			"port_opened metrics Port 127.0.0.1:9000 will be opened (metrics).",
			"port_closed interfaces.Management Port 127.0.0.1:2222 will be closed (SSH on interface Management).",
		}},
		"a chosen port": {nil, func(c *Config) { in(c).Port = 0 }, []string{
			"port_opened listeners.InboundMail A port of 127.0.0.1 that the system chooses will be opened (listener InboundMail).",
			"port_closed listeners.InboundMail Port 127.0.0.1:2525 will be closed (listener InboundMail).",
		}},
		"stronger TLS": {nil, func(c *Config) {
			dest(c, "a.example", Destination{TLS: TLSRequireVerify})
			c.Destinations[DefaultDestination].TLS = TLSPrefer
			in(c).HostAccess.Default.TLS = TLSRequired
		}, nil},
		"verified to clear": {func(c *Config) {
			dest(c, "a.example", Destination{TLS: TLSRequireVerify, DANE: "mandatory", MTASTS: "on"})
		},
			func(c *Config) { dest(c, "a.example", Destination{TLS: TLSNo, DANE: "opportunistic", MTASTS: "off"}) }, []string{
				`weaker_delivery destination_controls."a.example" Mail to a.example: TLS goes from required-verify to no; mail goes in clear.`,
				`weaker_delivery destination_controls."a.example" Mail to a.example: DANE goes from mandatory to opportunistic; less of it is proven.`,
				`weaker_delivery destination_controls."a.example" Mail to a.example: MTA-STS goes from on to off; the domain's policy is not obeyed any more.`,
			}},
		"by inheritance, and by removal": {
			func(c *Config) {
				c.Destinations[DefaultDestination].TLS = TLSRequire
				dest(c, "a.example", Destination{Concurrency: new(3)})
				dest(c, "b.example", Destination{TLS: TLSRequireVerify})
				dest(c, ".c.example", Destination{TLS: TLSRequireVerify})
				dest(c, "x.c.example", Destination{TLS: TLSRequireVerify})
			},
			func(c *Config) {
				c.Destinations[DefaultDestination].TLS = TLSPrefer
				delete(c.Destinations, "b.example")
				delete(c.Destinations, "x.c.example")
			}, []string{
				`weaker_delivery destination_controls.DEFAULT Mail to every destination without an entry of its own: TLS goes from required to preferred; mail goes in clear where TLS is not offered.`,
				`weaker_delivery destination_controls."a.example" Mail to a.example (which inherits it): TLS goes from required to preferred; mail goes in clear where TLS is not offered.`,
				`weaker_delivery destination_controls."b.example" Mail to b.example (which has no entry of its own any more): TLS goes from required-verify to preferred; nothing is verified any more, and mail goes in clear where TLS is not offered.`,
			}},
		"a new entry is weaker than what it inherited": {
			func(c *Config) { c.Destinations[DefaultDestination].TLS = TLSRequireVerify },
			func(c *Config) { dest(c, "a.example", Destination{TLS: TLSRequireVerifyHosted}) }, []string{
				`weaker_delivery destination_controls."a.example" Mail to a.example: TLS goes from required-verify to required-verify-hosted; a name that only the DNS gives is believed.`,
			}},
		"unused certificates": {
			func(c *Config) {
				for _, name := range []string{"partner", "spare"} {
					c.Certificates[name], c.Refs[CertificateRef(name)] = &Certificate{}, "x"
				}
				in(c).Certificates = []string{"partner"}
			},
			func(c *Config) {
				in(c).Certificates = []string{DemoCertificate}
				c.Certificates["fresh"], c.Refs[CertificateRef("fresh")] = &Certificate{}, "x"
			}, []string{
				"unused_certificate certificates.fresh Nobody uses certificate profile fresh.",
				"unused_certificate certificates.partner Nobody uses certificate profile partner any more.",
				"unused_certificate certificates.spare Nobody uses certificate profile spare. (before)",
			}},
		"nobody and everybody": {nil, func(c *Config) {
			in(c).RecipientAccess = RecipientAccess{"a.example": {}}
			out(c).HostAccess.Groups[0].Members = []string{"192.0.2.1", "0.0.0.0/0"}
			l := NewListener(Public, "Management", 2527)
			l.RecipientAccess = RecipientAccess{RouteAll: {Accept: true}}
			c.Listeners["Third"] = l
		}, []string{
			"port_opened listeners.Third Port 127.0.0.1:2527 will be opened (listener Third).",
			"open_relay listeners.OutboundMail Listener OutboundMail is an open relay for whoever can reach it: sender group RELAYLIST relays for every host.",
			"open_relay listeners.Third Listener Third is an open relay for whoever can reach it: its recipient access table accepts ALL.",
			"no_recipients listeners.InboundMail The recipient access table of listener InboundMail accepts nobody.",
		}},
		"a listener that was empty before": {func(c *Config) { in(c).RecipientAccess = nil }, func(c *Config) { c.Injection.MaxHops = 9 }, []string{
			"no_recipients listeners.InboundMail Listener InboundMail has no recipient access table: whoever may not relay is rejected. (before)",
		}},
		"ALL behind who is rejected": {nil, func(c *Config) {
			in(c).RecipientAccess[RouteAll] = &RecipientRule{Accept: true}
			in(c).HostAccess.Groups[4].Policy = "BLOCKED"
		}, nil},
		"sender groups lose TLS": {
			func(c *Config) {
				in(c).HostAccess.Default.TLS, in(c).HostAccess.Default.TLSVerify = TLSRequired, new(true)
				in(c).HostAccess.Policies["TRUSTED"].Params.TLS = TLSRequired
				in(c).ImplicitTLS = true
			},
			func(c *Config) {
				in(c).HostAccess.Default.TLSVerify = new(false)
				in(c).HostAccess.Policies["TRUSTED"].Params.TLS = TLSPreferred
				in(c).ImplicitTLS = false
			}, []string{
				"weaker_receiving listeners.InboundMail Listener InboundMail: connections begin in clear; TLS is no longer implicit.",
				"weaker_receiving listeners.InboundMail.host_access.default Listener InboundMail: client certificates are not asked for any more in the default policy.",
				"weaker_receiving listeners.InboundMail.host_access.groups.RELAYLIST Listener InboundMail: client certificates are not asked for any more for sender group RELAYLIST.",
				"weaker_receiving listeners.InboundMail.host_access.groups.ALLOWED_LIST Listener InboundMail: TLS goes from required to preferred for sender group ALLOWED_LIST.",
				"weaker_receiving listeners.InboundMail.host_access.groups.SUSPECTLIST Listener InboundMail: client certificates are not asked for any more for sender group SUSPECTLIST.",
				"weaker_receiving listeners.InboundMail.host_access.groups.ALL Listener InboundMail: client certificates are not asked for any more for sender group ALL.",
			}},
		"rights": {
			func(c *Config) {
				for _, name := range []string{"bob", "carl", "dora", "emil", "fred"} {
					c.Users[name] = &User{Role: RoleOperator, Keys: []string{"ssh-ed25519 A", "ssh-ed25519 B"}}
				}
			},
			func(c *Config) {
				delete(c.Users, "bob")
				c.Users["carl"].Role = RoleGuest
				c.Users["dora"].Role = RoleAdministrator
				c.Users["emil"].Keys = c.Users["emil"].Keys[1:]
				c.Users["fred"].Locked = true
			}, []string{
				"rights_lost users.bob The account bob is gone; its sessions end with their next command.",
				"rights_lost users.carl The account carl goes from role operator to role guest, from its next command on.",
				"rights_lost users.emil The account emil loses 1 of its 2 public keys.",
				"rights_lost users.fred The account fred is locked: it is let in no more, by passphrase or key.",
			}},
		"routes to nothing": {
			func(c *Config) { c.Routes["old.example"] = &Route{Hops: []string{"/dev/null"}} },
			func(c *Config) {
				c.Routes["a.example"] = &Route{Hops: []string{"mx.example", "[127.0.0.1]:2525"}}
				c.Routes["b.example"] = &Route{Hops: []string{"[192.0.2.1]"}}
				c.Routes["c.example"] = &Route{Hops: []string{"/dev/null"}}
			}, []string{
				`dead_route smtp_routes."a.example" The SMTP route of a.example leads back to our own listener InboundMail.`,
				`dead_route smtp_routes."c.example" The SMTP route of c.example throws every message away.`,
				`dead_route smtp_routes."old.example" The SMTP route of old.example throws every message away. (before)`,
			}},
	} {
		t.Run(name, func(t *testing.T) {
			old := Default("mail.example.com")
			in(old).RecipientAccess = RecipientAccess{"example.com": {Accept: true}}
			old.Routes = map[string]*Route{}
			if tt.before != nil {
				tt.before(old)
			}
			fresh := old.Clone()
			tt.change(fresh)
			var got []string
			for _, c := range Consequences(old, fresh) {
				line := fmt.Sprintf("%s %s %s", c.Kind, c.Object, c.Text)
				if c.Before {
					line += " (before)"
				}
				got = append(got, line)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got\n%q\nwant\n%q", got, tt.want)
			}
		})
	}
}
