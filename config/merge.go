package config

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// objectID names one object: a table of the configuration's maps, or one of its single settings and tables. Merging
// takes each of them whole, with the references that belong to it.
type objectID struct {
	field int    // of Config
	key   string // in the field's map; empty for what is no map
}

// merge returns running with everything that changed between base and candidate, and the paths of the objects that
// both changed in different ways. None of the three is modified.
func merge(base, running, candidate *Config) (merged *Config, conflicts []string) {
	merged = running.Clone()
	wanted, conflicts := threeWay(base, running, candidate)
	for _, id := range wanted {
		merged.setObject(id, candidate.object(id))
	}
	return merged, conflicts
}

// threeWay returns the objects that are to be taken from candidate, and the paths of those that both changed.
func threeWay(base, running, candidate *Config) (wanted []objectID, conflicts []string) {
	for _, id := range objects(base, candidate) {
		was, is, own := base.object(id), running.object(id), candidate.object(id)
		switch {
		case was.equal(own) || is.equal(own):
		case was.equal(is):
			wanted = append(wanted, id)
		default:
			conflicts = append(conflicts, id.path())
		}
	}
	return wanted, conflicts
}

// objects returns the objects that any of the configurations has, in the order of their paths.
func objects(configs ...*Config) []objectID {
	all := make(map[objectID]string) // the path of each, which is costly to make
	add := func(id objectID) {
		if _, known := all[id]; !known {
			all[id] = id.path()
		}
	}
	for _, c := range configs {
		v := reflect.ValueOf(c).Elem()
		for i := range v.NumField() {
			switch {
			case tomlName(v.Type().Field(i)) == "":
			case v.Field(i).Kind() != reflect.Map:
				add(objectID{field: i})
			default:
				for _, k := range v.Field(i).MapKeys() {
					add(objectID{i, k.String()})
				}
			}
		}
	}
	return slices.SortedFunc(maps.Keys(all), func(a, b objectID) int { return strings.Compare(all[a], all[b]) })
}

func (id objectID) path() string {
	name := tomlName(reflect.TypeFor[Config]().Field(id.field))
	if id.key == "" {
		return name
	}
	return join(name, key(id.key))
}

// objectOf returns the object that a key of Refs belongs to.
func objectOf(ref string) objectID {
	field, name, _ := strings.Cut(ref, ".")
	switch field {
	case "certificates":
	case "users":
		name, _, _ = userRef(ref)
	default:
		name = ""
	}
	f, _ := fieldNamed(reflect.TypeFor[Config](), field)
	return objectID{f.Index[0], name}
}

// object is the value of one object; nil where it does not exist.
type object struct {
	value any
	refs  map[string]string
}

func (o object) equal(p object) bool {
	return maps.Equal(o.refs, p.refs) && reflect.DeepEqual(o.value, p.value)
}

func (c *Config) object(id objectID) object {
	o := object{refs: make(map[string]string)}
	for ref, content := range c.Refs {
		if objectOf(ref) == id {
			o.refs[ref] = content
		}
	}
	v := reflect.ValueOf(c).Elem().Field(id.field)
	if id.key != "" {
		v = v.MapIndex(reflect.ValueOf(id.key))
	}
	if v.IsValid() {
		o.value = v.Interface()
	}
	return o
}

// setObject puts a copy of o in the place of the object.
func (c *Config) setObject(id objectID, o object) {
	for ref := range c.object(id).refs {
		delete(c.Refs, ref)
	}
	for ref, content := range o.refs {
		if c.Refs == nil {
			c.Refs = make(map[string]string)
		}
		c.Refs[ref] = content
	}
	field := reflect.ValueOf(c).Elem().Field(id.field)
	var value reflect.Value
	if o.value != nil {
		value = reflect.New(reflect.TypeOf(o.value)).Elem()
		deepCopy(value, reflect.ValueOf(o.value))
	}
	switch {
	case id.key == "":
		field.Set(value)
	default:
		if field.IsNil() {
			field.Set(reflect.MakeMap(field.Type()))
		}
		field.SetMapIndex(reflect.ValueOf(id.key), value) // the zero Value deletes
	}
}

// changedObjects returns the paths of the objects that differ.
func changedObjects(old, new *Config) []string {
	var paths []string
	for _, id := range objects(old, new) {
		if !old.object(id).equal(new.object(id)) {
			paths = append(paths, id.path())
		}
	}
	return paths
}

// conflict makes the error of a merge that failed.
func conflict(paths []string, by func(path string) Revision) error {
	faults := make([]error, len(paths))
	for i, p := range paths {
		faults[i] = &ConflictError{Object: p, By: by(p)}
	}
	if len(faults) == 1 {
		return faults[0]
	}
	return errors.Join(faults...)
}
