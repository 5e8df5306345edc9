package queue

import "time"

// HostState says what the queue knows of a destination's reachability.
type HostState string

const (
	Up        HostState = "up"
	Down      HostState = "down"      // the last attempt to connect failed
	Unknown   HostState = "unknown"   // never tried since the start
	Suspended HostState = "suspended" // by suspenddel
)

// HostSummary is one destination as tophosts and showhosts list it.
type HostSummary struct {
	Host        string
	State       HostState
	Active      int       // recipients queued
	Connections int       // open now
	Delivered   int       // recipients, since the start, as the next two
	SoftBounced int       // events
	HardBounced int       // recipients
	Oldest      time.Time // when the oldest queued message was accepted; zero when none
	NextAttempt time.Time // zero: now or never
	LastCause   string    // id of the latest failure's cause, empty when there was none
	LastError   string    // the latest failure in words, a reply with its code

	LastErrorAt   time.Time // zero: it is from before the start, and its time was not kept
	LastErrorHost string    // the host that was tried
}

// HostStatus is one destination as hoststatus shows it.
type HostStatus struct {
	HostSummary
	DownSince time.Time // zero: it is not down

	DNSHard, FiveXXHard, FilterHard, ExpiredHard, OtherHard int // hard bounced recipients by reason
	Deleted                                                 int // recipients
	Unattempted, Attempted                                  int // of the active recipients
	Pending                                                 int // connections wanted but not open
	LastActivity                                            time.Time
	LastTLS                                                 string           // what hoststatus prints behind "Last TLS"
	Addresses                                               []PreferenceList // addresses by preference
	AddressesExpire                                         time.Time
	MX                                                      []MXRecord
	Last5XX                                                 string
	Last5XXAt                                               time.Time
}

// PreferenceList is the addresses of one MX preference.
type PreferenceList struct {
	Preference int
	Addresses  []string
}

// MXRecord is one mail exchanger as last looked up.
type MXRecord struct {
	Preference int
	TTL        time.Duration
	Host       string
}

// Filter chooses recipients in the queue; what is empty chooses all.
type Filter struct {
	Host       string // the recipient's destination, in lower case
	Sender     string // the envelope sender, compared without regard to case
	NullSender bool   // only what has no sender: notices such as bounces
	MID        uint64 // 0: any message

	except string // not what waits for this destination
}

// RecipientInfo is one queued recipient as showrecipients prints it.
type RecipientInfo struct {
	MID       uint64
	RID       int
	Size      int64 // bytes of the message
	Attempts  int
	Sender    string
	Recipient string
	Subject   string
	Host      string
}

// MessageInfo is one queued message as showmessage prints it.
type MessageInfo struct {
	MID, ICID                         uint64
	Sender, Subject, MessageID        string
	Received                          time.Time
	Size                              int64
	Listener, BounceProfile           string // the profile's name in the envelope; empty: the destination's or the default
	Relay, Bounce, EightBit, SMTPUTF8 bool
	RequireTLS, TLSOptional           bool // REQUIRETLS; TLS-Required: No
	TLSReport                         bool
	EnvID, Ret                        string
	Recipients                        []RecipientState
}

// Phase is where in the queue a recipient is.
type Phase string

// The phases of a recipient.
const (
	Finished   Phase = "done"       // delivered, bounced or deleted
	Delivering Phase = "delivering" // or in the hands of an operator's command
	Ready      Phase = "ready"      // due, and waits for its turn or for its destination
	Waiting    Phase = "waiting"    // for its next attempt
	Held       Phase = "held"       // its destination is suspended
	Parked     Phase = "parked"     // the process died twice while it was worked on: it is not tried any more
	Unqueued   Phase = "unqueued"   // not in the queue: it has just come, or just left
)

// RecipientState is one recipient of a message with what it waits for.
type RecipientState struct {
	RID           int
	Address       string
	Notify, ORcpt string // RFC 3461
	Host          string // its destination
	Redirected    bool   // by an operator
	Phase         Phase
	Attempts      int
	Next          time.Time // where it waits
	LastError     string    // what the latest attempt said
	Place, Of     int       // in the order of age among the messages for its destination; 0 where it is not in the queue
	HostState     HostState
	HostCause     string // the destination's latest failure
	HostError     string
	HostNext      time.Time // when the destination is tried next; zero: now
}

// Routing is where a destination's mail goes, as last looked up.
type Routing struct {
	MX        []MXRecord       // empty where a route or the domain's own address is used
	Addresses []PreferenceList // in the order of preference
	Expires   time.Time        // when it has to be looked up again; an address that is not looked up is found anew each time
}

// Totals are the queue's counts: events since the start, and what is there now.
type Totals struct {
	SoftBounced, HardBounced, Delivered, Deleted uint64    // since the start
	Protected                                    [3]uint64 // delivered recipients, by Protection but Nowhere
	Reasons                                      [5]uint64 // hard bounced recipients, by Kind
	Generated                                    uint64    // recipients of notices

	Active, Unattempted, Attempted int // recipients queued
	Messages                       int
	Destinations                   int // with recipients queued
	Connections                    int // open now
	Oldest                         time.Time
}
