package main

import (
	"encoding/json"
	"io"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// hidden stands where a secret would.
const hidden = "(hidden)"

// A configFact prints a configuration without its secrets.
type configFact struct{ c *Config }

// WriteText prints the configuration as config.yaml has it.
func (f configFact) WriteText(w io.Writer) error {
	text, err := yaml.MarshalWithOptions(f.tree(), yaml.IndentSequence(true))
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// MarshalJSON returns the configuration with the keys of config.yaml.
func (f configFact) MarshalJSON() ([]byte, error) {
	return json.Marshal(plain(f.tree()))
}

func (f configFact) tree() yaml.MapSlice {
	c := *f.c
	if c.SMTP.PasswordFile != "" {
		c.SMTP.Password = "" // as the operator has it
	}
	if c.Editors.WebhookFile != "" {
		c.Editors.Webhook = ""
	}
	return visible(reflect.ValueOf(&c).Elem())
}

// visible returns the section v as it may be seen, its keys in their order.
func visible(v reflect.Value) yaml.MapSlice {
	var section yaml.MapSlice
	for _, k := range keysOf(v.Type()) {
		field := v.Field(k.index)
		var value any
		switch {
		case k.shape == aSection:
			value = visible(field)
		case k.shape == slotList, k.shape == feedList:
			entries := make([]yaml.MapSlice, field.Len())
			for i := range entries {
				entries[i] = visible(field.Index(i))
			}
			value = entries
		case k.shape == aList:
			value = append([]string{}, field.Interface().([]string)...) // [] and not null
		case k.shape == aDuration:
			value = shortDuration(time.Duration(field.Int()))
		case k.kind == kindSecret && field.String() != "":
			value = hidden
		case k.kind == kindDatabase:
			value = withoutPassword(field.String())
		default:
			value = field.Interface()
		}
		section = append(section, yaml.MapItem{Key: k.name, Value: value})
	}
	return section
}

// withoutPassword returns a database's URL as it may be seen.
func withoutPassword(database string) string {
	if strings.HasPrefix(database, "sqlite:") {
		return database
	}
	u, err := url.Parse(database)
	if err != nil {
		return hidden
	}
	if q := u.Query(); q.Has("password") || q.Has("sslpassword") {
		q.Del("password")
		q.Del("sslpassword")
		u.RawQuery = q.Encode()
	}
	return u.Redacted()
}

// plain returns section for the JSON encoder, which does not know MapSlice.
func plain(section yaml.MapSlice) map[string]any {
	values := make(map[string]any, len(section))
	for _, item := range section {
		value := item.Value
		switch v := value.(type) {
		case yaml.MapSlice:
			value = plain(v)
		case []yaml.MapSlice:
			slots := make([]map[string]any, len(v))
			for i := range v {
				slots[i] = plain(v[i])
			}
			value = slots
		}
		values[item.Key.(string)] = value
	}
	return values
}
