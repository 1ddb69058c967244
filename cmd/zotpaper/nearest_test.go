package main

import "testing"

func TestNearest(t *testing.T) {
	known := []string{"timezone", "tagline", "name", "url", "smtp", "connections", "listen"}
	tests := []struct{ name, word, want string }{
		{"a letter left out", "timezon", "timezone"},
		{"a letter too many", "taglines", "tagline"},
		{"two letters swapped", "smpt", "smtp"},
		{"a wrong letter in a short word", "urk", "url"},
		{"several in a long word", "conections_", "connections"},
		{"the word itself", "smtp", "smtp"},
		{"a short word has no room for a guess", "ab", ""},
		{"half of the word is wrong", "nope", ""},
		{"empty", "", ""},
		{"longer than anything", "timezonetimezonetimezone", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := nearest(tt.word, known); got != tt.want {
				t.Errorf("nearest(%q): got %q, want %q", tt.word, got, tt.want)
			}
		})
	}
}

func TestDistance(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"abc", "", 3},
		{"abc", "abc", 0},
		{"abc", "acb", 1},
		{"abc", "axc", 1},
		{"kitten", "sitting", 3},
	}
	for _, tt := range tests {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("distance(%q, %q): got %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
