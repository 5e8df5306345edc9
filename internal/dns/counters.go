package dns

import "sync/atomic"

// Counters count what is asked and where the answers come from. They may be shared by resolvers, and outlive them.
//
// Requests are the questions that were asked of us, a host's two families of addresses being two; each of them is
// exactly one of Hits, Misses, Exceptions and Expired. Those of the last three kinds but Exceptions are asked of a
// nameserver, unless the same question is on its way already.
type Counters struct {
	Requests   atomic.Uint64
	Network    atomic.Uint64 // questions sent to nameservers, repeated ones and those over TCP included
	Hits       atomic.Uint64 // found in the cache
	Misses     atomic.Uint64 // not found there
	Exceptions atomic.Uint64 // found there that there is no such name or record
	Expired    atomic.Uint64 // found there, but too old
}
