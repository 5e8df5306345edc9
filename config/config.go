// Package config owns the appliance's configuration: its plain structs, their defaults and validation, the text forms
// on disk (TOML, host access table), differences between two configurations, the revisions, and the one way a
// candidate becomes the running configuration. It knows nothing of the shell that edits it or of the engine that obeys it.
package config

// Config is one whole configuration. A published Config is never modified; edit a Clone.
//
// The TOML names of the fields are also the paths that showchanges, validation errors and conflicts print.
// Maps are keyed by the object's name; domains and hosts are in lower case without a final dot.
type Config struct {
	// Hostname is the prompt's name and goes into the serial data; SMTP uses the interface's host name instead.
	Hostname string `toml:"hostname"`

	// TimeZone is the zone of logs and screens, a name of the zone database; empty: the host's.
	TimeZone string `toml:"time_zone,omitempty"`

	Interfaces   map[string]*Interface     `toml:"interfaces"`
	Listeners    map[string]*Listener      `toml:"listeners,omitempty"`
	Destinations map[string]*Destination   `toml:"destination_controls"` // always holds the key DefaultDestination
	Routes       map[string]*Route         `toml:"smtp_routes,omitempty"`
	Bounces      map[string]*BounceProfile `toml:"bounce_profiles"` // always holds the key DefaultBounceProfile
	Certificates map[string]*Certificate   `toml:"certificates,omitempty"`
	Users        map[string]*User          `toml:"users"`

	Injection   Injection   `toml:"injection"`
	Delivery    Delivery    `toml:"delivery"`
	DNS         DNS         `toml:"dns"`
	Authorities Authorities `toml:"certificate_authorities"`
	SSL         SSL         `toml:"ssl"`
	Revocation  Revocation  `toml:"revocation"`
	ACME        ACME        `toml:"acme"`
	Alerts      Alerts      `toml:"alerts"`
	TLSReports  TLSReports  `toml:"tls_reports"`
	Metrics     Metrics     `toml:"metrics,omitempty"`
	URLFilter   URLFilter   `toml:"url_filtering"`
	Shell       Shell       `toml:"shell"`
	Passphrases Passphrases `toml:"passphrases,omitempty"`
	Logs        Logs        `toml:"logs"`

	// Refs names, by the path of the setting, the content in keys/ that belongs to it ("certificates.partner",
	// "users.admin.passphrase", "certificate_authorities.custom"): the revision keeps it, posthouse.toml does not, so
	// that the same settings are the same file on every appliance.
	Refs map[string]string `toml:"-"`
}

const (
	DefaultDestination   = "DEFAULT" // the key in Destinations whose values every other entry inherits
	DefaultBounceProfile = "Default" // the key in Bounces that applies where none is named
	DemoCertificate      = "Demo"    // the profile that every appliance has from its first start; cannot be deleted
	RouteAll             = "ALL"     // the key in Routes for every domain that no other key matches
)

// Interface is an IP address that Posthouse may listen on and send from.
type Interface struct {
	Address      string `toml:"address"`       // an IPv4 or IPv6 address; 0.0.0.0 and :: mean every address
	PrefixLength int    `toml:"prefix_length"` // 0 to 32 or 128
	Hostname     string `toml:"hostname"`      // what EHLO and the banner say, what certificates are compared with
	SSH          bool   `toml:"ssh,omitempty"`
	SSHPort      int    `toml:"ssh_port,omitempty"` // 0 to 65535; 0 lets the system choose
}

// ListenerType says what a listener is for.
type ListenerType string

const (
	Public    ListenerType = "public"    // takes mail for the recipients of its recipient access table
	Private   ListenerType = "private"   // relays for the hosts of its host access table
	Blackhole ListenerType = "blackhole" // takes everything that its host access table admits and discards it
)

// Listener is one SMTP service on one interface and port.
type Listener struct {
	Type            ListenerType    `toml:"type"`
	Interface       string          `toml:"interface"`
	Port            int             `toml:"port"`                     // 0 lets the system choose
	Certificates    []string        `toml:"certificate"`              // one profile, or two with keys of different kinds
	MaxConnections  int             `toml:"max_connections"`          // at once, all peers together; 1 to 100000
	ListenQueue     int             `toml:"listen_queue"`             // the TCP backlog; 1 to 65535
	DefaultDomain   string          `toml:"default_domain,omitempty"` // completes recipients without a domain
	BounceProfile   string          `toml:"bounce_profile,omitempty"` // empty: DefaultBounceProfile
	HostAccess      HostAccess      `toml:"host_access"`
	RecipientAccess RecipientAccess `toml:"recipient_access,omitempty"` // public listeners only

	// ImplicitTLS begins every connection with the handshake, without STARTTLS (RFC 8314 §3.3); what the policies say of
	// TLS then holds already when the banner is sent.
	ImplicitTLS bool `toml:"implicit_tls,omitempty"`
	// ServerNames are the certificate profiles for a client that asks for one of these names (SNI, RFC 6066 §3), keyed by
	// host name in lower case, "*.example.com" for one label: one profile, or two with keys of different kinds.
	ServerNames map[string][]string `toml:"server_names,omitempty"`
}

