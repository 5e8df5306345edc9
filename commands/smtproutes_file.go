package commands

import (
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

func (r *routes) askImport() error {
	name, _, err := askFile(r.a, r.s, "Enter the name of the file to import:")
	if err != nil {
		return err
	}
	return r.readRoutes(name)
}

func (r *routes) readRoutes(file string) error {
	data, err := readFile(r.a, file)
	if err != nil {
		return err
	}
	read, err := parseRoutes(string(data))
	if err != nil {
		return err
	}
	if err := r.put(read); err != nil {
		return err
	}
	r.s.Say("%d routes imported.", len(read))
	return nil
}

func (r *routes) askExport() error {
	if err := r.s.Permit("export"); err != nil {
		return err
	}
	name, err := askNewFile(r.s, "Enter the name of the file to export to:")
	if err != nil {
		return err
	}
	return r.writeRoutes(name)
}

func (r *routes) writeRoutes(file string) error {
	if err := writeFile(r.a, file, []byte(formatRoutes(r.s.Candidate()))); err != nil {
		return err
	}
	written(r.s, r.a, file)
	return nil
}

// parseRoutes reads "SOURCE DEST,DEST" lines. What a domain and a destination may be is for the configuration to judge.
func parseRoutes(text string) (map[string]*config.Route, error) {
	read := map[string]*config.Route{}
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		source := sourceKey(words[0])
		hops := splitHops(strings.Join(words[1:], ","))
		switch {
		case source == "", strings.HasSuffix(source, "."):
			return nil, shell.Fail("Invalid line %d: %q is not a domain.", i+1, words[0])
		case len(hops) == 0:
			return nil, shell.Fail("Invalid line %d: %q has no destination.", i+1, words[0])
		case read[source] != nil:
			return nil, shell.Fail("Invalid line %d: there are two routes for %q.", i+1, source)
		}
		for _, hop := range hops {
			if _, err := config.ParseHop(hop); err != nil {
				return nil, shell.Fail("Invalid line %d: %w.", i+1, err)
			}
		}
		read[source] = &config.Route{Hops: hops}
	}
	return read, nil
}
