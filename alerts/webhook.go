package alerts

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

const (
	postTimeout = 15 * time.Second
	maxAnswer   = 4 << 10 // bytes read of what the webhook says
)

// A goneError says that the webhook does not exist, or refuses us: asking again
// is useless.
type goneError struct{ status string }

func (e *goneError) Error() string { return "the webhook answered " + e.status }

// post posts c to the webhook: {"text": ...}, which Slack and Mattermost show
// as a message.
//
// https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
// https://developers.mattermost.com/integrate/webhooks/incoming/
func (d *Desk) post(ctx context.Context, c copyOf) error {
	if d.Webhook == "" {
		return &goneError{"nothing: none is configured any more"}
	}
	body, err := json.Marshal(map[string]string{"text": "*" + d.Paper + ": " + c.Subject + "*\n" + c.Text})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, postTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, d.Webhook, bytes.NewReader(body))
	if err != nil {
		return errors.New("the webhook's URL cannot be used") // it is a secret, and the error would quote it
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := d.client().Do(request)
	var about *url.Error
	if errors.As(err, &about) {
		return fmt.Errorf("webhook: %w", about.Err) // without the URL
	}
	if err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(answer.Body, maxAnswer)); err != nil {
		d.Log.Debug("read the webhook's answer", "error", err)
	}
	switch {
	case answer.StatusCode >= 200 && answer.StatusCode < 300:
		return nil
	case answer.StatusCode == http.StatusTooManyRequests || answer.StatusCode == http.StatusRequestTimeout || answer.StatusCode >= 500:
		return fmt.Errorf("the webhook answered %s", answer.Status)
	}
	return &goneError{answer.Status}
}

// client returns what posts. It follows no redirect: a webhook that moved is to
// be configured anew.
func (d *Desk) client() *http.Client {
	if d.Client != nil {
		return d.Client
	}
	return &http.Client{
		Timeout:       postTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