// Behavior is what a mail flow policy does with a connection.
type Behavior string

const (
	Accept    Behavior = "ACCEPT"    // mail for the recipient access table
	Relay     Behavior = "RELAY"     // mail for anybody
	Reject    Behavior = "REJECT"    // 554 banner
	TCPRefuse Behavior = "TCPREFUSE" // reset without a banner
	Continue  Behavior = "CONTINUE"  // look further down the table
)

// TLSMode is what a mail flow policy asks of incoming connections.
type TLSMode string

const (
	TLSOff       TLSMode = "off"
	TLSPreferred TLSMode = "preferred"
	TLSRequired  TLSMode = "required"
)

// HostAccess is a host access table: the first group from the top that matches the peer decides.
// Whoever matches none is accepted under the default policy.
type HostAccess struct {
	Default  PolicyParams       `toml:"default"`
	Policies map[string]*Policy `toml:"policies,omitempty"` // keyed by upper-case name without the $
	Groups   []SenderGroup      `toml:"groups,omitempty"`   // in order
}

// Policy is a named mail flow policy; what its parameters leave unset comes from the table's default.
type Policy struct {
	Behavior Behavior     `toml:"behavior"`
	Params   PolicyParams `toml:"params,omitempty"`
}

// PolicyParams are a mail flow policy's limits. A nil pointer or an empty string is inherited from the default.
type PolicyParams struct {
	MaxMessageSize       *int64  `toml:"max_message_size,omitempty"`     // bytes
	MaxConcurrency       *int    `toml:"max_concurrency,omitempty"`      // connections at once from one address
	MaxMessages          *int    `toml:"max_msgs_per_session,omitempty"` // messages a connection
	MaxRecipients        *int    `toml:"max_rcpts_per_msg,omitempty"`    // recipients a message
	MaxRecipientsPerHour *int    `toml:"max_rcpts_per_hour,omitempty"`   // from one address; -1 is unlimited
	TLS                  TLSMode `toml:"tls,omitempty"`
	TLSVerify            *bool   `toml:"tls_verify,omitempty"` // ask for a client certificate and refuse one that does not verify
	BannerHost           string  `toml:"banner_host,omitempty"`
	AcceptText           string  `toml:"accept_text,omitempty"` // stands behind ESMTP in the banner
	RejectText           string  `toml:"reject_text,omitempty"` // a further line of the 554 banner

	// Extra keeps parameters of the text form that are read but have no effect here, such as spam_check.
	Extra map[string]string `toml:"extra,omitempty"`
}

// SenderGroup is one entry of a host access table: a named group, a single unnamed member (Name empty), or the
// closing entry whose only member is ALL. Either Policy names an entry of Policies or Inline holds the policy itself.
type SenderGroup struct {
	Name    string   `toml:"name,omitempty"`
	Members []string `toml:"members,omitempty"` // in order; see ParseMember
	Policy  string   `toml:"policy,omitempty"`
	Inline  *Policy  `toml:"inline,omitempty"`
	Comment string   `toml:"comment,omitempty"`
}

// RecipientAccess is a recipient access table, keyed by address form: example.com, .example.com, user@, user@example.com,
// user@[192.0.2.1], ALL. The most exact key wins. Whatever matches nothing is rejected.
type RecipientAccess map[string]*RecipientRule

// RecipientRule is one entry of a recipient access table.
type RecipientRule struct {
	Accept bool   `toml:"accept"`
	Code   int    `toml:"code,omitempty"` // 0: the standard reply; else 400 to 599 for a rejection, 250 for an acceptance
	Text   string `toml:"text,omitempty"`
}

// TLSLevel is what a destination control asks of outgoing connections.
type TLSLevel string

const (
	TLSDefault             TLSLevel = "" // inherited
	TLSNo                  TLSLevel = "no"
	TLSPrefer              TLSLevel = "preferred"
	TLSRequire             TLSLevel = "required"
	TLSPreferVerify        TLSLevel = "preferred-verify"
	TLSRequireVerify       TLSLevel = "required-verify"
	TLSRequireVerifyHosted TLSLevel = "required-verify-hosted"
)

