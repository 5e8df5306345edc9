package config

// Default returns the configuration of a first start: SSH on 127.0.0.1:2222, a public listener without recipients on
// port 2525 and a private one that relays for the loopback networks on port 2526.
func Default(hostname string) *Config {
	return &Config{
		Hostname: hostname,
		Interfaces: map[string]*Interface{
			"Management": {Address: "127.0.0.1", PrefixLength: 8, Hostname: hostname, SSH: true, SSHPort: 2222},
		},
		Listeners: map[string]*Listener{
			"InboundMail":  defaultListener(Public, 2525),
			"OutboundMail": defaultListener(Private, 2526),
		},
		Destinations: map[string]*Destination{DefaultDestination: builtinDestination()},
		Bounces:      map[string]*BounceProfile{DefaultBounceProfile: NewBounceProfile()},
		Certificates: map[string]*Certificate{DemoCertificate: {}},
		Users:        map[string]*User{"admin": {FullName: "Administrator", Role: "admin"}},
		Injection:    Injection{MaxHops: 100, CommandTimeout: 300, SessionTimeout: 900, MaxBadCommands: 5, MaxHandshakes: 400, MaxHandshakesPerPeer: 100},
		Delivery:     Delivery{Concurrency: 10000, Certificate: DemoCertificate},
		Authorities:  Authorities{System: true},
		SSL: SSL{
			GUI:      SSLService{Methods: []string{"tlsv1_2", "tlsv1_3"}, Ciphers: "HIGH:-aNULL"},
			Inbound:  SSLService{Methods: []string{"tlsv1_2", "tlsv1_3"}, Ciphers: "HIGH:MEDIUM:-aNULL"},
			Outbound: SSLService{Methods: []string{"tlsv1_2", "tlsv1_3"}, Ciphers: "HIGH:MEDIUM:-aNULL"},
		},
		ACME:   ACME{HTTPPort: 80, TLSPort: 443},
		Alerts: Alerts{InitialWait: 300, MaxWait: 3600},
		Shell:  Shell{IdleTimeout: 30, LockoutAttempts: 5, LockoutMinutes: 15},
		Logs:   Logs{MaxFileSize: 10 << 20, MaxFiles: 10},
		Refs:   map[string]string{},
	}
}

func builtinDestination() *Destination {
	return &Destination{Concurrency: new(500), LimitPer: "domain", LimitApply: "system", TLS: TLSNo, DANE: "none", MTASTS: "off", Alert: "off"}
}

func defaultListener(t ListenerType, port int) *Listener {
	l := NewListener(t, "Management", port)
	if t == Private {
		l.HostAccess.Groups[0].Members = []string{"127.0.0.0/8", "::1"}
	}
	return l
}

// NewListener returns a listener with the defaults of its type, the Demo certificate and nobody allowed to relay.
func NewListener(t ListenerType, iface string, port int) *Listener {
	return &Listener{
		Type: t, Interface: iface, Port: port, Certificates: []string{DemoCertificate},
		MaxConnections: 300, ListenQueue: 50, HostAccess: DefaultHostAccess(t),
	}
}

// NewBounceProfile returns the values that a new bounce profile starts with.
func NewBounceProfile() *BounceProfile {
	return &BounceProfile{
		MaxRetries: 100, MaxQueueTime: 259200, InitialRetry: 60, MaxRetry: 3600,
		HardBounce: true, DSN: true, DelayWarning: true, DelayWarningAfter: 4 * 3600, DelayWarnings: 1,
	}
}

// DefaultHostAccess returns the host access table that a new listener of type t starts with.
func DefaultHostAccess(t ListenerType) HostAccess {
	if t == Private {
		return privateHostAccess()
	}
	return publicHostAccess()
}

func publicHostAccess() HostAccess {
	return HostAccess{
		Default: PolicyParams{
			MaxMessageSize: new(int64(10 << 20)), MaxConcurrency: new(10), MaxMessages: new(10),
			MaxRecipients: new(50), MaxRecipientsPerHour: new(-1), TLS: TLSOff, TLSVerify: new(false),
		},
		Policies: map[string]*Policy{
			"ACCEPTED": {Behavior: Accept},
			"THROTTLED": {Behavior: Accept, Params: PolicyParams{
				MaxMessages: new(10), MaxConcurrency: new(10), MaxRecipients: new(25), MaxRecipientsPerHour: new(20),
				MaxMessageSize: new(int64(1 << 20)), TLS: TLSOff,
			}},
			"TRUSTED": {Behavior: Accept, Params: PolicyParams{
				MaxMessages: new(5000), MaxConcurrency: new(600), MaxRecipients: new(5000),
				MaxRecipientsPerHour: new(-1), MaxMessageSize: new(int64(100 << 20)), TLS: TLSPreferred,
			}},
			"RELAYED": {Behavior: Relay},
			"BLOCKED": {Behavior: Reject},
		},
		Groups: []SenderGroup{
			{Name: "RELAYLIST", Policy: "RELAYED", Comment: "Only select hosts can relay from this box"},
			{Name: "ALLOWED_LIST", Policy: "TRUSTED", Comment: "My trusted senders"},
			{Name: "BLOCKED_LIST", Policy: "BLOCKED", Comment: "Spammers are rejected"},
			{Name: "SUSPECTLIST", Policy: "THROTTLED", Comment: "Suspicious senders are throttled"},
			{Members: []string{MemberAll}, Policy: "ACCEPTED"},
		},
	}
}

func privateHostAccess() HostAccess {
	return HostAccess{
		Default: PolicyParams{
			MaxMessageSize: new(int64(20 << 20)), MaxConcurrency: new(50), MaxMessages: new(10000),
			MaxRecipients: new(100000), MaxRecipientsPerHour: new(-1), TLS: TLSOff, TLSVerify: new(false),
		},
		Policies: map[string]*Policy{"RELAYED": {Behavior: Relay}, "BLOCKED": {Behavior: Reject}},
		Groups: []SenderGroup{
			{Name: "RELAYLIST", Policy: "RELAYED", Comment: "Only select hosts can relay from this box"},
			{Members: []string{MemberAll}, Policy: "BLOCKED"},
		},
	}
}
