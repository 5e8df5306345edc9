package config

import "reflect"

// element is how one setting stands in the XML. What it leaves unsaid follows from the setting: its element is named as
// posthouse.toml names it, so that a setting that is new here is in the XML as well.
type element struct {
	name   string // the element; empty: the name in posthouse.toml
	entry  string // the element of one object of a table or list; empty: "entry"
	key    string // within it the element of the object's name; empty: "entry_name"
	inline bool   // its parts stand where it would stand itself
	hidden bool   // another setting's form has it

	words wordList  // how the other language names the values
	form  *textForm // the whole setting as one text

	first   []string                            // settings of an object that come first, in this order
	fixed   []fixedElement                      // elements of an object that say nothing of ours
	secrets *objectSecret                       // what an object has in the vault
	admit   func(n *node) (ok bool, why string) // whether an entry is one of ours; without a reason it is passed over
	fresh   func(n *node) reflect.Value         // what a new object begins with; nil: nothing
	keeps   string                              // the object that is always there
}

// fixedElement is written because such files have it. Another value of it is not understood.
type fixedElement struct {
	name  string
	value func(key string) string
}

// objectSecret is the content in the vault that belongs to an object.
type objectSecret struct {
	ref func(key string) string
	// parts are the element of what is secret and those of what is public; a content without public parts has only the first.
	secret, certificate, request string
}

const (
	formatElement  = "posthouse_format" // says that the file is one of ours
	formatNumber   = "1"
	secretsElement = "secrets"
	anyEntry       = "*" // stands in a path for the name of an object
)

// elements are the names that such appliances use, by the path of the setting.
var elements = map[string]element{
	"interfaces": {
		entry: "interface", key: "interface_name", first: []string{"address"},
		fixed: []fixedElement{{"phys_interface", func(key string) string { return key }}},
	},
	"interfaces.*.address":       {name: "ip"},
	"interfaces.*.prefix_length": {name: "netmask", form: netmaskForm},
	"interfaces.*.hostname":      {name: "interface_hostname"},
	"interfaces.*.ssh":           {name: "sshd_enabled"},
	"interfaces.*.ssh_port":      {name: "sshd_port"},

	"listeners": {
		entry: "listener", key: "listener_name",
		first: []string{"interface", "port", "listen_queue", "type", "host_access", "recipient_access"},
		fixed: []fixedElement{{"protocol", func(string) string { return protocolSMTP }}},
		admit: admitListener, fresh: freshListener,
	},
	"listeners.*.interface":                     {name: "interface_name"},
	"listeners.*.listen_queue":                  {name: "listen_queue_size"},
	"listeners.*.certificate":                   {name: "listener_certificates", entry: "certificate_name"},
	"listeners.*.max_connections":               {name: "max_concurrency"},
	"listeners.*.host_access":                   {inline: true, first: []string{"policies"}},
	"listeners.*.host_access.default":           {name: "hat_default"},
	"listeners.*.host_access.policies":          {name: "hat", form: hatForm},
	"listeners.*.host_access.groups":            {hidden: true},
	"listeners.*.recipient_access":              {name: "rat", entry: "rat_entry", key: "rat_address"},
	"listeners.*.recipient_access.*.accept":     {name: "access", words: accessWords},
	"listeners.*.recipient_access.*.code":       {name: "smtp_code"},
	"listeners.*.recipient_access.*.text":       {name: "smtp_text"},
	"listeners.*.server_names":                  {entry: "server_name", key: "host"},
	"listeners.*.server_names.*":                {name: "server_certificates", entry: "certificate_name"},
	"listeners.*.host_access.default.extra":     {entry: "parameter", key: "parameter_name"},
	"destination_controls":                      {name: "good_table", entry: "domain_entry", key: "domain", keeps: DefaultDestination},
	"destination_controls.*.concurrency":        {name: "max_host_concurrency"},
	"destination_controls.*.limit_per":          {name: "limit_type", words: limitWords},
	"destination_controls.*.limit_apply":        {words: applyWords},
	"destination_controls.*.tls":                {name: "table_tls", words: tlsWords},
	"destination_controls.*.alert":              {name: "send_tls_req_alert"},
	"destination_controls.*.ip_sort_preference": {name: "ip_sort_pref", words: sortWords},

	"destination_controls.*.messages_per_connection": {name: "max_messages_per_connection"},

	"smtp_routes":        {name: "smtproutes", entry: "route", key: "domain"},
	"smtp_routes.*.hops": {name: "hosts", entry: "host"},

	"bounce_profiles": {
		entry: "bounce_profile", key: "profile_name", keeps: DefaultBounceProfile,
		fresh: func(*node) reflect.Value { return reflect.ValueOf(NewBounceProfile()) },
	},
	"bounce_profiles.*.max_queue_time": {name: "max_queue_lifetime"},
	"bounce_profiles.*.max_retry":      {name: "max_retry_interval"},
	"bounce_profiles.*.initial_retry":  {name: "initial_retry_interval"},
	"bounce_profiles.*.hard_bounce":    {name: "send_hard_bounces"},
	"bounce_profiles.*.dsn":            {name: "use_dsn_format"},
	"bounce_profiles.*.delay_warning":  {name: "send_delay_warnings"},

	"certificates": {
		entry: "certificate_profile", key: "certificate_name", keeps: DemoCertificate,
		secrets: &objectSecret{CertificateRef, "private_key", "certificate", "certificate_request"},
	},
	"certificates.*.acme.names": {entry: "host"},

	"users": {
		entry: "user", key: "username", first: []string{"full_name", "role"},
		secrets: &objectSecret{ref: PassphraseRef, secret: "passphrase"},
	},
	"users.*.full_name": {name: "fullname"},
	"users.*.role":      {name: "group", words: roleWords},

	"dns.servers":                       {name: "local_dns", entry: "dns_server"},
	"dns.servers.*.address":             {name: "dns_ip"},
	"dns.servers.*.priority":            {name: "dns_priority"},
	"dns.servers.*.domain":              {name: "dns_domain"},
	"injection.max_hops":                {name: "max_received_headers"},
	"delivery.concurrency":              {name: "max_delivery_concurrency"},
	"ssl.gui.methods":                   {entry: "method"},
	"ssl.inbound.methods":               {entry: "method"},
	"ssl.outbound.methods":              {entry: "method"},
	"ssl.gui.ciphers":                   {name: "cipher_list"},
	"ssl.inbound.ciphers":               {name: "cipher_list"},
	"ssl.outbound.ciphers":              {name: "cipher_list"},
	"alerts.recipients":                 {name: "alert_recipients", entry: "recipient", key: "email"},
	"alerts.from":                       {name: "from_address"},
	"alerts.initial_wait":               {name: "initial_wait_seconds"},
	"alerts.max_wait":                   {name: "max_wait_seconds"},
	"alerts.digest":                     {name: "digest_minutes"},
	"revocation.sources":                {name: "crl_sources", entry: "crl_source", key: "crl_name"},
	"acme.contact":                      {entry: "email"},
	"logs.max_file_size":                {name: "rollover_size"},
	"logs.max_files":                    {name: "keep_files"},
	"shell.idle_timeout":                {name: "idle_timeout_minutes"},
	"shell.lockout_attempts":            {name: "failed_logins"},
	"shell.lockout_minutes":             {name: "lockout_minutes"},
	"alerts.recipients.*.subscriptions": {entry: "subscription"},

	"alerts.recipients.*.subscriptions.*.severities": {entry: "severity"},
}