// Destination is a destination control, keyed by a domain, by ".domain" for every subdomain of it, or DefaultDestination.
// A nil pointer or an empty string is inherited from DefaultDestination, which leaves nothing unset but Messages and Recipients (no limit).
type Destination struct {
	Concurrency      *int     `toml:"concurrency,omitempty"`             // connections at once, 1 to 1000
	Messages         *int     `toml:"messages_per_connection,omitempty"` // 1 to 1000
	Recipients       *int     `toml:"recipient_limit,omitempty"`         // recipients per RecipientMinutes
	RecipientMinutes *int     `toml:"recipient_minutes,omitempty"`       // 1 to 60
	LimitPer         string   `toml:"limit_per,omitempty"`               // "domain" or "mx"
	LimitApply       string   `toml:"limit_apply,omitempty"`             // "system" or "vg" (which means system)
	TLS              TLSLevel `toml:"tls,omitempty"`
	DANE             string   `toml:"dane,omitempty"`    // "none", "opportunistic", "mandatory"
	MTASTS           string   `toml:"mta_sts,omitempty"` // "on" or "off"
	Alert            string   `toml:"alert,omitempty"`   // "on" or "off": when required TLS fails, beyond Delivery.TLSAlert
	Certificate      string   `toml:"certificate,omitempty"`
	BounceProfile    string   `toml:"bounce_profile,omitempty"`
	IPSort           string   `toml:"ip_sort_preference,omitempty"` // "prefer-v6", "require-v6", "prefer-v4", "require-v4"
}

// Route is an entry of the SMTP routes, keyed by domain, ".domain" or RouteAll. See ParseHop for the forms of a hop.
type Route struct {
	Hops []string `toml:"hops"`
}

// BounceProfile says how long and how often a message is tried and how its sender is told. Times are in seconds.
type BounceProfile struct {
	MaxRetries        int    `toml:"max_retries"`         // 0 to 10000
	MaxQueueTime      int    `toml:"max_queue_time"`      // 0 to 3000000
	InitialRetry      int    `toml:"initial_retry"`       // 60 to 86400; less only in Posthouse's own tests, at least 1
	MaxRetry          int    `toml:"max_retry"`           // at least InitialRetry, to 86400
	HardBounce        bool   `toml:"hard_bounce"`         // tell the sender of a hard bounce
	DSN               bool   `toml:"dsn"`                 // as RFC 3464, else as plain text
	DelayWarning      bool   `toml:"delay_warning"`       // tell the sender of a delay
	DelayWarningAfter int    `toml:"delay_warning_after"` // and between two of them
	DelayWarnings     int    `toml:"delay_warnings"`      // at most so many for a recipient
	NoticeTo          string `toml:"notice_to,omitempty"` // empty: the envelope sender
}

// Certificate is a certificate profile. Its keys and certificates are the content that Refs names.
type Certificate struct {
	// Pending says that the profile waits for the answer of a certificate authority to its signing request.
	Pending bool `toml:"pending,omitempty"`
	// ACME says that the profile is obtained and renewed by itself; nil: by the operator.
	ACME *ManagedCertificate `toml:"acme,omitempty"`
}

// ManagedCertificate is what a certificate authority is asked for by ACME (RFC 8555).
type ManagedCertificate struct {
	Names     []string `toml:"names"`     // DNS names in lower case, the first is the common name; a wildcard needs "dns-01"
	Challenge string   `toml:"challenge"` // "http-01", "dns-01" or "tls-alpn-01"
	Key       string   `toml:"key"`       // "p256", "p384", "rsa2048", "rsa3072" or "rsa4096"
}

// User is an account. Its secrets are the contents that Refs names: see PassphraseRef, PassphraseHistoryRef, TwoFactorRef.
type User struct {
	FullName string   `toml:"full_name"`
	Role     string   `toml:"role"`           // one of the roles below
	Keys     []string `toml:"keys,omitempty"` // public keys, each a line of authorized_keys; see ParseUserKey
	// Locked says that an administrator lets the account in by no way but the console.
	Locked bool `toml:"locked,omitempty"`
	// MustChange says that the next session which is let in by passphrase begins with a new one.
	MustChange bool `toml:"must_change_passphrase,omitempty"`
	// TwoFactor says that a passphrase or a key is not enough: a code of RFC 6238 is asked for as well.
	TwoFactor bool `toml:"two_factor,omitempty"`
}

