package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zotpaper/zotpaper/dispatch"
	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/press"
)

// replacedEdition is an edition of which much is to be told.
func replacedEdition() shown {
	at := time.Date(2026, 2, 8, 16, 0, 0, 0, time.UTC)
	return shown{
		listed: listed{
			Key: "2026-02-08/afternoon", Title: "Afternoon Edition", List: "afternoon", State: edition.Dispatching,
			Since: at.AddDate(0, 0, -1), Until: at, Frozen: at,
			Tally:   dispatch.Tally{Recipients: 10, Sent: 4, Rejected: 1, Held: 1, Canceled: 2, Deferred: 1, Pending: 1, InDoubt: 2},
			Control: &dispatch.Control{State: dispatch.Paused, Issue: 2, Who: "operator ada", Why: "wrong picture", Changed: at.Add(3 * time.Minute)},
		},
		Facts: &press.Facts{Subject: "Afternoon Edition, Sun 8 Feb: Ferries", SHA256: "22b2c3d4e5f60718"},
		Issues: []press.IssueRecord{
			{Number: 1, Subject: "Afternoon Edition, Sun 8 Feb: Ferries", SHA256: "11b2c3d4e5f60718", Frozen: at},
			{Number: 2, Subject: "Afternoon Edition, Sun 8 Feb: Ferries", SHA256: "22b2c3d4e5f60718", Frozen: at.Add(2 * time.Minute)},
		},
		Troubles: []dispatch.Trouble{
			{Address: "cy@example.org", State: dispatch.Deferred, Issue: 2, Attempts: 1, Code: 451, Enhanced: "4.7.1", Text: "greylisted", Next: at.Add(time.Hour)},
			{Address: "bo@example.org", State: dispatch.Held, Issue: 1, Attempts: 1, InDoubt: 1, Text: "no reply was read"},
		},
		Steps: []press.Transition{
			{New: edition.Draft, Who: "schedule", At: at},
			{Old: edition.Dispatching, New: edition.Dispatching, Who: "operator ada", Why: "paused: wrong picture", At: at.Add(3 * time.Minute)},
		},
	}
}

const replacedEditionText = `Afternoon Edition, 2026-02-08/afternoon
  state       dispatching
  dispatch    paused by operator ada since 2026-02-08T16:03:00Z: wrong picture
  articles    2026-02-07T16:00:00Z to 2026-02-08T16:00:00Z
  subject     Afternoon Edition, Sun 8 Feb: Ferries
  sha256      22b2c3d4e5f60718
  recipients  10 = 4 sent + 1 rejected + 0 suppressed + 0 expired + 0 unrenderable + 1 held + 2 canceled + 2 to come
  in doubt    2, of whom some may have two copies
  issue 1     frozen 2026-02-08T16:00:00Z, sha256 11b2c3d4e5f6
  issue 2     frozen 2026-02-08T16:02:00Z, sha256 22b2c3d4e5f6
  deferred    cy@example.org (issue 2): 451 4.7.1 greylisted
  held        bo@example.org no reply was read (was in doubt)
  2026-02-08T16:00:00Z  draft by schedule
  2026-02-08T16:03:00Z  dispatching by operator ada: paused: wrong picture
`

func TestEditionShowText(t *testing.T) {
	var text bytes.Buffer
	if err := replacedEdition().WriteText(&text); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(replacedEditionText, text.String()); diff != "" {
		t.Errorf("edition show (-want +got):\n%s", diff)
	}
}

// TestEditionShowJSON holds the names that programs read.
func TestEditionShowJSON(t *testing.T) {
	text, err := json.Marshal(replacedEdition())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"state":"dispatching"`,
		`"control":{"state":"paused","issue":2,"who":"operator ada","why":"wrong picture","changed_at":"2026-02-08T16:03:00Z"}`,
		`"issues":[{"number":1,"subject":"Afternoon Edition, Sun 8 Feb: Ferries","sha256":"11b2c3d4e5f60718","frozen_at":"2026-02-08T16:00:00Z"}`,
		`"canceled":2`,
		`"issue":2,"attempts":1`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("edition show --json lacks %s:\n%s", want, text)
		}
	}
	var keys map[string]any
	complete := replacedEdition()
	complete.Control = nil
	if text, err = json.Marshal(complete); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &keys); err != nil || keys["control"] != nil {
		t.Errorf("an edition that has ended has a control: %v (%v)", keys["control"], err)
	}
}

func TestEditionListSaysWhatKeepsAnEditionBack(t *testing.T) {
	l := replacedEdition().listed
	running := l
	running.Control = &dispatch.Control{State: dispatch.Running}
	heldBack := listed{Key: "2026-02-07/afternoon", State: edition.Held, Reason: "2 articles\nsince"}
	var text bytes.Buffer
	if err := (editionList{l, running, heldBack}).WriteText(&text); err != nil {
		t.Fatal(err)
	}
	want := "2026-02-08/afternoon     paused       4 of 10 sent wrong picture\n" +
		"2026-02-08/afternoon     dispatching  4 of 10 sent\n" +
		`2026-02-07/afternoon     held         2 articles\x0asince` + "\n"
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Errorf("edition list (-want +got):\n%s", diff)
	}
}
