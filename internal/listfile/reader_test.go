package listfile

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// readAll returns the rows of a file, and why others were refused, by line.
func readAll(t testing.TB, file []byte) (r *Reader, rows []Row, refused map[int]string) {
	t.Helper()
	r, err := NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	refused = make(map[int]string)
	for {
		row, err := r.Next()
		if errors.Is(err, io.EOF) {
			return r, rows, refused
		}
		if bad, ok := errors.AsType[*RowError](err); ok {
			refused[row.Line] = bad.Reason
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
}

func TestReaderKnowsTheEncoding(t *testing.T) {
	const text = "email;name\nanna@example.org;Müller\nbo@example.org;Çelik\n"
	encode := func(e encoding.Encoding) string {
		s, err := e.NewEncoder().String(text)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	filler := strings.Repeat("x@example.org;\n", 2*maxRecord/15)
	tests := []struct {
		rule    string
		file    string
		want    string
		names   []string
		refused []int // lines
	}{
		{"UTF-8", text, "UTF-8", []string{"Müller", "Çelik"}, nil},
		{"UTF-8 with a mark", markUTF8 + text, "UTF-8", []string{"Müller", "Çelik"}, nil},
		{"ASCII is UTF-8", "email;name\na@example.org;Bo\n", "UTF-8", []string{"Bo"}, nil},
		{"UTF-16 with a mark", encode(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)), "UTF-16, little endian", []string{"Müller", "Çelik"}, nil},
		{"UTF-16 from the other end", encode(unicode.UTF16(unicode.BigEndian, unicode.UseBOM)), "UTF-16, big endian", []string{"Müller", "Çelik"}, nil},
		{"UTF-16 without a mark", encode(unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)), "UTF-16, little endian", []string{"Müller", "Çelik"}, nil},
		{"UTF-16 from the other end without a mark", encode(unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)), "UTF-16, big endian", []string{"Müller", "Çelik"}, nil},
		{"half a character at the end of UTF-16", markLittleEndian + "e\x00m\x00a\x00i\x00l\x00\n\x00a\x00@\x00b\x00.\x00d\x00e\x00\n\x00a", "UTF-16, little endian", []string{""}, []int{3}},
		{"Windows-1252", encode(charmap.Windows1252), "Windows-1252", []string{"Müller", "Çelik"}, nil},
		{"a first accent beyond the first 64 KiB", "email;name\n" + filler + "a@example.org;M\xfcller\n", "Windows-1252", []string{"Müller"}, nil},
		{"a first UTF-8 beyond the first 64 KiB", "email;name\n" + filler + "a@example.org;Müller\nb@example.org;M\xfcller\n", "UTF-8", []string{"Müller"}, []int{2*maxRecord/15 + 3}},
		{"a damaged line in UTF-8", "email;name\na@example.org;M\xfcller\nb@example.org;Müller\n", "UTF-8", []string{"Müller"}, []int{2}},
		{"a damaged line behind a mark of UTF-8", markUTF8 + "email;name\na@example.org;M\xfcller\n", "UTF-8", nil, []int{2}},
		{"a zero byte is not UTF-16", "email;name\na@example.org;A\x00B\n", "UTF-8", []string{"A\x00B"}, nil},
		{"an accent in the name of a column", "email;name;r\xfcckmeldung\na@example.org;Bo;\n", "Windows-1252", []string{"Bo"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			r, rows, refused := readAll(t, []byte(tt.file))
			var names []string
			for _, row := range rows {
				if row.Email != "x@example.org" {
					names = append(names, row.Name)
				}
			}
			if diff := cmp.Diff(tt.names, names); diff != "" {
				t.Errorf("names (-want +got):\n%s", diff)
			}
			if r.Encoding() != tt.want {
				t.Errorf("encoding %q, want %q", r.Encoding(), tt.want)
			}
			if len(refused) != len(tt.refused) {
				t.Errorf("refused: %v, want lines %v", refused, tt.refused)
			}
			for _, line := range tt.refused {
				if refused[line] == "" {
					t.Errorf("line %d was not refused: %v", line, refused)
				}
			}
		})
	}
}

