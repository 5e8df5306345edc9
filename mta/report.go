package mta

import (
	"time"

	"posthouse/mta/queue"
	"posthouse/mta/spool"
)

// The queue's reports, under the engine's name: whoever operates the engine needs no part of it.
type (
	HostState      = queue.HostState
	HostSummary    = queue.HostSummary
	HostStatus     = queue.HostStatus
	PreferenceList = queue.PreferenceList
	MXRecord       = queue.MXRecord
	RecipientInfo  = queue.RecipientInfo
	Filter         = queue.Filter
	Changed        = queue.Changed
	Progress       = queue.Progress
	MessageInfo    = queue.MessageInfo
	RecipientState = queue.RecipientState
	Phase          = queue.Phase
)

// ErrNoMessage says that no such message is queued.
var ErrNoMessage = spool.ErrNotFound

// Where in the queue a recipient is.
const (
	Finished   = queue.Finished
	Delivering = queue.Delivering
	Ready      = queue.Ready
	Waiting    = queue.Waiting
	Held       = queue.Held
	Unqueued   = queue.Unqueued
	Parked     = queue.Parked
)

// The states of a destination.
const (
	HostUp        = queue.Up
	HostDown      = queue.Down
	HostUnknown   = queue.Unknown
	HostSuspended = queue.Suspended
)

// Counter is a count of events in three reaches.
type Counter struct {
	Reset, Uptime, Lifetime uint64
}

// Status is what the status command shows.
type Status struct {
	At, UpSince, LastReset, OldestMessage               time.Time // the last two are zero for never and none
	System                                              string    // Online, Offline, Receiving suspended, Delivery suspended, Work queue paused, Resource conservation
	MessagesReceived, RecipientsReceived                Counter
	RejectedRecipients, DroppedMessages                 Counter
	SoftBouncedEvents, CompletedRecipients              Counter
	GeneratedBounces                                    Counter // recipients of notices
	HardBounced, Delivered, Deleted                     Counter // recipients
	DNSHard, FiveXXHard, FilterHard                     Counter // hard bounced recipients by reason
	ExpiredHard, OtherHard                              Counter
	TLSVerified, TLSEncrypted, InClear                  Counter // delivered recipients by protection
	MID, ICID, DCID                                     uint64  // the latest given out
	InboundConnections, OutboundConnections             int
	ActiveRecipients, Unattempted, Attempted, WorkQueue int
	Destinations                                        int
	KilobytesUsed, KilobytesFree                        int64
	Rates                                               Rates
}

// ListenerStatus is one listener as the shell's operational commands see it.
type ListenerStatus struct {
	Name      string
	Addresses []string // as bound, "127.0.0.1:2525"
	Suspended bool
}
