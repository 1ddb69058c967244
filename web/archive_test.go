package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
)

func TestEditionIsReadableOnceItGoesOut(t *testing.T) {
	s := newSite(t, databasetest.SQLite(t))
	const path = "/editions/2026-02-08/afternoon"
	if answer, _ := s.do(t, http.MethodGet, path, nil, nil); answer.StatusCode != http.StatusNotFound {
		t.Errorf("before it is sent: status %d, want 404", answer.StatusCode)
	}
	slot, err := s.server.Press.Slot("afternoon")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.server.Press.Send(t.Context(), slot, edition.Date{Year: 2026, Month: 2, Day: 8}, "test", nil); err != nil {
		t.Fatal(err)
	}
	answer, body := s.do(t, http.MethodGet, path, nil, nil)
	if answer.StatusCode != http.StatusOK || !strings.Contains(body, "Text of three.") {
		t.Errorf("after it was sent: status %d", answer.StatusCode)
	}
	if strings.Contains(body, "/u/") || strings.Contains(body, "slot.invalid") {
		t.Error("the page everybody can see carries a reader's link")
	}
	for _, page := range []string{"/", "/editions"} {
		if _, body := s.do(t, http.MethodGet, page, nil, nil); !strings.Contains(body, `href="`+path+`"`) {
			t.Errorf("%s does not lead to the edition", page)
		}
	}
	for _, bad := range []string{"/editions/2026-02-09/afternoon", "/editions/x/y", "/editions/2026-02-08/..%2f"} {
		if answer, _ := s.do(t, http.MethodGet, bad, nil, nil); answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", bad, answer.StatusCode)
		}
	}
}
