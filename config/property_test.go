package config

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// FuzzDecode holds that whatever is read is written in one form and read back as the same.
func FuzzDecode(f *testing.F) {
	// Short seeds: the fuzzer gets further with them than with a whole file.
	for _, seed := range []string{
		"hostname = 'a'\n[listeners]\na.host_access.groups = [{members=['ALL'], inline={behavior='RELAY'}}]\n",
		"[smtp_routes.'A.example']\nhops=[]\n[smtp_routes.'a.example.']\nhops=['x', '10/[2001:db8::1]:25']",
		"[[dns.servers]]\naddress = '192.0.2.53:53'\npriority = 3\n[[dns.servers]]\naddress = '::1'\nDomain = 'x.'",
		"[listeners.A]\ncertificate = ['Demo']\n[listeners.A.recipient_access.'User@']\ncode = 550\ntext = \"no\"\n",
		"[destination_controls.'X.example']\nconcurrency = 3\ntls = 'no'\n[certificates.Demo]\n[delivery]\npossible_delivery = true",
		"[listeners.A.host_access.default]\nmax_message_size = 1\ntls_verify = true\nextra = {spam_check = 'on'}\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return // the time to find a line grows with the size
		}
		c, err := Decode(data)
		if err != nil {
			if _, ok := err.(*SyntaxError); !ok {
				t.Errorf("the error is a %T", err)
			}
			return
		}
		c.Validate()
		text := Encode(c)
		back, err := Decode(text)
		if err != nil || !reflect.DeepEqual(back, c) || !bytes.Equal(Encode(back), text) {
			t.Errorf("reads back differently: %v\n%s\n%s", err, text, FormatChanges(Diff(c, back)))
		}
	})
}

// step sets one object to something.
type step struct {
	object string
	value  int // 0 deletes what can be deleted
}

func drawSteps(t *rapid.T, name string) []step {
	objects := []string{"delivery", "shell", "hostname", "d1.example", "d2.example", "d3.example", "Listener1", "Demo", "partner"}
	chosen := rapid.SliceOfNDistinct(rapid.SampledFrom(objects), 0, 5, rapid.ID).Draw(t, name)
	var steps []step
	for _, o := range chosen {
		steps = append(steps, step{o, rapid.IntRange(0, 3).Draw(t, o)})
	}
	return steps
}

func (s step) apply(c *Config) {
	switch s.object {
	case "delivery":
		c.Delivery.Concurrency = 100 + s.value
	case "shell":
		c.Shell.IdleTimeout = 100 + s.value
	case "hostname":
		c.Hostname = fmt.Sprintf("m%d.example", s.value)
	case "Listener1":
		c.Listeners[s.object] = NewListener(Public, "Management", 100+s.value)
	case "Demo", "partner":
		c.Certificates[s.object] = &Certificate{}
		c.Refs[CertificateRef(s.object)] = fmt.Sprint("certificate-", s.value)
	default:
		c.Destinations[s.object] = &Destination{Concurrency: new(1 + s.value)}
	}
	if s.value == 0 && s.object != "Demo" {
		delete(c.Listeners, s.object)
		delete(c.Destinations, s.object)
		delete(c.Certificates, s.object)
	}
}

func applied(c *Config, steps []step) *Config {
	c = c.Clone()
	for _, s := range steps {
		s.apply(c)
	}
	c.Normalize()
	return c
}

func TestMergeProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := applied(Default("mail.example.com"), drawSteps(t, "base"))
		theirs, mine := drawSteps(t, "theirs"), drawSteps(t, "mine")
		running, candidate := applied(base, theirs), applied(base, mine)
		merged, conflicts := merge(base, running, candidate)
		merged.Normalize()

		// What the candidate changed is laid over what is running; where both did, differently, it is a conflict.
		expected, clashes := running, 0
		for _, s := range mine {
			alone := applied(base, []step{s})
			if reflect.DeepEqual(alone, base) {
				continue // no change
			}
			i := slices.IndexFunc(theirs, func(o step) bool { return o.object == s.object })
			if i >= 0 && !reflect.DeepEqual(applied(base, theirs[i:i+1]), base) && !reflect.DeepEqual(applied(base, theirs[i:i+1]), alone) {
				clashes++
				continue
			}
			expected = applied(expected, []step{s})
		}
		if len(conflicts) != clashes || !reflect.DeepEqual(merged, expected) {
			t.Fatalf("conflicts %v, want %d\n%s", conflicts, clashes, FormatChanges(Diff(expected, merged)))
		}
	})
}

