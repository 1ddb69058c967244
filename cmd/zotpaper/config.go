package main

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/zotpaper/zotpaper/edition"
	"github.com/zotpaper/zotpaper/subscribers"
	"github.com/zotpaper/zotpaper/words"
)

// A Config is the configuration in force: config.yaml over the defaults, the
// environment over both. What [app.config] returns has been checked, its paths
// are resolved, and it is not changed any more, so it may be shared.
//
// The meaning of each key, and its default, stand in config.yaml at the root
// of the repository; the fields here say only what that file does not.
type Config struct {
	Publication PublicationConfig `mapstructure:"publication"`
	Articles    ArticlesConfig    `mapstructure:"articles"`
	Templates   string            `mapstructure:"templates" kind:"path"` // a folder; empty: none
	Slots       []SlotConfig      `mapstructure:"slots"`                 // at least one
	From        FromConfig        `mapstructure:"from"`
	Bounces     BouncesConfig     `mapstructure:"bounces"`
	SMTP        SMTPConfig        `mapstructure:"smtp"`
	DKIM        DKIMConfig        `mapstructure:"dkim"`
	Dispatch    DispatchConfig    `mapstructure:"dispatch"`
	Database    string            `mapstructure:"database" kind:"database"` // for database.Open
	Web         WebConfig         `mapstructure:"web"`
	Editors     EditorsConfig     `mapstructure:"editors"`
	Log         LogConfig         `mapstructure:"log"`

	// File is the file the configuration was read from, as given.
	File string `mapstructure:"-"`
	// Words is what is said to readers, in the publication's language.
	Words *words.Book `mapstructure:"-"`
}

// A PublicationConfig is the paper itself.
type PublicationConfig struct {
	Name     string `mapstructure:"name"`
	Tagline  string `mapstructure:"tagline"`
	URL      string `mapstructure:"url"` // without a slash at the end
	Timezone string `mapstructure:"timezone"`
	Language string `mapstructure:"language"`
	Address  string `mapstructure:"address"`

	// Zone is Timezone, loaded.
	Zone *time.Location `mapstructure:"-"`
}

// An ArticlesConfig says where articles come from.
type ArticlesConfig struct {
	Folder       string       `mapstructure:"folder" kind:"path"`
	Feeds        []FeedConfig `mapstructure:"feeds"`
	PrivateHosts []string     `mapstructure:"private_hosts"` // in small letters
	Cache        string       `mapstructure:"cache" kind:"path"`
	Media        string       `mapstructure:"media" kind:"path"`
}

// A FeedConfig is one feed. In the file it may be its address alone.
type FeedConfig struct {
	URL      string `mapstructure:"url"`
	Section  string `mapstructure:"section"` // empty: what the feed says
	FullText bool   `mapstructure:"full_text"`
}

// A SlotConfig is one recurring place in the day.
type SlotConfig struct {
	ID       string        `mapstructure:"id"`
	Title    string        `mapstructure:"title"`
	Schedule string        `mapstructure:"schedule"`
	List     string        `mapstructure:"list"`
	Sections []string      `mapstructure:"sections"`
	Minimum  int           `mapstructure:"minimum"`
	Maximum  int           `mapstructure:"maximum"`
	Approval bool          `mapstructure:"approval"`
	CatchUp  time.Duration `mapstructure:"catch_up"`
	Expire   time.Duration `mapstructure:"expire"`

	// Cron is Schedule, parsed. It counts in the zone of the time it is given.
	Cron cron.Schedule `mapstructure:"-"`
}

// A FromConfig is the sender that readers see.
type FromConfig struct {
	Name    string `mapstructure:"name"`
	Address string `mapstructure:"address"`
	ReplyTo string `mapstructure:"reply_to"` // empty: Address
}

// A BouncesConfig says where mail comes back to.
type BouncesConfig struct {
	Address string `mapstructure:"address"`
}

// An SMTPConfig is the mail server that takes the editions.
type SMTPConfig struct {
	Host         string        `mapstructure:"host"`
	Port         int           `mapstructure:"port"`
	Username     string        `mapstructure:"username"`
	Password     string        `mapstructure:"password" kind:"secret"` // also if it came from PasswordFile
	PasswordFile string        `mapstructure:"password_file" kind:"path"`
	TLS          string        `mapstructure:"tls"` // mandatory, implicit or none
	Connections  int           `mapstructure:"connections"`
	Rate         int           `mapstructure:"rate"`     // messages a second; 0: no limit
	Messages     int           `mapstructure:"messages"` // over one connection at most; 0: no limit
	Pipelining   bool          `mapstructure:"pipelining"`
	Timeout      time.Duration `mapstructure:"timeout"`
	Weight       int           `mapstructure:"weight"` // against those of the relays
	Relays       []string      `mapstructure:"relays"` // further servers, as URLs

	// Others is Relays, parsed.
	Others []RelayConfig `mapstructure:"-"`
}

