package outbound

import "posthouse/config"

// Together says by what the mail for a destination goes where its way is no matter of the destination itself: two destinations
// with the same answer may have recipients in one transaction. It is empty where mail has to travel apart: where the
// DNS or an operator says where it goes, and where the outcome of TLS is judged or listed by the domain.
func Together(conf *config.Config, destination string) string {
	_, redirected := config.ParseRedirected(destination) // which no route turns aside
	route, key, ok := conf.Route(destination)
	if redirected || !ok || usesDNS(route) {
		return ""
	}
	dest, entry := conf.Destination(destination)
	if dest.TLS != config.TLSNo && dest.TLS != config.TLSRequire {
		return ""
	}
	return key + " " + entry
}

// usesDNS says whether a route leaves it to the DNS where mail goes.
func usesDNS(route *config.Route) bool {
	for _, text := range route.Hops {
		if hop, err := config.ParseHop(text); err == nil && hop.UseDNS {
			return true
		}
	}
	return false
}
