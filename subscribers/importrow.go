package subscribers

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/zotpaper/zotpaper/internal/listfile"
)

// read fills p from a row.
func (im *importer) read(row listfile.Row, p *person) error {
	var err error
	if p.address, err = ParseAddress(row.Email); err != nil {
		return err
	}
	if p.name, err = ParseName(row.Name); err != nil {
		return err
	}
	p.canonical = p.address.Canonical()
	p.format, p.zone = im.format(row.Format), im.zone(row.Zone)
	switch row.Standing {
	case listfile.Member:
		p.note = note(row.Consent)
	case listfile.Unconfirmed:
		return errors.New(row.Reason)
	case listfile.Unsubscribed:
		p.kind = BySubscriber
	case listfile.Operator:
		p.kind = ByOperator
	case listfile.Bounced:
		p.kind = ByBounce
	case listfile.Complained:
		p.kind = ByComplaint
	}
	if p.kind != "" {
		p.note = note(row.Reason)
	}
	return nil
}

// format and zone return what a cell says, or what a reader has who never said.
// What we do not understand is counted, and no reason to refuse a reader.
func (im *importer) format(cell string) Format {
	f, err := ParseFormat(cell)
	if err != nil {
		im.report.LeftOut++
		return FormatHTML
	}
	return f
}

func (im *importer) zone(cell string) string {
	if cell == "" {
		return ""
	}
	zone, known := im.zones[cell]
	if !known {
		// To look a zone up takes as long as to write a row, and there are few.
		// A file may hold anything, though, and memory must not grow with it.
		const most = 1000
		if len(im.zones) == most {
			clear(im.zones)
		}
		var err error
		if zone, err = ParseZone(cell); err != nil {
			zone = ""
		}
		im.zones[strings.Clone(cell)] = zone
	}
	if zone == "" {
		im.report.LeftOut++
	}
	return zone
}

// note returns what a file says as it is kept: a line of at most maxNote bytes.
func note(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	if len(s) <= maxNote {
		return s
	}
	s = s[:maxNote]
	for !utf8.ValidString(s) { // a letter was cut
		s = s[:len(s)-1]
	}
	return s
}

func reasonOf(err error) string {
	if reason, ok := errors.AsType[*AddressError](err); ok {
		return reason.Reason
	}
	return err.Error()
}
