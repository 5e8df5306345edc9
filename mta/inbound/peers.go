package inbound

import "net/netip"

// Peer is an address from which connections are open.
type Peer struct {
	Addr  netip.Addr
	Name  string // its reverse name, as far as it is known; "" for none
	Count int    // of open connections
}

// Peers are the addresses that have connections to the listener, in no order.
func (l *Listener) Peers() []Peer {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []Peer
	index := make(map[netip.Addr]int)
	for c := range l.open {
		addr := address(c.conn.RemoteAddr())
		i, known := index[addr]
		if !known {
			i = len(list)
			index[addr] = i
			list = append(list, Peer{Addr: addr})
		}
		list[i].Count++
		if list[i].Name == "" {
			list[i].Name = c.shownName()
		}
	}
	return list
}

// shownName is the peer's reverse name for those who look on.
func (c *connection) shownName() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.name
}
