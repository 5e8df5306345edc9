package commands

import (
	"cmp"
	"maps"
	"runtime"
	"slices"
	"time"

	"posthouse/config"
	"posthouse/mta"
	"posthouse/shell"
)

// smaQuerying is one run of smaquery on the configuration in force.
type smaQuerying struct {
	a        *Appliance
	s        *shell.Session
	config   *config.Config
	revision int
	status   mta.Status
}

func newSMAQuery(a *Appliance, s *shell.Session) *smaQuerying {
	snap := a.Config.Running()
	q := &smaQuerying{a, s, snap.Config, snap.Revision.Number, a.Engine.Status()}
	if q.status.At.IsZero() {
		q.status.At = time.Now()
	}
	return q
}

func rfc3339(t time.Time) string { return t.Format(time.RFC3339) }

// stampOrNil is nil for no time at all.
func stampOrNil(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	text := rfc3339(t)
	return &text
}

func (q *smaQuerying) identity() *SMAIdentity {
	return &SMAIdentity{productName, modelName, q.a.About.Version, q.a.About.Serial, q.config.Hostname, q.revision}
}

func (q *smaQuerying) features() []SMAFeature {
	c := q.config
	uses := func(is func(d *config.Destination) bool) bool {
		return slices.ContainsFunc(slices.Collect(maps.Values(c.Destinations)), is)
	}
	return []SMAFeature{
		{"tls", true},
		{"dane", uses(func(d *config.Destination) bool { return d.DANE != "" && d.DANE != "none" })},
		{"mta_sts", uses(func(d *config.Destination) bool { return d.MTASTS == "on" })},
		{"tls_reports", c.TLSReports.Send || c.TLSReports.Receive != ""},
		{"acme", c.ACME.Directory != ""},
		{"revocation", c.Revocation.Inbound || c.Revocation.Outbound},
		{"metrics", c.Metrics.Address != ""},
		{"central_quarantine", false},
		{"centralized_tracking", false},
	}
}

func (q *smaQuerying) interfaces() []SMAInterface {
	list := []SMAInterface{}
	for _, name := range interfaceNames(q.config) {
		i := q.config.Interfaces[name]
		entry := SMAInterface{name, i.Address, i.PrefixLength, i.Hostname, []SMAPort{}}
		if i.SSH {
			entry.Ports = append(entry.Ports, SMAPort{"ssh", i.SSHPort})
		}
		for _, l := range slices.Sorted(maps.Keys(q.config.Listeners)) {
			if q.config.Listeners[l].Interface == name {
				entry.Ports = append(entry.Ports, SMAPort{"smtp", q.config.Listeners[l].Port})
			}
		}
		list = append(list, entry)
	}
	return list
}

func (q *smaQuerying) listeners() []SMAListener {
	now := map[string]mta.ListenerStatus{}
	for _, l := range q.a.Engine.Listeners() {
		now[l.Name] = l
	}
	list := []SMAListener{}
	for _, name := range slices.Sorted(maps.Keys(q.config.Listeners)) {
		l := q.config.Listeners[name]
		list = append(list, SMAListener{name, string(l.Type), "SMTP", l.Interface, l.Port,
			append([]string{}, now[name].Addresses...), now[name].Suspended, l.ImplicitTLS, append([]string{}, l.Certificates...)})
	}
	return list
}

// smaHosts is how many destinations of the queue are listed.
const smaHosts = 1000

func (q *smaQuerying) destinations() *SMADestinations {
	d := &SMADestinations{Controls: []SMAControl{}, Hosts: []SMAHost{}}
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(q.config.Destinations)), func(n string) bool { return n == config.DefaultDestination })
	for _, name := range append(names, config.DefaultDestination) {
		d.Controls = append(d.Controls, q.control(name))
	}
	hosts := slices.Clone(q.a.Engine.Hosts())
	slices.SortFunc(hosts, func(x, y mta.HostSummary) int {
		return cmp.Or(cmp.Compare(y.Active, x.Active), cmp.Compare(x.Host, y.Host))
	})
	d.HostsTotal = len(hosts)
	for _, h := range hosts[:min(len(hosts), smaHosts)] {
		d.Hosts = append(d.Hosts, SMAHost{h.Host, string(h.State), h.Active, h.Connections, h.Delivered, h.SoftBounced, h.HardBounced, h.LastCause})
	}
	return d
}

// control is an entry with what it inherits from DEFAULT.
func (q *smaQuerying) control(name string) SMAControl {
	own, def := q.config.Destinations[name], q.config.Destinations[config.DefaultDestination]
	c := SMAControl{
		Domain: name, TLS: string(cmp.Or(own.TLS, def.TLS)), DANE: cmp.Or(own.DANE, def.DANE), MTASTS: cmp.Or(own.MTASTS, def.MTASTS),
		Certificate: cmp.Or(own.Certificate, def.Certificate), BounceProfile: cmp.Or(own.BounceProfile, def.BounceProfile),
	}
	if limit := cmp.Or(own.Concurrency, def.Concurrency); limit != nil {
		c.Concurrency = *limit
	}
	return c
}

func (q *smaQuerying) certificates() []SMACertificate {
	p := &profiles{q.a, q.s}
	list := []SMACertificate{}
	for _, name := range profileNames(q.config) {
		r := p.report(q.config, name)
		entry := SMACertificate{r.Name, r.CommonName, r.Issuer, r.Status, nil, r.Remaining, r.Managed, r.UsedBy}
		if r.NotAfter != nil {
			entry.NotAfter = stampOrNil(*r.NotAfter)
		}
		list = append(list, entry)
	}
	return list
}

func smaCounters(st mta.Status) *SMACounters {
	return &SMACounters{
		counterJSON(st.MessagesReceived), counterJSON(st.RecipientsReceived), counterJSON(st.RejectedRecipients), counterJSON(st.DroppedMessages),
		counterJSON(st.GeneratedBounces), counterJSON(st.SoftBouncedEvents), counterJSON(st.CompletedRecipients), counterJSON(st.HardBounced),
		counterJSON(st.Delivered), counterJSON(st.Deleted), counterJSON(st.TLSVerified), counterJSON(st.TLSEncrypted), counterJSON(st.InClear),
	}
}

func smaGauges(st mta.Status) *SMAGauges {
	return &SMAGauges{st.InboundConnections, st.OutboundConnections, st.ActiveRecipients, st.Unattempted, st.Attempted, st.WorkQueue,
		st.Destinations, st.KilobytesUsed * 1024, st.KilobytesFree * 1024, stampOrNil(st.OldestMessage)}
}

func (q *smaQuerying) system() *SMASystem {
	return &SMASystem{q.status.System, rfc3339(q.status.UpSince), stampOrNil(q.status.LastReset), runtime.NumCPU(),
		memoryMegabytes() << 20, residentBytes(), diskPercent(q.a.Files)}
}
