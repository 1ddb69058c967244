package main

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

func TestLogsNameNobody(t *testing.T) {
	tests := map[string]string{
		"550 5.1.1 <ada.king+news@mail.example.org>: unknown":           "550 5.1.1 <…@mail.example.org>: unknown",
		"RCPT TO:<Ada@Example.ORG> refused":                             "RCPT TO:<…@Example.ORG> refused",
		`"ada king"@example.org`:                                        "…@example.org",
		`"ada.king"@example.org is full`:                                "…@example.org is full",
		"GET /u/AQhCEIQhCEIQhCH5-QVeM1CdyxxeDnZo-MqI":                   "GET /u/…",
		"https://zotpaper.example/confirm/AQhCEI_x?x=ada%40example.org": "https://zotpaper.example/confirm/…@example.org",
		"/preferences/AQhC-/data":                                       "/preferences/…/data",
		"/editions/2026-02-08/afternoon?key=AQhC-_":                     "/editions/2026-02-08/afternoon?key=…",
		"bounce+AQhCEI@bounce.zotpaper.example":                         "…@bounce.zotpaper.example",
		"nothing to hide: edition 2026-02-08/afternoon, 12:30":          "nothing to hide: edition 2026-02-08/afternoon, 12:30",
	}
	r := newRedactor()
	for in, want := range tests {
		if got := r.text(in); got != want {
			t.Errorf("%s\nbecomes %s\nwant    %s", in, got, want)
		}
	}
}

func TestEveryPartOfALineIsRedacted(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		var b bytes.Buffer
		a := &app{stderr: &b}
		log := a.logger(LogConfig{Level: "debug", Format: format})
		marked := errors.New("550 <marker@example.org> unknown")
		log.With("who", "marker@example.org").WithGroup("g").Error("no marker@example.org", "error", marked,
			"list", []string{"marker@example.org"}, slog.Group("inner", "who", "marker@example.org"))
		if got := b.String(); strings.Contains(got, "marker") || !strings.Contains(got, "…@example.org") {
			t.Errorf("%s: the log has %s", format, got)
		}
	}
}
