package inbound

import (
	"net/netip"
	"slices"
	"testing"
)

func TestPeers(t *testing.T) {
	r := newRig(t, nil)
	if list := r.l.Peers(); len(list) != 0 {
		t.Errorf("nobody is there: %v", list)
	}
	first, second := r.connect(), r.connect() // behind the banner the name is known
	want := []Peer{{netip.MustParseAddr("127.0.0.1"), "client.example", 2}}
	if list := r.l.Peers(); !slices.Equal(list, want) {
		t.Errorf("%v, want %v", list, want)
	}
	first.quit()
	second.quit()
	r.l.Shutdown(0)
	if list := r.l.Peers(); len(list) != 0 {
		t.Errorf("everybody has left: %v", list)
	}
}
