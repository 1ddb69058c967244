package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/zotpaper/zotpaper/demo"
	"github.com/zotpaper/zotpaper/internal/smtptest"
	"github.com/zotpaper/zotpaper/press"
	"github.com/zotpaper/zotpaper/subscribers"
	"github.com/zotpaper/zotpaper/web"
)

// demoListen is where the demo's page is unless told otherwise; if the port is
// taken, another is.
const demoListen = "127.0.0.1:8025"

func newDemo(a *app) *cobra.Command {
	var listen, out string
	var once bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See it work: a sample paper, its readers and their inbox",
		Long: `Demo needs nothing. It files a day's articles in a temporary folder, adds
thirty readers, starts a mail server of its own, and sends them today's edition
over SMTP. Then it shows the inbox, as HTML, as plain text and as source, on a
page in your browser. Nothing leaves this machine, and nothing stays on it.`,
		Example: `  zotpaper demo
  zotpaper demo --listen 127.0.0.1:9000
  zotpaper demo --once --out mails     write what each reader got, and end`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if once != (out != "") {
				return wrongUse(errors.New("--once and --out belong together: zotpaper demo --once --out DIR"))
			}
			return a.demo(cmd.Context(), listen, cmd.Flags().Changed("listen"), out)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&listen, "listen", demoListen, "the `ADDRESS` of the page")
	flags.BoolVar(&once, "once", false, "write the mails to --out and end, without a page")
	flags.StringVar(&out, "out", "", "the `DIR` for the mails of --once")
	return cmd
}

// A sample is the demo at work: the sample paper's newsroom and the inbox that
// its mail goes to.
type sample struct {
	*newsroom
	inbox *smtptest.Server
	slot  press.Slot
	sent  press.Dispatched
	took  time.Duration
}

func (a *app) demo(ctx context.Context, listen string, fixed bool, out string) (err error) {
	dir, err := os.MkdirTemp("", "zotpaper-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, err := a.newSample(ctx, dir)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer func() { err = errors.Join(err, s.close(), s.inbox.Close()) }()
	begun := a.now()
	if s.sent, err = s.press.Send(ctx, s.slot, s.press.Today(), "demo", nil); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	s.took = a.now().Sub(begun).Round(time.Millisecond)
	if out != "" {
		return a.writeMails(s, out)
	}
	return a.showSample(ctx, s, listen, fixed)
}

// newSample sets the sample paper up in dir, with its readers and its inbox.
func (a *app) newSample(ctx context.Context, dir string) (s *sample, err error) {
	cutoff := a.now().UTC().Truncate(time.Minute)
	if err := demo.Write(filepath.Join(dir, "articles"), cutoff); err != nil {
		return nil, err
	}
	inbox, err := smtptest.Start(smtptest.Options{})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, inbox.Close())
		}
	}()
	secret := filepath.Join(dir, "zotpaper.secret")
	if _, err := subscribers.LoadKeyring(secret, true); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(file, demoConfig(cutoff, inbox), 0o600); err != nil {
		return nil, err
	}
	c, err := loadConfig(file, nil) // the environment is the operator's, not the sample's
	if err != nil {
		return nil, err
	}
	c.Log.Level = "error"
	n, err := openNewsroom(ctx, c, a.logger(c.Log), a.now)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.close())
		}
	}()
	if err := importSample(ctx, n); err != nil {
		return nil, err
	}
	slot, err := n.press.Slot("")
	return &sample{newsroom: n, inbox: inbox, slot: slot}, err
}

// demoConfig is the configuration of the sample paper: its one edition is cut
// off now, and its mail goes to the inbox.
func demoConfig(cutoff time.Time, inbox *smtptest.Server) []byte {
	return fmt.Appendf(nil, `slots:
  - id: afternoon
    title: Afternoon Edition
    schedule: "%d %d * * *"
    list: afternoon
    sections: [US Politics, World, Business, Science, Culture]
    minimum: 3
    maximum: 20
smtp: {host: %s, port: %d, tls: none, connections: 4}
editors: {alert: []}
`, cutoff.Minute(), cutoff.Hour(), inbox.Host(), inbox.Port())
}

func importSample(ctx context.Context, n *newsroom) error {
	readers, err := demo.Readers()
	if err != nil {
		return err
	}
	report, err := n.people.Import(ctx, strings.NewReader(string(readers)),
		subscribers.ImportOptions{List: "afternoon", By: "demo"})
	if err == nil && report.Added != report.Rows {
		err = fmt.Errorf("%d of %d sample readers were refused", report.Rows-report.Added, report.Rows)
	}
	return err
}

// A mailed is what demo --once did.
type mailed struct {
	Edition string   `json:"edition"`
	Subject string   `json:"subject"`
	Seconds float64  `json:"seconds"`
	Files   []string `json:"files"`
}

func (m mailed) WriteText(w io.Writer) error {
	fmt.Fprintf(w, "%s\n%s, sent in %.2f s, a file for each reader:\n", m.Subject, count(len(m.Files), "mail"), m.Seconds)
	for _, name := range m.Files {
		fmt.Fprintf(w, "  %s\n", name)
	}
	return nil
}

// writeMails writes each message received to a file of its own in dir.
func (a *app) writeMails(s *sample, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	_, facts, err := s.press.Issue(context.Background(), s.sent.Record.Key)
	if err != nil {
		return err
	}
	m := mailed{Edition: facts.Key, Subject: facts.Subject, Seconds: s.took.Seconds()}
	for i, received := range s.inbox.Messages() {
		name := filepath.Join(dir, fmt.Sprintf("%02d-%s.eml", i+1, received.To))
		if err := os.WriteFile(name, received.Raw, 0o644); err != nil {
			return err
		}
		m.Files = append(m.Files, name)
	}
	return a.print(m)
}

// showSample serves the inbox, and the paper's own pages beside it, until ctx
// ends.
func (a *app) showSample(ctx context.Context, s *sample, listen string, fixed bool) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", listen)
	if err != nil && !fixed {
		l, err = lc.Listen(ctx, "tcp", "127.0.0.1:0")
	}
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	base := "http://" + l.Addr().String()
	handler, err := s.pages(ctx, base)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	_, facts, err := s.press.Issue(ctx, s.sent.Record.Key)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	fmt.Fprintf(a.stdout, "%s\n%d mails in %s. See what the readers received:\n\n  %s/inbox/\n\nCtrl-C ends the demo; nothing of it stays.\n",
		facts.Subject, s.sent.Tally.Sent, s.took, base)
	ctx, stop := context.WithCancel(ctx)
	var working sync.WaitGroup
	working.Go(func() { s.desk().Work(ctx) })
	defer working.Wait()
	defer stop()
	return web.Serve(ctx, l, handler, s.log)
}
