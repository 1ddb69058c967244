package web

import (
	_ "embed"
	"strings"
)

// zoneNames are the time zones that people can choose, one a line: those that
// the zone database names for a country, and UTC. Its other names are old ones
// of these.
//
//go:embed zones.txt
var zoneNames string

// A zoneGroup is the zones of one region.
type zoneGroup struct {
	Region string // Europe; empty: of none
	Zones  []zone
}

// A zone is a time zone as one can choose it.
type zone struct {
	Name string // Europe/Berlin
	City string // Berlin
}

// zoneGroups returns all zones by their regions.
func zoneGroups() []zoneGroup {
	var groups []zoneGroup
	for name := range strings.Lines(zoneNames) {
		name = strings.TrimSpace(name)
		region, place, ok := strings.Cut(name, "/")
		if !ok {
			region, place = "", name
		}
		if len(groups) == 0 || groups[len(groups)-1].Region != region {
			groups = append(groups, zoneGroup{Region: region})
		}
		last := &groups[len(groups)-1]
		last.Zones = append(last.Zones, zone{name, strings.ReplaceAll(strings.ReplaceAll(place, "_", " "), "/", ", ")})
	}
	return groups
}

// isListed reports whether the zone called name is among groups.
func isListed(groups []zoneGroup, name string) bool {
	for _, g := range groups {
		for _, z := range g.Zones {
			if z.Name == name {
				return true
			}
		}
	}
	return false
}
