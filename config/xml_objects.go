package config

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// objects reads a section with its objects, which replaces the present one. An object that is there already keeps what the
// file does not say of it.
func (r *xmlReader) objects(n *node, e element, path string, v reflect.Value, at string) {
	fresh, paths := reflect.MakeMap(v.Type()), pathsOf(at, n.children)
	for i, c := range n.children {
		where := paths(i)
		if c.name != e.entry {
			r.unknown(c, where)
			continue
		}
		if e.admit != nil {
			if ok, why := e.admit(c); !ok {
				if why != "" {
					r.note(c, where, why)
				}
				continue
			}
		}
		name := c.child(e.key)
		if name == nil || strings.TrimSpace(name.text) == "" || len(name.children) > 0 {
			r.note(c, where, fmt.Sprintf("it has no <%s>", e.key))
			continue
		}
		key := reflect.ValueOf(name.text).Convert(v.Type().Key())
		if fresh.MapIndex(key).IsValid() {
			r.stop(name, errTwice)
			return
		}
		value, ok := r.object(c, e, path, name.text, v.MapIndex(key), v.Type().Elem(), where)
		if !r.going() {
			return
		}
		if ok {
			fresh.SetMapIndex(key, value)
			r.objectAt[join(path, name.text)] = placed{c, where}
		}
	}
	v.Set(fresh)
}

// object reads one entry of a section. It says no for one that cannot be had.
func (r *xmlReader) object(n *node, e element, path, key string, present reflect.Value, t reflect.Type, at string) (value reflect.Value, ok bool) {
	value = reflect.New(t).Elem()
	if present.IsValid() {
		deepCopy(value, present)
	} else if e.fresh != nil {
		value.Set(e.fresh(n))
	} else if t.Kind() == reflect.Pointer {
		value.Set(reflect.New(t.Elem()))
	}
	aside := func(c *node) bool { return c.name == e.key || r.fixed(c, e, key, at) || partOf(e.secrets, c.name) }
	inner := join(path, anyEntry)
	if t.Kind() == reflect.Pointer {
		r.table(n, inner, aside, value.Elem(), at)
	} else {
		r.bare(n, inner, aside, value, at)
	}
	if r.fatal != nil || e.secrets == nil {
		return value, true
	}
	given, err := r.objectSecret(e.secrets, key, n)
	switch {
	case r.fatal != nil:
		return value, false
	case err == nil && (given || present.IsValid() || e.secrets.certificate == ""):
		return value, true
	case err == nil:
		err = errors.New("it has no certificate")
	}
	if present.IsValid() {
		r.note(n, at, "its <"+e.secrets.secret+"> is left as it was: "+err.Error())
		return value, true
	}
	r.note(n, at, "it is left out, for its <"+e.secrets.secret+">: "+err.Error())
	return value, false
}

func partOf(s *objectSecret, name string) bool {
	return s != nil && (name == s.secret || s.certificate != "" && (name == s.certificate || name == s.request))
}

// fixed says whether an element is one that says nothing of ours. Another value than that which is written is listed.
func (r *xmlReader) fixed(n *node, e element, key, at string) bool {
	for _, f := range e.fixed {
		if f.name != n.name {
			continue
		}
		if len(n.children) > 0 || strings.TrimSpace(n.text) != "" && !strings.EqualFold(strings.TrimSpace(n.text), f.value(key)) {
			r.note(n, at+"/"+n.name, "it has no effect here")
		}
		return true
	}
	return false
}

// bare reads an entry that is not a table: its value stands in an element of its own.
func (r *xmlReader) bare(n *node, path string, aside func(*node) bool, v reflect.Value, at string) {
	own, paths := elementAt(path, "value"), pathsOf(at, n.children)
	seen := false
	for i, c := range n.children {
		where := paths(i)
		switch {
		case aside(c):
		case c.name != own.name:
			r.unknown(c, where)
		case seen:
			r.stop(c, errTwice)
		default:
			seen = true
			r.value(c, own, path, v, where)
		}
	}
}