func TestReaderKnowsTheColumns(t *testing.T) {
	anna := Row{Line: 2, Email: "anna@example.org", Name: "Anna King", Standing: Member}
	tests := []struct {
		rule string
		file string
		want Row
	}{
		{"any case", "EMAIL,Name\nanna@example.org,Anna King", anna},
		{"hyphens, blanks and underscores", "e-mail_address,full name\nanna@example.org,Anna King", anna},
		{"first and last name", "Email,FNAME,Last Name\nanna@example.org,Anna,King", anna},
		{"a last name alone", "Email,First name,Last name\nanna@example.org,,Anna King", anna},
		{"the name where there are its parts too", "email,first name,last name,name\nanna@example.org,A,K,Anna King", anna},
		{"an email beside a postal address", "address,email,name\n1 Main St,anna@example.org,Anna King", anna},
		{"Excel says what divides the cells", "sep=;\nemail;name\nanna@example.org;Anna King", Row{Line: 3, Email: anna.Email, Name: anna.Name, Standing: Member}},
		{"guarded cells", "email,name\n\"'=anna@example.org\",'@Anna", Row{Line: 2, Email: "=anna@example.org", Name: "@Anna", Standing: Member}},
		{"format and time zone", "email,name,Email Type,TIME ZONE\nanna@example.org,Anna King,text,Europe/Rome",
			Row{Line: 2, Email: anna.Email, Name: anna.Name, Format: "text", Zone: "Europe/Rome", Standing: Member}},
		{"what is said of the consent", "email,CONFIRM_TIME,CONFIRM_IP,OPTIN_TIME,OPTIN_IP,created_at\nanna@example.org,2019-05-04 12:00:00,192.0.2.7,2019-05-04 11:59:00,,2019",
			Row{Line: 2, Email: anna.Email, Standing: Member,
				Consent: "as the imported file says: confirmed 2019-05-04 12:00:00 from 192.0.2.7, asked for 2019-05-04 11:59:00, known since 2019"}},
		{"a kind of customer is no standing", "email,name,type\nanna@example.org,Anna King,wholesale", anna},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			_, rows, refused := readAll(t, []byte(tt.file))
			if diff := cmp.Diff([]Row{tt.want}, rows); diff != "" {
				t.Errorf("rows (-want +got):\n%s\nrefused: %v", diff, refused)
			}
		})
	}
}

func TestReaderRefusesAmbiguousColumns(t *testing.T) {
	tests := []struct{ rule, head, want string }{
		{"two addresses", "email,Email Address", `two columns for the address, "email" and "Email Address"`},
		{"two names", "email,name,full name", `two columns for the name`},
		{"one name twice", "email,status,status", `two columns for the status`},
		{"no address", "name,phone", "no column email or address"},
		{"an address at once", "anna@example.org,Anna", "no column email or address"},
		{"an open quote", "email,\"name", "a quote is opened"},
	}
	for _, tt := range tests {
		_, err := NewReader(strings.NewReader(tt.head + "\n"))
		if err == nil || !strings.HasPrefix(err.Error(), "line 1: ") || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: NewReader: %v, want an error of line 1 with %q", tt.rule, err, tt.want)
		}
	}
}

func TestReaderKnowsHowPeopleStand(t *testing.T) {
	tests := []struct {
		rule   string
		head   string
		cells  string
		want   Standing // empty: refused
		reason string
	}{
		{"listmonk enabled", "status", "enabled", Member, ""},
		{"listmonk disabled", "status", "disabled", Unsubscribed, `unsubscribed, as the imported file says: status "disabled"`},
		{"listmonk blocklisted", "status", "blocklisted", Unsubscribed, "blocklisted"},
		{"listmonk, of the list", "status,subscription_status", "enabled,unsubscribed", Unsubscribed, `subscription_status "unsubscribed"`},
		{"listmonk unconfirmed", "status,subscription_status", "enabled,unconfirmed", Unconfirmed, "never confirmed"},
		{"Mailchimp cleaned", "Email Marketing Status", "Cleaned", Bounced, "bounced"},
		{"Mailchimp without consent", "Email Marketing Status", "Non-Subscribed", Unconfirmed, "never confirmed"},
		{"Mailchimp's file of those who left", "UNSUB_TIME,UNSUB_REASON", "2020-01-02 03:04:05,NORMAL", Unsubscribed, "UNSUB_TIME"},
		{"Mailchimp's file of bounces", "CLEAN_TIME", "2020-01-02 03:04:05", Bounced, "CLEAN_TIME"},
		{"a row of that file which does not say when", "UNSUB_TIME", "", "", "people who have left"},
		{"Mailchimp's files in one", "LAST_CHANGED,UNSUB_TIME", "2020-01-02,", Member, ""},
		{"Ghost", "subscribed_to_emails", "true", Member, ""},
		{"Ghost without mail", "subscribed_to_emails", "false", Unsubscribed, "subscribed_to_emails"},
		{"Substack", "email_disabled,type", "false,paid", Member, ""},
		{"Substack without mail", "email_disabled", "true", Unsubscribed, "email_disabled"},
		{"Buttondown", "subscriber_type", "premium", Member, ""},
		{"Buttondown past due", "subscriber_type", "past_due", Member, ""},
		{"Buttondown undeliverable", "subscriber_type", "undeliverable", Bounced, ""},
		{"Buttondown complained", "subscriber_type", "complained", Complained, "complained"},
		{"Buttondown unactivated", "subscriber_type", "unactivated", Unconfirmed, "never confirmed"},
		{"the worse of two", "status,bounced", "unsubscribed,yes", Bounced, "bounced"},
		{"and in the other order", "bounced,status", "yes,unsubscribed", Bounced, "bounced"},
		{"our own", "status,status_reason", "operator,asked by phone", Operator, "asked by phone"},
		{"a word we do not know", "status", "archived", "", `"archived" means in the column status`},
		{"no word", "status", "", "", "nothing in the column status"},
		{"no cell", "status,x", "", "", "nothing in the column status"},
		{"neither yes nor no", "subscribed_to_emails", "maybe", "", `"maybe"`},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			_, rows, refused := readAll(t, []byte("email,"+tt.head+"\nanna@example.org,"+tt.cells+"\n"))
			if tt.want == "" {
				if !strings.Contains(refused[2], tt.reason) || len(rows) > 0 {
					t.Errorf("read as %+v, refused: %v, want it refused with %q", rows, refused, tt.reason)
				}
				return
			}
			if len(rows) != 1 || rows[0].Standing != tt.want || !strings.Contains(rows[0].Reason, tt.reason) {
				t.Errorf("read as %+v, refused: %v, want %s with %q", rows, refused, tt.want, tt.reason)
			}
		})
	}
}

