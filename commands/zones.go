package commands

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// zoneFolder is where the host has the lists that come with the zone database (tzfile(5)).
const zoneFolder = "/usr/share/zoneinfo"

// gmtOffset stands in the place of a continent for zones that are an offset only.
const gmtOffset = "GMT Offset"

// zone is a time zone of one country.
type zone struct{ name, continent, country string }

// zoneTable is the zones that can be chosen.
type zoneTable []zone

// readZones reads the host's lists of countries and zones.
var readZones = sync.OnceValues(func() (zoneTable, error) {
	countries, err := os.ReadFile(filepath.Join(zoneFolder, "iso3166.tab"))
	if err != nil {
		return nil, err
	}
	zones, err := os.ReadFile(filepath.Join(zoneFolder, "zone.tab"))
	if err != nil {
		return nil, err
	}
	return parseZones(countries, zones)
})

// parseZones reads the forms of iso3166.tab ("DE", a tab, "Germany") and zone.tab ("DE", coordinates, "Europe/Berlin").
func parseZones(countries, zones []byte) (zoneTable, error) {
	names := map[string]string{}
	eachRow(countries, func(f []string) {
		if len(f) >= 2 {
			names[f[0]] = f[1]
		}
	})
	var table zoneTable
	eachRow(zones, func(f []string) {
		if len(f) < 3 {
			return
		}
		continent, _, ok := strings.Cut(f[2], "/")
		if _, err := time.LoadLocation(f[2]); ok && err == nil {
			table = append(table, zone{f[2], continent, cmp.Or(names[f[0]], f[0])})
		}
	})
	if len(table) == 0 {
		return nil, errors.New("no zones")
	}
	for offset := -14; offset <= 12; offset++ { // as POSIX has it: what lies to the west is positive
		name := "Etc/GMT"
		if offset != 0 {
			name += strconv.Itoa(offset)
			if offset > 0 {
				name = "Etc/GMT+" + strconv.Itoa(offset)
			}
		}
		table = append(table, zone{name, gmtOffset, gmtOffset})
	}
	return table, nil
}

func eachRow(text []byte, do func(fields []string)) {
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if line := lines.Text(); line != "" && line[0] != '#' {
			do(strings.Split(line, "\t"))
		}
	}
}

// continents are the first choice, in order of name, offsets last.
func (t zoneTable) continents() []string {
	list := t.pick(func(z zone) (string, bool) { return z.continent, z.continent != gmtOffset })
	return append(list, gmtOffset)
}

func (t zoneTable) countries(continent string) []string {
	return t.pick(func(z zone) (string, bool) { return z.country, z.continent == continent })
}

func (t zoneTable) zones(continent, country string) []string {
	return t.pick(func(z zone) (string, bool) { return z.name, z.continent == continent && z.country == country })
}

// pick is what of takes from the zones, each once, in order.
func (t zoneTable) pick(of func(zone) (string, bool)) []string {
	var list []string
	for _, z := range t {
		if text, ok := of(z); ok {
			list = append(list, text)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// zoneNames are the names of all zones that the host lists, for completion.
func zoneNames() []string {
	table, err := readZones()
	if err != nil {
		return nil
	}
	return table.pick(func(z zone) (string, bool) { return z.name, true })
}
