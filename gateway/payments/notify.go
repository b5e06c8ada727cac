package payments

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// bodyMax bounds a notification; theirs are a few kilobytes.
const bodyMax = 256 << 10

// Notifications answers POST /v1/payments/{provider}/notify. Nobody is logged in there:
// a notification counts by its signature alone. It is acknowledged when what it says is
// durable, so that a crash before that has it sent again. It may come to any node: e
// reaches the one that has the store.
func (d *Driver) Notifications(e Doer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("provider")
		if d.lanes[name] == nil {
			http.NotFound(w, r)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyMax))
		if err != nil {
			http.Error(w, "too large", http.StatusRequestEntityTooLarge)
			return
		}
		account, n, err := d.verify(name, r, body)
		switch {
		case errors.Is(err, ErrIgnored):
			account.Provider.Acknowledge(w, nil)
			return
		case err != nil:
			d.config.Log.Warn("payment notification refused", "provider", name, "error", err)
			http.Error(w, "refused", http.StatusUnauthorized)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), d.config.Within)
		defer cancel()
		account.Provider.Acknowledge(w, d.noticed(ctx, e, name, n))
	})
}

// verify finds the account that the notification is signed for. An account of one store
// speaks for that store alone.
func (d *Driver) verify(name string, r *http.Request, body []byte) (Account, Notice, error) {
	for _, a := range d.config.Accounts {
		if a.Name != name {
			continue
		}
		n, err := a.Provider.Notice(r, body)
		switch {
		case errors.Is(err, ErrForged):
			continue
		case err == nil && a.Store != "" && a.Store != n.Store:
			return a, n, fmt.Errorf("the account of %s speaks for %s", a.Store, n.Store)
		}
		return a, n, err
	}
	return Account{}, Notice{}, ErrForged
}

func (d *Driver) noticed(ctx context.Context, e Doer, name string, n Notice) error {
	no := Send(ctx, e, n.Store, Report(n.Payment, n.Refund, n.Result))
	if no == nil {
		return nil
	}
	d.config.Log.Warn("payment notification not taken", "provider", name, "store", n.Store, "payment", n.Payment, "code", no.Code, "reason", no.Fields.Reason)
	if no.Code.Outcome() { // it will never be otherwise
		return nil
	}
	return no
}

// newID mints a UUIDv7.
func newID() string {
	var b [16]byte
	rand.Read(b[6:])
	ms := time.Now().UnixMilli()
	for i := range 6 {
		b[i] = byte(ms >> (40 - 8*i))
	}
	b[6], b[8] = b[6]&0x0f|0x70, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Compact is an id without its dashes, as providers take it; Dashed puts them back.
func Compact(id string) string {
	if len(id) != 36 {
		return id
	}
	return id[:8] + id[9:13] + id[14:18] + id[19:23] + id[24:]
}

// Dashed is the id that Compact was made of.
func Dashed(id string) string {
	if len(id) != 32 {
		return id
	}
	return id[:8] + "-" + id[8:12] + "-" + id[12:16] + "-" + id[16:20] + "-" + id[20:]
}