// Diff misses nothing: it is empty exactly where the files and the references are the same.
func TestDiffIsComplete(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := Default("mail.example.com")
		a, b := applied(base, drawSteps(t, "a")), applied(base, drawSteps(t, "b"))
		same := bytes.Equal(Encode(a), Encode(b)) && reflect.DeepEqual(a.Refs, b.Refs)
		if changes := Diff(a, b); (len(changes) == 0) != same || len(changes) != len(Diff(b, a)) {
			t.Fatalf("same %v, but\n%s", same, FormatChanges(changes))
		}
	})
}

// Every setting is seen by Diff and comes back from the file: a field added without a TOML name would fail here.
func TestEveryFieldCounts(t *testing.T) {
	t.Parallel()
	oneByOne(t)
	full := Default("mail.example.com")
	fillFields(reflect.ValueOf(full).Elem(), 0)
	full.Refs = map[string]string{}
	var walk func(v reflect.Value, path string)
	walk = func(v reflect.Value, path string) {
		switch v.Kind() {
		case reflect.Pointer:
			walk(v.Elem(), path)
		case reflect.Struct:
			for i := range v.NumField() {
				if name := tomlName(v.Type().Field(i)); name != "" {
					walk(v.Field(i), join(path, name))
				} else if v.Type().Field(i).Name != "Refs" {
					t.Errorf("%s of %s has no TOML name", v.Type().Field(i).Name, path)
				}
			}
		case reflect.Slice:
			if v.Type().Elem().Kind() == reflect.Struct {
				walk(v.Index(0), path)
			}
		case reflect.Map:
			if v.Type().Elem().Kind() == reflect.Pointer {
				for _, k := range sortedKeys(v) {
					walk(v.MapIndex(k), join(path, key(k.String())))
				}
			}
		case reflect.String, reflect.Int, reflect.Int64, reflect.Bool:
			before := full.Clone()
			old := reflect.New(v.Type()).Elem()
			old.Set(v)
			change(v)
			if len(Diff(before, full)) == 0 || bytes.Equal(Encode(before), Encode(full)) {
				t.Errorf("a change of %s is not seen", path)
			}
			if back, err := Decode(Encode(full)); err != nil || len(Diff(back, full)) > 0 {
				t.Errorf("a change of %s is lost: %v", path, err)
			}
			v.Set(old)
		}
	}
	walk(reflect.ValueOf(full).Elem(), "")
}

// change gives a scalar another value.
func change(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("changed")
	case reflect.Bool:
		v.SetBool(!v.Bool())
	default:
		v.SetInt(v.Int() + 17)
	}
}

// fillFields sets everything that is unset, so that each table is there once at least.
func fillFields(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		fillFields(v.Elem(), depth+1)
	case reflect.Struct:
		for i := range v.NumField() {
			fillFields(v.Field(i), depth+1)
		}
	case reflect.Slice:
		if v.Len() == 0 {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		}
		for i := range v.Len() {
			fillFields(v.Index(i), depth+1)
		}
	case reflect.Map:
		if v.Len() == 0 {
			v.Set(reflect.MakeMap(v.Type()))
			v.SetMapIndex(reflect.ValueOf("x"), reflect.New(v.Type().Elem()).Elem())
		}
		for _, k := range v.MapKeys() {
			value := reflect.New(v.Type().Elem()).Elem()
			value.Set(v.MapIndex(k))
			fillFields(value, depth+1)
			v.SetMapIndex(k, value)
		}
	case reflect.String:
		if v.String() == "" {
			v.SetString("x")
		}
	case reflect.Bool:
		v.SetBool(true)
	default:
		if v.Int() == 0 {
			v.SetInt(1)
		}
	}
}