// A RelayConfig is a further mail server that takes part of the editions.
type RelayConfig struct {
	Host     string
	Port     int
	TLS      string
	Username string
	Password string
	Weight   int
}

// A DKIMConfig says how to sign. With an empty Selector the relay signs and
// Key is nil.
type DKIMConfig struct {
	Selector string `mapstructure:"selector"`
	Domain   string `mapstructure:"domain"` // never empty if Selector is given
	KeyFile  string `mapstructure:"key_file" kind:"path"`

	// Key is what KeyFile holds: an RSA or Ed25519 key, as PEM.
	Key []byte `mapstructure:"-"`
}

// A DispatchConfig says how an edition gets to its list.
type DispatchConfig struct {
	Batch     int    `mapstructure:"batch"`       // recipients
	OnInDoubt string `mapstructure:"on_in_doubt"` // resend or hold
	Journal   string `mapstructure:"journal" kind:"path"`
}

// A WebConfig is where the readers' pages are.
type WebConfig struct {
	Listen     string `mapstructure:"listen"`
	URL        string `mapstructure:"url"` // without a slash at the end
	SecretFile string `mapstructure:"secret_file" kind:"path"`

	Archive string        `mapstructure:"archive"` // public or readers
	Signup  bool          `mapstructure:"signup"`
	Signups SignupsConfig `mapstructure:"signups"`
	Proxies []string      `mapstructure:"trusted_proxies"`

	// Keyring is what SecretFile holds.
	Keyring *subscribers.Keyring `mapstructure:"-"`
	// Trusted is Proxies, parsed.
	Trusted []netip.Prefix `mapstructure:"-"`
}

// A SignupsConfig bounds the mails that strangers can have sent, in an hour.
type SignupsConfig struct {
	Network int `mapstructure:"network"`
	Total   int `mapstructure:"total"`
}

// An EditorsConfig is who looks after the paper.
type EditorsConfig struct {
	Alert       []string `mapstructure:"alert"`
	Webhook     string   `mapstructure:"webhook" kind:"secret"` // also if it came from WebhookFile
	WebhookFile string   `mapstructure:"webhook_file" kind:"path"`
}

// A LogConfig says how the program tells about its own work.
type LogConfig struct {
	Level  string `mapstructure:"level"`  // debug, info, warn or error
	Format string `mapstructure:"format"` // text or json
}

// journal returns the folder of the dispatch journal: beside the database if
// that is a file, else beside the configuration, unless one is named.
func (c *Config) journal() string {
	const name = "journal"
	switch file, ok := strings.CutPrefix(c.Database, "sqlite:"); {
	case c.Dispatch.Journal != "":
		return c.Dispatch.Journal
	case ok:
		return filepath.Join(filepath.Dir(file), name)
	}
	return resolve(name, c.File)
}

// Edition returns the publication as package edition knows it.
func (c *Config) Edition() edition.Publication {
	p := c.Publication
	return edition.Publication{
		Name: p.Name, Tagline: p.Tagline, URL: p.URL, Web: c.Web.URL,
		Language: p.Language, Address: p.Address, Zone: p.Zone,
	}
}

// Slot returns the slot called id. An empty id stands for the only slot; where
// there are several, somebody has to choose.
func (c *Config) Slot(id string) (SlotConfig, error) {
	if id == "" && len(c.Slots) == 1 {
		return c.Slots[0], nil
	}
	known := make([]string, len(c.Slots))
	for i, s := range c.Slots {
		if s.ID == id {
			return s, nil
		}
		known[i] = s.ID
	}
	if id == "" {
		return SlotConfig{}, fmt.Errorf("there are several slots; name one with --slot: %s", strings.Join(known, ", "))
	}
	return SlotConfig{}, fmt.Errorf("no slot %q in %s; there is %s", id, c.File, strings.Join(known, ", "))
}

// Edition returns the slot as package edition knows it.
func (s SlotConfig) Edition() edition.Slot {
	return edition.Slot{
		ID: s.ID, Title: s.Title, List: s.List, Sections: s.Sections,
		Minimum: s.Minimum, Maximum: s.Maximum,
	}
}
