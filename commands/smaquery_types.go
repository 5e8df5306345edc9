package commands

// SMAIdentity is the section identity.
type SMAIdentity struct {
	Product  string `json:"product" doc:"Posthouse Email Gateway"`
	Model    string `json:"model" doc:"P100V"`
	Version  string `json:"version" doc:"of the program"`
	Serial   string `json:"serial" doc:"the serial number, for the appliance's whole life"`
	Hostname string `json:"hostname" doc:"the appliance's name"`
	Revision int    `json:"revision" doc:"the number of the latest commit; it grows with each"`
}

// SMAFeature is one entry of the section features.
type SMAFeature struct {
	Name    string `json:"name" doc:"tls, dane, mta_sts, tls_reports, acme, revocation, metrics, central_quarantine or centralized_tracking"`
	Enabled bool   `json:"enabled" doc:"whether the configuration uses it"`
}

// SMAInterface is one entry of the section interfaces.
type SMAInterface struct {
	Name         string    `json:"name" doc:"the interface's name"`
	Address      string    `json:"address" doc:"its IP address; 0.0.0.0 and :: are every one"`
	PrefixLength int       `json:"prefix_length" doc:"of its network"`
	Hostname     string    `json:"hostname" doc:"what EHLO and the banner say"`
	Ports        []SMAPort `json:"ports" doc:"what is served there"`
}

// SMAPort is a port of an interface.
type SMAPort struct {
	Service string `json:"service" doc:"ssh, or smtp"`
	Port    int    `json:"port" doc:"as configured; 0: chosen by the system"`
}

// SMAQuarantine is the section quarantine.
type SMAQuarantine struct {
	Enabled   bool    `json:"enabled" doc:"whether a central quarantine is in use; this version has none: always false"`
	Interface *string `json:"interface" doc:"the interface of the listener for it; null: none"`
	Port      *int    `json:"port" doc:"its port; null: none"`
}

// SMAListener is one entry of the section listeners.
type SMAListener struct {
	Name         string   `json:"name" doc:"the listener's name"`
	Type         string   `json:"type" doc:"public, private or blackhole"`
	Protocol     string   `json:"protocol" doc:"SMTP"`
	Interface    string   `json:"interface" doc:"the interface's name"`
	Port         int      `json:"port" doc:"as configured"`
	Addresses    []string `json:"addresses" doc:"where it listens now, ADDRESS:PORT"`
	Suspended    bool     `json:"suspended" doc:"whether it takes no mail for now"`
	ImplicitTLS  bool     `json:"implicit_tls" doc:"whether connections begin with TLS"`
	Certificates []string `json:"certificates" doc:"its certificate profiles"`
}

// SMADestinations is the section destinations.
type SMADestinations struct {
	Controls   []SMAControl `json:"controls" doc:"the destination controls, in order of domain, DEFAULT last"`
	Hosts      []SMAHost    `json:"hosts" doc:"destinations that the queue knows, those with the most active recipients first; at most 1000"`
	HostsTotal int          `json:"hosts_total" doc:"how many the queue knows"`
}

// SMAControl is a destination control with what it inherits.
type SMAControl struct {
	Domain        string `json:"domain" doc:"a domain, .domain for what is below it, or DEFAULT"`
	TLS           string `json:"tls" doc:"no, preferred, required, preferred-verify, required-verify or required-verify-hosted"`
	DANE          string `json:"dane" doc:"none, opportunistic or mandatory"`
	MTASTS        string `json:"mta_sts" doc:"on or off"`
	Concurrency   int    `json:"concurrency" doc:"connections at once"`
	Certificate   string `json:"certificate" doc:"the profile of the client certificate; empty: the delivery's"`
	BounceProfile string `json:"bounce_profile" doc:"its name; empty: Default"`
}

