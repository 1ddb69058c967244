package templates

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
)

// The files a newsroom may put in a folder of its own to change the paper.
const (
	fileHTML   = "edition.html" // the mail and the web page
	fileText   = "edition.txt"  // the plain-text part
	fileInline = "edition.css"  // rules written into style attributes
	fileHead   = "head.css"     // rules for small screens, kept as a sheet
	fileDark   = "dark.css"     // colours of the dark mode, one class a line
)

//go:embed edition.html edition.txt edition.css head.css dark.css
var builtin embed.FS

// fileLimit bounds one template file. The whole mail is held under 100,000
// bytes, so a longer template is a mistake.
const fileLimit = 256 << 10

// Files returns the built-in template files, for a newsroom to start from.
func Files() fs.FS { return builtin }

// read returns the file called name from overrides, or the built-in one if
// overrides is nil or has no such file.
func read(overrides fs.FS, name string) (string, error) {
	if overrides != nil {
		b, err := fs.ReadFile(overrides, name)
		switch {
		case err == nil && len(b) > fileLimit:
			return "", fmt.Errorf("template %s: %d bytes, at most %d", name, len(b), fileLimit)
		case err == nil:
			return string(b), nil
		case !errors.Is(err, fs.ErrNotExist):
			return "", fmt.Errorf("template %s: %w", name, err)
		}
	}
	b, err := builtin.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("built-in template %s: %w", name, err)
	}
	return string(b), nil
}
