package smtp

// Tap hears a conversation as it is before TLS encrypts it and after TLS has decrypted it, in pieces of any size. Its
// methods are called by the goroutine of the session or client, must not wait, and may not keep what they are given.
type Tap interface {
	Received(data []byte) // from the peer
	Sent(data []byte)     // to the peer
}