// Only Buttondown's type says whether somebody gets mail.
func TestReaderKnowsButtondownByItsColumns(t *testing.T) {
	_, rows, refused := readAll(t, []byte("email_address,type,creation_date\na@example.org,regular,2020-01-01\nb@example.org,removed,2020-01-01\nc@example.org,new,2020\n"))
	if len(rows) != 2 || rows[0].Standing != Member || rows[1].Standing != Unsubscribed || !strings.Contains(refused[4], `"new"`) {
		t.Errorf("read as %+v, refused: %v", rows, refused)
	}
}

// What AppendRecord writes is read back as it was, and is no formula.
func FuzzAppendRecord(f *testing.F) {
	for _, seed := range []string{"", "Anna", `Anna "Nan" B`, "=cmd()", "''=1", "'", "+1", "@a", "-", "\t=1", "ü", "a;b,c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		line := AppendRecord(nil, "anna@example.org", name)
		if first := strings.TrimPrefix(string(line), `"anna@example.org","`)[0]; isFormula(string(first)) {
			t.Errorf("%q is written as the formula %q", name, line)
		}
		if strings.ContainsAny(name, "\r\n") || len(name) > maxRecord/4 || strings.TrimSpace(name) != name || !isText(name) {
			return // no name, or not one that stays as it is
		}
		_, rows, refused := readAll(t, append([]byte(markUTF8+"email,name\n"), line...))
		if len(rows) != 1 || rows[0].Name != name {
			t.Errorf("%q is read back as %+v, %v", name, rows, refused)
		}
	})
}

func isText(s string) bool { return strings.ToValidUTF8(s, "") == s }

// Whatever a file holds: it ends, every line is counted, and texts are UTF-8.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{
		"email,name\na@b.de,A\n", "\xef\xbb\xbfemail;name\r\n\"a@b.de\";\"x\"\"y\"\r\n", "email\n\"a\n\"b\n", "address\n\n\"\n\n",
		"\xff\xfee\x00m\x00a\x00i\x00l\x00\n\x00a\x00", "\x00e\x00m\x00a\x00i\x00l\x00\n", "email,status\na@b.de,enabled\n", "sep=|\nemail|name\na|b\n",
		"Email Address,UNSUB_TIME\na@b.de,\n", "email\n\xfc@b.de\nü\n\xfc",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := NewReader(bytes.NewReader(file))
		if err != nil {
			return
		}
		for before := 0; ; {
			row, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if _, bad := errors.AsType[*RowError](err); err != nil && !bad {
				t.Fatalf("%v, and the file is whole", err)
			}
			if row.Line <= before {
				t.Fatalf("a row of line %d behind one of line %d", row.Line, before)
			}
			before = row.Line
			if all := row.Email + row.Name + row.Zone + row.Format + row.Reason + row.Consent; err == nil && !isText(all) {
				t.Errorf("line %d: %q is not UTF-8", row.Line, all)
			}
		}
		if most := bytes.Count(file, []byte{'\n'}) + 1; r.Line() > most {
			t.Errorf("%d lines in a file of %d", r.Line(), most)
		}
	})
}
