// Package tlspolicy makes the one TLS decision, outgoing and incoming: which rule is in force, what is asked of a
// handshake, what came out of it, every finding about the peer's certificates, the cause, and what a delivery does next.
// It opens no connection and writes no log. inbound, outbound, the reports and commands may import it; it imports
// certstore, config and leaves.
//
// A delivery gathers Facts, Weighs them, asks Trust.ClientConfig for the settings of one handshake, wraps its connection
// with Handshake.Watch before it sends anything, shakes hands, asks Handshake.Outcome what came of it, and Decides what
// to do, for each message that it would like to send over the connection. A listener asks Server in the same way.
package tlspolicy