// mandatory brings back the objects that are always there, where the file does not have them.
func (r *xmlReader) mandatory() {
	now, before := reflect.ValueOf(r.config).Elem(), reflect.ValueOf(r.present).Elem()
	for _, s := range slotsOf(now.Type(), "", nil) {
		if s.keeps == "" {
			continue
		}
		have, had := s.in(now), s.in(before).MapIndex(reflect.ValueOf(s.keeps))
		if !had.IsValid() || slices.ContainsFunc(have.MapKeys(), func(k reflect.Value) bool { return strings.EqualFold(k.String(), s.keeps) }) {
			continue
		}
		if have.IsNil() {
			have.Set(reflect.MakeMap(have.Type()))
		}
		have.SetMapIndex(reflect.ValueOf(s.keeps), had)
	}
	r.config = r.config.Clone() // shares nothing with the present one
}

// settle makes the result valid: of another appliance's file, what would not be valid goes back to what it was, object by
// object, and is listed. A file of ours, and faults that stay, are the error of Validate.
func (r *xmlReader) settle(own bool) error {
	for {
		r.config.Normalize()
		err := r.config.ValidateUntil(r.ctx)
		if !r.going() {
			return r.fatal
		}
		if err == nil || own {
			return err
		}
		undone := false
		for _, f := range FieldErrors(err) {
			if !r.going() {
				return r.fatal
			}
			if parts := pathParts(f.Path); len(parts) > 0 && r.undo(parts, f) {
				undone = true
			}
		}
		if !undone {
			return err
		}
	}
}

// undo gives the object that a fault is in, or its section, the value that it had. It says no where that changes nothing.
func (r *xmlReader) undo(parts []string, f *FieldError) bool {
	field, ok := fieldNamed(reflect.TypeFor[Config](), parts[0])
	if !ok {
		return false
	}
	now, before := reflect.ValueOf(r.config).Elem().FieldByIndex(field.Index), reflect.ValueOf(r.present).Elem().FieldByIndex(field.Index)
	at := parts[0]
	if now.Kind() == reflect.Map && len(parts) > 1 {
		at = join(parts[0], parts[1])
		key := reflect.ValueOf(parts[1])
		is, was := now.MapIndex(key), before.MapIndex(key)
		if is.IsValid() == was.IsValid() && (!is.IsValid() || reflect.DeepEqual(is.Interface(), was.Interface())) {
			return false
		}
		now.SetMapIndex(key, clonedValue(was)) // the zero value deletes it
	} else if reflect.DeepEqual(now.Interface(), before.Interface()) {
		return false
	} else {
		now.Set(clonedValue(before))
	}
	place, known := r.objectAt[at]
	if !known {
		place = placed{&node{line: 1}, "config"}
	}
	r.note(place.node, place.path, "it is left as it was: "+f.Error())
	return true
}

func clonedValue(v reflect.Value) reflect.Value {
	if !v.IsValid() {
		return v
	}
	out := reflect.New(v.Type()).Elem()
	deepCopy(out, v)
	return out
}

// strays lists the secrets that belong to nothing.
func (r *xmlReader) strays() {
	for _, ref := range slices.Sorted(maps.Keys(r.contents)) {
		if place, listed := r.secretAt[ref]; listed && !r.config.owns(ref) {
			r.note(place.node, place.path, fmt.Sprintf("a secret of %q belongs to nothing here", clipped(ref)))
		}
	}
}

// keep puts the contents into the vault.
func (r *xmlReader) keep() error {
	if r.opt.Put == nil {
		return nil
	}
	refs := maps.Clone(r.config.Refs)
	for _, ref := range slices.Sorted(maps.Keys(r.contents)) {
		if !r.config.owns(ref) {
			continue
		}
		content := r.contents[ref]
		id, err := r.opt.Put(content.kind, content.content)
		if err != nil {
			return &XMLError{Line: content.line, Element: secretEntry, Err: err}
		}
		refs[ref] = id
	}
	r.config.Refs = refs
	return nil
}
