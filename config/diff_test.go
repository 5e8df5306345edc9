package config

import (
	"slices"
	"strings"
	"testing"
)

func TestFormatChanges(t *testing.T) {
	old := Default("mail.example.com")
	old.Certificates["partner"] = &Certificate{}
	new := old.Clone()
	new.Destinations["partner.example"] = &Destination{TLS: TLSRequireVerify}
	new.Listeners["InboundMail"].Certificates = []string{"partner"}
	want := `destination_controls."partner.example".tls:  default -> required-verify
listeners.InboundMail.certificate:         Demo -> partner
`
	if got := FormatChanges(Diff(old, new)); got != want {
		t.Errorf("got\n%s", got)
	}
	if got := FormatChanges(nil); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestDiff(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(c *Config)
		want string
	}{
		"nothing":     {func(c *Config) {}, ""},
		"only a form": {func(c *Config) { c.Hostname = "MAIL.example.com." }, ""},
		"a name":      {func(c *Config) { c.Hostname = "b.example.com" }, "hostname:  mail.example.com -> b.example.com\n"},
		"a number":    {func(c *Config) { c.Delivery.Concurrency = 9000 }, "delivery.concurrency:  10000 -> 9000\n"},
		"default entry": {
			func(c *Config) { c.Destinations[DefaultDestination].Messages = new(10) },
			"destination_controls.DEFAULT.messages_per_connection:  (none) -> 10\n",
		},
		"an entry of nothing": {
			func(c *Config) { c.Destinations["a.example"] = &Destination{} },
			"destination_controls.\"a.example\":  (none) -> (present)\n",
		},
		"a profile": {
			func(c *Config) {
				c.Certificates["partner"] = &Certificate{}
				c.Refs[CertificateRef("partner")] = "certificate-1"
			},
			"certificates.partner.content:  (none) -> certificate-1\n",
		},
		"a profile's content": {
			func(c *Config) { c.Refs[CertificateRef("Demo")] = "certificate-2" },
			"certificates.Demo.content:  (none) -> certificate-2\n",
		},
		"a profile deleted": {func(c *Config) { delete(c.Certificates, "Demo") }, "certificates.Demo:  (present) -> (none)\n"},
		"an alert subscription": {
			func(c *Config) {
				c.Alerts.Recipients = map[string]*AlertRecipient{"a@example.com": {Subscriptions: []AlertSubscription{
					{Class: "All", Severities: []string{"All"}}, {Class: "System", Severities: []string{"Critical", "Warning"}}}}}
			},
			"alerts.recipients.\"a@example.com\".subscriptions:  (none) -> All (All), System (Critical, Warning)\n",
		},
		"a passphrase": {
			func(c *Config) { c.Refs[PassphraseRef("admin")] = "passphrase-1" },
			"users.admin.passphrase:  (changed)\n",
		},
		"authorities": {
			func(c *Config) { c.Authorities.Custom, c.Refs[AuthoritiesRef] = true, "authorities-1" },
			"certificate_authorities.custom:          false -> true\n" +
				"certificate_authorities.custom.content:  (none) -> authorities-1\n",
		},
		"a member": {
			func(c *Config) {
				c.Listeners["InboundMail"].HostAccess.Groups[2].Members = []string{".spam.example", "192.0.2.1"}
			},
			"listeners.InboundMail.host_access.groups.BLOCKED_LIST.members:  (none) -> .spam.example, 192.0.2.1\n",
		},
		"an order": {
			func(c *Config) {
				g := c.Listeners["OutboundMail"].HostAccess.Groups
				g[0], g[1] = g[1], g[0]
			},
			"listeners.OutboundMail.host_access.groups:  RELAYLIST, ALL -> ALL, RELAYLIST\n",
		},
		"a route": {
			func(c *Config) {
				c.Routes = map[string]*Route{".example.com": {Hops: []string{"a.example", "b.example:26"}}}
			},
			"smtp_routes.\".example.com\".hops:  (none) -> a.example, b.example:26\n",
		},
		"a recipient": {
			func(c *Config) { c.Listeners["InboundMail"].RecipientAccess = RecipientAccess{"user@": {Accept: true}} },
			"listeners.InboundMail.recipient_access.\"user@\".accept:  (none) -> true\n",
		},
		"a server": {
			func(c *Config) { c.DNS.Servers = []DNSServer{{Address: "192.0.2.53"}} },
			"dns.servers:                      (none) -> 192.0.2.53\n" +
				"dns.servers.\"192.0.2.53\".address:   (none) -> 192.0.2.53\n" +
				"dns.servers.\"192.0.2.53\".priority:  (none) -> 0\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			old := Default("mail.example.com")
			edited := old.Clone()
			c.edit(edited)
			if got := FormatChanges(Diff(old, edited)); got != c.want {
				t.Errorf("got\n%swant\n%s", got, c.want)
			}
		})
	}
}

// Entries without a name of their own are told apart, and naming each does not look at all the others: a block list has tens of
// thousands.
func TestGroupLabels(t *testing.T) {
	groups := []SenderGroup{{Name: "A", Members: []string{"192.0.2.1"}}, {Members: []string{"192.0.2.1"}}, {Members: []string{"192.0.2.1"}}, {}, {Members: []string{"192.0.2.1"}}, {Name: "A"}}
	if got := strings.Join(groupLabels(groups), "|"); got != "A|192.0.2.1|192.0.2.1#2||192.0.2.1#3|A#2" {
		t.Errorf("got %s", got)
	}
}

// An object's own line stands right before its settings, whatever its neighbours are called.
func TestComparePaths(t *testing.T) {
	want := []string{"a", "a.b", "a.b.c", `a."b.c"`, "a.b!", "a.b!c", "a-b", "ab"}
	slices.SortFunc(want, comparePaths)
	for i, path := range want {
		for _, later := range want[i+1:] {
			x, y := strings.ReplaceAll(path, ".", "\x00"), strings.ReplaceAll(later, ".", "\x00")
			if strings.Compare(x, y) >= 0 || comparePaths(path, later) >= 0 || comparePaths(later, path) <= 0 || comparePaths(path, path) != 0 {
				t.Errorf("%q is not before %q", path, later)
			}
		}
	}
}