// SMAHost is a destination in the queue.
type SMAHost struct {
	Host        string `json:"host" doc:"the destination"`
	State       string `json:"state" doc:"up, down, unknown or suspended"`
	Active      int    `json:"active_recipients" doc:"queued"`
	Connections int    `json:"connections" doc:"open now"`
	Delivered   int    `json:"delivered_recipients" doc:"since the start"`
	SoftBounced int    `json:"soft_bounced_events" doc:"since the start"`
	HardBounced int    `json:"hard_bounced_recipients" doc:"since the start"`
	LastCause   string `json:"last_cause" doc:"the id of the latest failure's cause (docs/causes.md); empty: none"`
}

// SMACertificate is one entry of the section certificates.
type SMACertificate struct {
	Name       string   `json:"name" doc:"the profile's name"`
	CommonName string   `json:"common_name" doc:"of its certificate; empty where there is none"`
	Issuer     string   `json:"issued_by" doc:"who issued it"`
	Status     string   `json:"status" doc:"active, expiring, expired, pending, not yet valid or missing"`
	NotAfter   *string  `json:"not_after" doc:"when the first certificate of its chain ends; null: there is none"`
	Remaining  *int     `json:"remaining_days" doc:"whole days until then; null: there is none"`
	Managed    bool     `json:"acme" doc:"whether it is renewed by itself"`
	UsedBy     []string `json:"used_by" doc:"the services that use it"`
}

// SMACounters is the section counters.
type SMACounters struct {
	MessagesReceived   counterJSON `json:"messages_received" doc:"messages"`
	RecipientsReceived counterJSON `json:"recipients_received" doc:"recipients"`
	RejectedRecipients counterJSON `json:"rejected_recipients" doc:"recipients"`
	DroppedMessages    counterJSON `json:"dropped_messages" doc:"messages"`
	GeneratedBounces   counterJSON `json:"generated_bounce_recipients" doc:"recipients of notices"`
	SoftBounced        counterJSON `json:"soft_bounced_events" doc:"events"`
	Completed          counterJSON `json:"completed_recipients" doc:"recipients"`
	HardBounced        counterJSON `json:"hard_bounced_recipients" doc:"recipients"`
	Delivered          counterJSON `json:"delivered_recipients" doc:"recipients"`
	Deleted            counterJSON `json:"deleted_recipients" doc:"recipients"`
	TLSVerified        counterJSON `json:"delivered_tls_verified" doc:"recipients delivered over verified TLS"`
	TLSEncrypted       counterJSON `json:"delivered_tls_encrypted" doc:"recipients delivered over TLS that was not verified"`
	InClear            counterJSON `json:"delivered_in_clear" doc:"recipients delivered without TLS"`
}

// SMAGauges is the section gauges.
type SMAGauges struct {
	Inbound      int     `json:"inbound_connections" doc:"open now"`
	Outbound     int     `json:"outbound_connections" doc:"open now"`
	Active       int     `json:"active_recipients" doc:"queued"`
	Unattempted  int     `json:"unattempted_recipients" doc:"of them, not tried yet"`
	Attempted    int     `json:"attempted_recipients" doc:"of them, tried already"`
	WorkQueue    int     `json:"work_queue_messages" doc:"waiting in the work queue"`
	Destinations int     `json:"destinations" doc:"in memory"`
	BytesUsed    int64   `json:"queue_bytes_used" doc:"by the queue, on disk"`
	BytesFree    int64   `json:"queue_bytes_free" doc:"on the queue's disk"`
	Oldest       *string `json:"oldest_message" doc:"when the oldest queued message was accepted; null: none is queued"`
}

// SMASystem is the section system.
type SMASystem struct {
	Status    string  `json:"status" doc:"Online, Offline, Receiving suspended, Delivery suspended, Work queue paused or Resource conservation"`
	UpSince   string  `json:"up_since" doc:"when the service was started"`
	LastReset *string `json:"last_counter_reset" doc:"null: never"`
	CPUs      int     `json:"cpus" doc:"processors of the machine"`
	Memory    int64   `json:"memory_bytes" doc:"of the machine"`
	RAM       int64   `json:"ram_bytes" doc:"that the appliance occupies; -1: not known"`
	Disk      int     `json:"disk_percent" doc:"of the data folder's disk in use; -1: not known"`
}
