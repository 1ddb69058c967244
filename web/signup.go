package web

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/zotpaper/zotpaper/subscribers"
)

// A signupForm is the form with which readers ask for editions.
type signupForm struct {
	Lists    []choice
	Address  string
	Name     string
	Consent  string // what the reader agrees to, as it is put on record
	Wording  string // stands for Consent
	Stamp    string // when the form was first shown
	Problems problems
}

// The IDs of the fields.
const (
	fieldLists   = "lists"
	fieldAddress = "address"
	fieldName    = "name"
	fieldButton  = "subscribe"
)

// trapField is a field that nobody sees and programs fill in. It is called like
// nothing that a browser would fill in for its reader.
const trapField = "homepage"

// A form is answered by people no sooner than quickest, and no later than
// stalest, after it was shown.
const (
	quickest = 2 * time.Second
	stalest  = 24 * time.Hour
)

// newSignupForm returns the empty form.
func (s *Server) newSignupForm() signupForm {
	consent := s.say("signup.consent", "paper", s.Publication.Name)
	sum := sha256.Sum256([]byte(s.Words.Language + "\x00" + consent))
	f := signupForm{Consent: consent, Wording: hex.EncodeToString(sum[:8]), Stamp: s.Keys.Stamp(s.now())}
	for _, l := range s.Lists {
		f.Lists = append(f.Lists, choice{l.ID, l.Title, s.rhythms[l.ID], len(s.Lists) == 1})
	}
	return f
}

func (s *Server) subscribePage(w http.ResponseWriter, _ *http.Request) {
	s.showForm(w, http.StatusOK, s.newSignupForm())
}

func (s *Server) showForm(w http.ResponseWriter, status int, f signupForm) {
	s.print(w, status, "subscribe", page{Title: s.say("signup.title"), Indexed: status == http.StatusOK, Data: f})
}

func (s *Server) subscribeSent(w http.ResponseWriter, _ *http.Request) {
	s.show(w, http.StatusOK, "sent", "sent.title", nil)
}

// subscribe records what somebody asks for with the form. The answer is the
// same for every address, and leads to a page whose address tells nothing.
func (s *Server) subscribe(w http.ResponseWriter, r *http.Request) {
	if !s.readForm(w, r) {
		return
	}
	if r.PostForm.Get(trapField) != "" {
		s.seeOther(w, r, "/subscribe/sent") // whoever filled it in learns nothing
		return
	}
	f := s.filledForm(r)
	if len(f.Problems) > 0 {
		s.showForm(w, http.StatusUnprocessableEntity, f)
		return
	}
	version, err := s.Subscribers.Form(r.Context(), s.Words.Language, f.Consent)
	if err != nil {
		s.failed(w, r, err)
		return
	}
	err = s.Subscribers.Subscribe(r.Context(), subscribers.Signup{
		Address: f.Address, Name: f.Name, Lists: f.chosen(),
		Origin: subscribers.Origin{IP: s.client(r), Form: version},
	})
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.seeOther(w, r, "/subscribe/sent")
}

// filledForm returns the form of r as it was filled in, with its problems.
func (s *Server) filledForm(r *http.Request) signupForm {
	f := s.newSignupForm()
	f.Address, f.Name = r.PostForm.Get(fieldAddress), r.PostForm.Get(fieldName)
	for i := range f.Lists {
		f.Lists[i].On = slices.Contains(r.PostForm[fieldLists], f.Lists[i].ID)
	}
	wrong := func(field, key string) { f.Problems = append(f.Problems, problem{field, s.say(key)}) }
	if len(f.chosen()) == 0 {
		wrong(fieldLists, "signup.no_list")
	}
	if _, err := subscribers.ParseAddress(f.Address); err != nil {
		wrong(fieldAddress, "signup.bad_address")
	}
	if _, err := subscribers.ParseName(f.Name); err != nil {
		wrong(fieldName, "signup.bad_name")
	}
	stamp := r.PostForm.Get("stamp")
	shown, err := s.Keys.ParseStamp(stamp)
	age := s.now().Sub(shown)
	switch {
	case err != nil, age > stalest, age < 0:
		wrong(fieldButton, "signup.stale")
	case age < quickest:
		wrong(fieldButton, "signup.quick")
	case r.PostForm.Get("wording") != f.Wording:
		wrong(fieldButton, "signup.reworded")
	default:
		f.Stamp = stamp // who mends a slip need not wait again
	}
	return f
}

// chosen returns the lists that were chosen.
func (f signupForm) chosen() []string {
	var ids []string
	for _, l := range f.Lists {
		if l.On {
			ids = append(ids, l.ID)
		}
	}
	return ids
}

// refuse answers a request that package subscribers did not take.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var busy *subscribers.BusyError
	switch {
	case errors.As(err, &busy) && busy.Total:
		s.busy(w, http.StatusServiceUnavailable, busy.Wait)
	case errors.As(err, &busy):
		s.busy(w, http.StatusTooManyRequests, busy.Wait)
	case errors.Is(err, subscribers.ErrUnknown):
		s.nobody(w)
	default:
		s.failed(w, r, err)
	}
}