// The roles of accounts.
const (
	RoleAdministrator = "admin"
	RoleOperator      = "operator"
	RoleReadOnly      = "readonly"
	RoleGuest         = "guest"
	RoleTechnician    = "technician"
	RoleHelpDesk      = "helpdesk"
)

// Roles lists the roles, the most powerful first.
func Roles() []string {
	return []string{RoleAdministrator, RoleOperator, RoleReadOnly, RoleGuest, RoleTechnician, RoleHelpDesk}
}

// Injection is what holds for every listener. Times are in seconds.
type Injection struct {
	MaxHops        int `toml:"max_hops"`        // Received headers; 1 to 1000
	CommandTimeout int `toml:"command_timeout"` // for one command or one block of data (RFC 5321 §4.5.3.2.7)
	SessionTimeout int `toml:"session_timeout"` // for one connection in all
	MaxBadCommands int `toml:"max_bad_commands"`

	MaxHandshakes        int `toml:"max_handshakes"`          // TLS handshakes at once in all; 1 to 100000
	MaxHandshakesPerPeer int `toml:"max_handshakes_per_peer"` // and from one address
}

// Delivery is what holds for every destination.
type Delivery struct {
	Interface        string `toml:"interface,omitempty"` // empty: automatic
	PossibleDelivery bool   `toml:"possible_delivery"`
	Concurrency      int    `toml:"concurrency"` // connections at once in all
	Certificate      string `toml:"certificate"` // the client certificate where a destination names none
	TLSAlert         bool   `toml:"tls_alert"`   // an alert when a required TLS connection fails, to any destination

	// How long a peer may take, in seconds; 0 is the usual time (RFC 5321 §4.5.3.2 has most of them).
	ConnectTimeout   int `toml:"connect_timeout,omitempty"`   // for one address to answer: 30
	ReplyTimeout     int `toml:"reply_timeout,omitempty"`     // for the banner, and for the answer to EHLO, STARTTLS, MAIL and RCPT: 300
	HandshakeTimeout int `toml:"handshake_timeout,omitempty"` // for TLS: 120
}

// DNS names the servers that are asked. With none the host system's are used.
type DNS struct {
	Servers []DNSServer `toml:"servers,omitempty"` // in order of priority, then as entered
}

// DNSServer is one nameserver.
type DNSServer struct {
	Address    string `toml:"address"`  // IP or IP:PORT or [IPv6]:PORT; port 53 where none is given
	Priority   int    `toml:"priority"` // 0 is asked first
	Validating bool   `toml:"validating,omitempty"`
	Domain     string `toml:"domain,omitempty"` // asked only for this domain and what lies below it
}

// Authorities are the lists of certificate authorities that peers are verified against.
// The custom list's certificates are the content that Refs["certificate_authorities.custom"] names.
type Authorities struct {
	System bool `toml:"system"`
	Custom bool `toml:"custom"`
}

// URLFilter is the client side of the URL filtering service.
type URLFilter struct {
	Enabled     bool   `toml:"enabled"`
	Certificate string `toml:"certificate,omitempty"`
}

// Shell is what holds for the operators' sessions.
type Shell struct {
	IdleTimeout     int `toml:"idle_timeout"`     // minutes, 1 to 1440
	LockoutAttempts int `toml:"lockout_attempts"` // wrong passwords per user and source before the lockout
	LockoutMinutes  int `toml:"lockout_minutes"`

	Banner  []string `toml:"banner,omitempty"`  // lines that are shown before anybody logs in
	Welcome []string `toml:"welcome,omitempty"` // lines that are shown behind the shell's own greeting
	Access  []string `toml:"access,omitempty"`  // addresses and networks that operators may come from; none: all
	SSHD    SSHD     `toml:"sshd,omitempty"`
}

// Passphrases are the rules for the passphrases of accounts. They hold for new passphrases only, but for MaxAge.
type Passphrases struct {
	MinLength int  `toml:"min_length,omitempty"` // characters, 8 to 128; 0: 8
	Cases     bool `toml:"cases,omitempty"`      // an upper case and a lower case letter are needed
	Digit     bool `toml:"digit,omitempty"`
	Special   bool `toml:"special,omitempty"` // a character that is neither letter nor digit
	History   int  `toml:"history,omitempty"` // so many of the latest are not taken again, 0 to 15
	MaxAge    int  `toml:"max_age,omitempty"` // days after which a new one is asked for, 0 to 366; 0: never
	// Reset says that whoever was given a passphrase by an administrator has to change it at the next login.
	Reset bool `toml:"reset,omitempty"`
}

