package config

import "reflect"

// Clone returns a deep copy: nothing that is done to it shows in c.
func (c *Config) Clone() *Config {
	if c == nil {
		return nil
	}
	out := new(Config)
	deepCopy(reflect.ValueOf(out).Elem(), reflect.ValueOf(c).Elem())
	return out
}

// Clone returns a deep copy of the table.
func (h *HostAccess) Clone() *HostAccess {
	if h == nil {
		return nil
	}
	out := new(HostAccess)
	deepCopy(reflect.ValueOf(out).Elem(), reflect.ValueOf(h).Elem())
	return out
}

// deepCopy copies by reflection, so that a field added to Config later cannot be forgotten here. Config holds no
// unexported fields, no interfaces and no cycles.
func deepCopy(dst, src reflect.Value) {
	switch src.Kind() {
	case reflect.Pointer:
		if !src.IsNil() {
			dst.Set(reflect.New(src.Type().Elem()))
			deepCopy(dst.Elem(), src.Elem())
		}
	case reflect.Struct:
		for i := range src.NumField() {
			deepCopy(dst.Field(i), src.Field(i))
		}
	case reflect.Slice:
		if !src.IsNil() {
			dst.Set(reflect.MakeSlice(src.Type(), src.Len(), src.Len()))
			for i := range src.Len() {
				deepCopy(dst.Index(i), src.Index(i))
			}
		}
	case reflect.Map:
		if !src.IsNil() {
			dst.Set(reflect.MakeMapWithSize(src.Type(), src.Len()))
			for it := src.MapRange(); it.Next(); {
				value := reflect.New(src.Type().Elem()).Elem()
				deepCopy(value, it.Value())
				dst.SetMapIndex(it.Key(), value)
			}
		}
	default:
		dst.Set(src)
	}
}
