package config

import (
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
	from, wanted, conflicts := threeWay(base, running, candidate)
	for _, id := range wanted {
		merged.setObject(id, from.object(id))
	}
	return merged, conflicts
}

// threeWay returns the objects that are to be taken, the configuration that they are taken from, which is candidate but for
// listeners of which both changed different parts, and the paths of the objects that both changed in different ways.
func threeWay(base, running, candidate *Config) (from *Config, wanted []objectID, conflicts []string) {
	from = candidate
	for _, id := range objects(base, candidate) {
		was, is, own := base.object(id), running.object(id), candidate.object(id)
		switch {
		case was.equal(own) || is.equal(own):
			continue
		case was.equal(is):
			wanted = append(wanted, id)
			continue
		}
		l, clashes, ok := threeListeners(id, was, is, own)
		if !ok {
			conflicts = append(conflicts, id.path())
			continue
		}
		conflicts = append(conflicts, clashes...)
		if !reflect.DeepEqual(any(l), is.value) {
			if from == candidate {
				from = candidate.Clone()
			}
			from.setObject(id, object{value: l})
			wanted = append(wanted, id)
		}
	}
	return from, wanted, conflicts
}

// threeListeners merges a listener that all three have.
func threeListeners(id objectID, was, is, own object) (l *Listener, conflicts []string, ok bool) {
	a, isA := was.value.(*Listener)
	b, isB := is.value.(*Listener)
	c, isC := own.value.(*Listener)
	if !isA || !isB || !isC {
		return nil, nil, false
	}
	l, conflicts = mergeListener(id.path(), a, b, c)
	return l, conflicts, true
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
