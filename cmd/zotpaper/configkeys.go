package main

import (
	"reflect"
	"strings"
	"time"
)

// What a key's value means beyond its type; the struct tag "kind".
const (
	kindPath     = "path"     // a file or folder
	kindSecret   = "secret"   // never shown
	kindDatabase = "database" // may hold a password
)

// A shape is how a key's value is written.
type shape int

// The shapes of the values in a configuration.
const (
	aText shape = iota
	aNumber
	aTruth
	aDuration
	aSection // a mapping with further keys
	aList    // of texts
	slotList
	feedList
)

// shapeOf returns how values of type t are written.
func shapeOf(t reflect.Type) shape {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return aDuration
	case reflect.TypeFor[[]string]():
		return aList
	case reflect.TypeFor[[]SlotConfig]():
		return slotList
	case reflect.TypeFor[[]FeedConfig]():
		return feedList
	}
	switch t.Kind() {
	case reflect.Int:
		return aNumber
	case reflect.Bool:
		return aTruth
	case reflect.Struct:
		return aSection
	}
	return aText
}

// A configKey is one key of a section: a field of its struct.
type configKey struct {
	name  string // as written in the file
	kind  string
	shape shape
	typ   reflect.Type // of the field
	index int          // of the field
}

// keysOf returns the keys of the section that t, a struct, describes, in the
// order of config.yaml.
func keysOf(t reflect.Type) []configKey {
	var keys []configKey
	for i := range t.NumField() {
		f := t.Field(i)
		if name := f.Tag.Get("mapstructure"); name != "-" {
			keys = append(keys, configKey{name, f.Tag.Get("kind"), shapeOf(f.Type), f.Type, i})
		}
	}
	return keys
}

func findKey(keys []configKey, name string) (configKey, bool) {
	for _, k := range keys {
		if k.name == name {
			return k, true
		}
	}
	return configKey{}, false
}

// leaves calls yield for every key of c that is no section, with its dotted
// path. The slots are one leaf, and so are the feeds.
func leaves(c *Config, yield func(path string, k configKey, v reflect.Value)) {
	var walk func(prefix string, v reflect.Value)
	walk = func(prefix string, v reflect.Value) {
		for _, k := range keysOf(v.Type()) {
			field := v.Field(k.index)
			if k.shape == aSection {
				walk(prefix+k.name+".", field)
				continue
			}
			yield(prefix+k.name, k, field)
		}
	}
	walk("", reflect.ValueOf(c).Elem())
}

// meant returns the key that name, found in section prefix and unknown there,
// was probably meant to be, or "". A name that is a key elsewhere is put where
// it belongs.
func meant(name, prefix string, siblings []configKey) string {
	names := make([]string, len(siblings))
	for i, k := range siblings {
		names[i] = k.name
	}
	if near := nearest(strings.ToLower(name), names); near != "" {
		return near
	}
	elsewhere := ""
	leaves(new(Config), func(path string, k configKey, _ reflect.Value) {
		if elsewhere == "" && k.name == name && path != prefix+name {
			elsewhere = path
		}
	})
	for _, k := range keysOf(reflect.TypeFor[SlotConfig]()) {
		if elsewhere == "" && k.name == name {
			elsewhere = "slots: - " + name
		}
	}
	return elsewhere
}