// elementAt returns how the setting at a path stands in the XML; name is its own in posthouse.toml.
func elementAt(path, name string) element {
	e := elements[path]
	if e.name == "" {
		e.name = name
	}
	if e.entry == "" {
		e.entry = "entry"
	}
	if e.key == "" {
		e.key = "entry_name"
	}
	return e
}

// slot is one setting of a struct with its element.
type slot struct {
	element
	path  string
	index []int // of the field; more than one where it is a part of an inline setting
}

// slotsOf lists the settings of a struct in the order of the XML.
func slotsOf(t reflect.Type, path string, first []string) []slot {
	var front, rest []slot
	byName := make(map[string][]slot)
	for i := range t.NumField() {
		name := tomlName(t.Field(i))
		if name == "" {
			continue
		}
		own := slotOf(t.Field(i), join(path, name), name, i)
		byName[name] = own
		rest = append(rest, own...)
	}
	if len(first) == 0 {
		return rest
	}
	rest = nil
	for _, name := range first {
		front = append(front, byName[name]...)
		delete(byName, name)
	}
	for i := range t.NumField() {
		rest = append(rest, byName[tomlName(t.Field(i))]...)
	}
	return append(front, rest...)
}

// slotOf is the setting of one field: one slot, those of its parts where it is inline, none where another form has it.
func slotOf(f reflect.StructField, path, name string, i int) []slot {
	e := elementAt(path, name)
	switch {
	case e.hidden:
		return nil
	case e.inline:
		parts := slotsOf(f.Type, path, e.first)
		for k := range parts {
			parts[k].index = append([]int{i}, parts[k].index...)
		}
		return parts
	}
	return []slot{{element: e, path: path, index: []int{i}}}
}

// in returns the setting's value within the struct.
func (s *slot) in(v reflect.Value) reflect.Value { return v.FieldByIndex(s.index) }

// holder returns the struct that the setting is directly in, which a text form takes from and gives to.
func (s *slot) holder(v reflect.Value) reflect.Value {
	return v.FieldByIndex(s.index[:len(s.index)-1])
}
