package words

import (
	"strconv"
	"strings"
	"time"
)

// Date returns the day of t as the language writes it.
func (b *Book) Date(t time.Time) (string, error) {
	weekday, err := b.Say("date." + strings.ToLower(t.Weekday().String()))
	if err != nil {
		return "", err
	}
	month, err := b.Say("date." + strings.ToLower(t.Month().String()))
	if err != nil {
		return "", err
	}
	return b.Say("date.format", "weekday", weekday, "day", strconv.Itoa(t.Day()), "month", month, "year", strconv.Itoa(t.Year()))
}