// SSL is which protocol versions and cipher suites each service speaks.
type SSL struct {
	GUI      SSLService `toml:"gui"`
	Inbound  SSLService `toml:"inbound"`
	Outbound SSLService `toml:"outbound"`
}

// SSLService is one service's part of SSL.
type SSLService struct {
	Methods []string `toml:"methods"` // of "tlsv1_0", "tlsv1_1", "tlsv1_2", "tlsv1_3", in this order and next to each other
	Ciphers string   `toml:"ciphers"` // in OpenSSL's language; for versions up to TLS 1.2, the suites of TLS 1.3 are fixed
}

// Revocation is where revoked certificates are looked up, and whose.
type Revocation struct {
	Inbound  bool                  `toml:"inbound"`  // clients' certificates
	Outbound bool                  `toml:"outbound"` // servers' certificates
	GUI      bool                  `toml:"gui"`
	Sources  map[string]*CRLSource `toml:"sources,omitempty"` // by name
}

// CRLSource is one certificate revocation list (RFC 5280 §5) that is fetched by schedule.
type CRLSource struct {
	URL      string `toml:"url"`                // http or https
	Interval int    `toml:"interval"`           // minutes between two fetches, 5 to 10080
	Disabled bool   `toml:"disabled,omitempty"` // kept, and neither fetched nor used
}

// ACME is the account with the certificate authority that managed profiles come from (RFC 8555). The account's key is
// the content that Refs["acme.account"] names, the secrets those of Refs["acme.tsig"] and Refs["acme.eab"].
type ACME struct {
	Directory     string   `toml:"directory,omitempty"` // https URL; empty: no ACME
	Contact       []string `toml:"contact,omitempty"`   // addresses
	TermsAgreed   bool     `toml:"terms_agreed,omitempty"`
	HTTPPort      int      `toml:"http_port"`                // where http-01 is answered; 0 lets the system choose
	TLSPort       int      `toml:"tls_port"`                 // where tls-alpn-01 is answered
	Interface     string   `toml:"interface,omitempty"`      // where both are; empty: the first that has a listener
	EABKey        string   `toml:"eab_key_id,omitempty"`     // external account binding (RFC 8555 §7.3.4)
	DNSServer     string   `toml:"dns_server,omitempty"`     // takes dynamic updates for dns-01 (RFC 2136); IP, IP:PORT or [IPv6]:PORT
	DNSZone       string   `toml:"dns_zone,omitempty"`       // empty: found by asking for the SOA
	TSIGName      string   `toml:"tsig_name,omitempty"`      // the update's key (RFC 8945)
	TSIGAlgorithm string   `toml:"tsig_algorithm,omitempty"` // "hmac-sha256", "hmac-sha384" or "hmac-sha512"
}

// Alerts says who is told of what by mail. Times are in seconds.
type Alerts struct {
	Recipients  map[string]*AlertRecipient `toml:"recipients,omitempty"` // by address
	From        string                     `toml:"from,omitempty"`       // empty: alert@ the host name
	InitialWait int                        `toml:"initial_wait"`         // before a duplicate is sent again; 0 sends every one
	MaxWait     int                        `toml:"max_wait"`             // to which that wait grows by doubling
	Digest      int                        `toml:"digest,omitempty"`     // minutes for which alerts are collected into one message; 0: at once; critical ones always at once
}

// AlertRecipient is what one address is told of.
type AlertRecipient struct {
	Subscriptions []AlertSubscription `toml:"subscriptions"` // in order of class; one a class
}

// AlertSubscription is one class of alerts and the severities of it.
type AlertSubscription struct {
	Class      string   `toml:"class"`      // one of AlertClasses, or "All"
	Severities []string `toml:"severities"` // of "Critical", "Warning", "Information", or "All"
}

// TLSReports is about reports on TLS between mail servers (RFC 8460). The key that signs ours is the content that
// Refs["tls_reports.dkim"] names.
type TLSReports struct {
	Send         bool   `toml:"send"`
	Organization string `toml:"organization,omitempty"` // empty: the host name
	Contact      string `toml:"contact,omitempty"`      // the address that ours come from and that is named in them; empty: tlsrpt@ the host name
	DKIMDomain   string `toml:"dkim_domain,omitempty"`  // empty: the contact's domain
	DKIMSelector string `toml:"dkim_selector,omitempty"`
	Receive      string `toml:"receive,omitempty"` // the address at which reports of others are taken and summarised; empty: none
}

// Metrics is where numbers are served for programs, in the text format of Prometheus.
type Metrics struct {
	Address string `toml:"address,omitempty"` // ADDRESS:PORT, port 0 lets the system choose; empty: nowhere
}
