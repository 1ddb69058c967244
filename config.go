// Package zotpaper holds the reference configuration, config.yaml: every key
// with its default and what it is for. It is what "zotpaper init" writes, and
// where the program takes the value of a key that an operator left out.
package zotpaper

import _ "embed"

// ConfigYAML is the text of config.yaml.
//
//go:embed config.yaml
var ConfigYAML []byte
