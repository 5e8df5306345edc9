package dns

import (
	"bufio"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	mdns "github.com/miekg/dns"
)

// recheck is how often a file of the system is looked at for changes, at most.
const recheck = 5 * time.Second

// watched says whether a file has changed since it was last read.
type watched struct {
	path     string
	checked  time.Time
	modified time.Time
	size     int64
}

// changed looks at the file at most once in the recheck interval.
func (w *watched) changed(now time.Time) bool {
	if !w.checked.IsZero() && now.Sub(w.checked) < recheck {
		return false
	}
	w.checked = now
	st, err := os.Stat(w.path)
	if err != nil || (st.ModTime().Equal(w.modified) && st.Size() == w.size) {
		return false
	}
	w.modified, w.size = st.ModTime(), st.Size()
	return true
}

// systemServers are the nameservers of resolv.conf as it is now.
type systemServers struct {
	mu      sync.Mutex
	file    watched
	current serverSet
}

func newSystemServers(path string) *systemServers {
	return &systemServers{file: watched{path: path}}
}

// set returns the servers; a file that cannot be read means the one on this host, as resolv.conf(5) says.
func (s *systemServers) set() serverSet {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file.changed(time.Now()) {
		s.current = readResolvConf(s.file.path)
	}
	if len(s.current.list) == 0 {
		s.current = newServerSet([]Server{{Address: "127.0.0.1"}})
	}
	return s.current
}

func readResolvConf(path string) serverSet {
	conf, err := mdns.ClientConfigFromFile(path)
	if err != nil {
		return serverSet{}
	}
	var list []Server
	for _, host := range conf.Servers {
		list = append(list, Server{Address: net.JoinHostPort(host, conf.Port)})
	}
	return newServerSet(list)
}

// hostsFile is the system's table of hosts as it is now.
type hostsFile struct {
	mu    sync.Mutex
	file  watched
	addrs map[string][]Addr
	names map[netip.Addr][]string
}

func newHostsFile(path string) *hostsFile {
	return &hostsFile{file: watched{path: path}}
}

func (h *hostsFile) lookup(name string) []Addr {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refresh()
	return h.addrs[name]
}

func (h *hostsFile) reverse(addr netip.Addr) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refresh()
	return h.names[addr]
}

// refresh reads the file again when it has changed. The caller holds mu.
func (h *hostsFile) refresh() {
	if !h.file.changed(time.Now()) {
		return
	}
	f, err := os.Open(h.file.path)
	if err != nil {
		return
	}
	defer f.Close()
	h.addrs, h.names = make(map[string][]Addr), make(map[netip.Addr][]string)
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		text, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(text)
		if len(fields) < 2 {
			continue
		}
		addr, err := netip.ParseAddr(fields[0])
		if err != nil {
			continue
		}
		addr = addr.Unmap().WithZone("")
		for _, name := range fields[1:] {
			name = Canonical(name)
			h.addrs[name] = append(h.addrs[name], Addr{Addr: addr, Name: name})
			h.names[addr] = append(h.names[addr], name)
		}
	}
}
