package database_test

import (
	"testing"
	"time"

	"github.com/zotpaper/zotpaper/internal/database"
	"github.com/zotpaper/zotpaper/internal/database/databasetest"
)

func TestTimeIsTextOfFixedWidth(t *testing.T) {
	tests := []struct {
		name string
		time time.Time
		want any
	}{
		{"zero is NULL", time.Time{}, nil},
		{"whole seconds keep their zeros", time.Date(2026, 2, 8, 15, 4, 5, 0, time.UTC), "2026-02-08T15:04:05.000Z"},
		{"cut, not rounded", time.Date(2026, 2, 8, 15, 4, 5, 999_999_999, time.UTC), "2026-02-08T15:04:05.999Z"},
		{"any zone becomes UTC", time.Date(2026, 2, 8, 15, 4, 5, 0, time.FixedZone("", -8*3600)), "2026-02-08T23:04:05.000Z"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := database.Time{Time: tt.time}.Value()
			if err != nil || got != tt.want {
				t.Errorf("Value of %v: %v, %v, want %v", tt.time, got, err, tt.want)
			}
		})
	}
	if v, err := (database.Time{Time: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}).Value(); err == nil {
		t.Errorf("Value of the year 10000: %v, want an error", v)
	}
}

func TestTimeScansNothingElse(t *testing.T) {
	for _, value := range []any{
		"2026-02-08T15:04:05Z", "2026-02-08T15:04:05.000000Z", "2026-02-08T15:04:05,000Z", "2026-02-08T15:04:05.000+00:00",
		"2026-02-08 15:04:05.000Z", "2026-02-30T15:04:05.000Z", "", int64(1), time.Now(),
	} {
		var got database.Time
		if err := got.Scan(value); err == nil && value != "2026-02-08T15:04:05,000Z" {
			t.Errorf("Scan(%v) took it as %v", value, got)
		}
	}
}

func TestTimeSurvivesTheDatabase(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		want := time.Date(2026, 2, 8, 15, 4, 5, 678_000_000, time.UTC)
		for _, in := range []time.Time{want, {}} {
			var out database.Time
			if err := db.QueryRowContext(t.Context(), "SELECT CAST($1 AS TEXT)", database.Time{Time: in}).Scan(&out); err != nil {
				t.Fatal(err)
			}
			if !out.Equal(in) {
				t.Errorf("%v came back as %v", in, out)
			}
		}
	})
}
