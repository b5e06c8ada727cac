package webhooks

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/brigata/brigata/actors/wire"
)

// outcome is what became of one call.
type outcome int

const (
	taken  outcome = iota // 2xx
	failed                // everything else that a receiver did, or did not do
	unread                // what to say could not be read, and nobody was called
)

type answer struct {
	outcome
	status int           // 0: there was no answer
	text   string        // of a failure, for the operator; nothing that the receiver wrote
	after  time.Duration // before which it does not want to be called
}

// deliver reads an event from the journal and calls the receiver.
func (d *Driver) deliver(ctx context.Context, c config, e event) answer {
	body, err := d.body(ctx, c.store, e)
	if err != nil {
		if ctx.Err() == nil {
			d.config.Log.Warn("webhook's event not read", "store", c.store, "order", e.order, "seq", e.seq, "error", err)
		}
		return answer{outcome: unread}
	}
	parent := wire.ParseTrace(e.trace)
	told := Delivered{Store: c.store, Type: e.kind, Began: time.Now(), Parent: parent, Trace: below(parent)}
	a := d.post(ctx, c, eventID(c.store, e.order, e.seq), told.Trace, body)
	if told.Ended = time.Now(); d.config.Hooks.Delivered != nil {
		told.Result = a.result()
		d.config.Hooks.Delivered(told)
	}
	return a
}

// eventID is the same whenever and by whomever an event is told.
func eventID(store, order string, seq int64) string {
	return store + "." + order + "." + strconv.FormatInt(seq, 10)
}

// below is a span's context under parent, or in a trace of its own that nobody samples.
func below(parent wire.Trace) wire.Trace {
	t := parent
	if t == (wire.Trace{}) {
		for i := range t.ID {
			t.ID[i] = byte(rand.Uint32())
		}
	}
	for i := range t.Span {
		t.Span[i] = byte(rand.Uint32()) | 1
	}
	return t
}

// body is what is told of an event.
func (d *Driver) body(ctx context.Context, store string, e event) ([]byte, error) {
	order, err := d.config.Archive.OrderAt(ctx, store, e.order, e.seq)
	if err != nil {
		return nil, err
	}
	return appendEvent(make([]byte, 0, len(order)+256), store, e, order), nil
}

func appendEvent(b []byte, store string, e event, order []byte) []byte {
	b = wire.AppendString(append(b, `{"id":`...), eventID(store, e.order, e.seq))
	b = wire.AppendString(append(b, `,"store":`...), store)
	b = wire.AppendString(append(b, `,"type":`...), e.kind)
	b = wire.AppendString(append(b, `,"order":`...), e.order)
	b = strconv.AppendInt(append(b, `,"seq":`...), e.seq, 10)
	b = wire.AppendString(append(b, `,"at":`...), time.UnixMilli(e.at).UTC().Format("2006-01-02T15:04:05.000Z"))
	return append(append(append(b, `,"d":`...), order...), '}')
}

// Sign makes the value of Brigata-Signature for a body: one signature for each secret.
func Sign(at time.Time, body []byte, secrets ...string) string {
	t := strconv.FormatInt(at.Unix(), 10)
	all := "t=" + t
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(t + "."))
		mac.Write(body)
		all += ",v1=" + hex.EncodeToString(mac.Sum(nil))
	}
	return all
}

// answerMax is how much of an answer is read, so that the connection can be used again.
const answerMax = 16 << 10

// post calls the receiver once.
func (d *Driver) post(ctx context.Context, c config, id string, trace wire.Trace, body []byte) answer {
	ctx, cancel := context.WithTimeout(ctx, d.config.Within)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, strings.NewReader(string(body)))
	if err != nil {
		return answer{outcome: failed, text: "the address is none"}
	}
	now := time.Now()
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Brigata-Webhooks/1")
	r.Header.Set("Brigata-Id", id)
	r.Header.Set("Brigata-Signature", Sign(now, body, c.secrets(now)...))
	r.Header.Set("Traceparent", trace.String())
	w, err := d.client.Do(r)
	if err != nil {
		return answer{outcome: failed, text: plainly(err)}
	}
	defer w.Body.Close()
	io.Copy(io.Discard, io.LimitReader(w.Body, answerMax)) // its status counts, whatever follows
	if w.StatusCode/100 != 2 {
		return answer{failed, w.StatusCode, fmt.Sprintf("the receiver answered %d", w.StatusCode), retryAfterOf(w)}
	}
	return answer{outcome: taken, status: w.StatusCode}
}

func retryAfterOf(w *http.Response) time.Duration {
	s, err := strconv.Atoi(w.Header.Get("Retry-After"))
	if err != nil || s < 0 || s > 86400 {
		return 0
	}
	return time.Duration(s) * time.Second
}

// away says that the receiver itself was not there, or wants to be left alone.
func (a answer) away() bool {
	switch a.status {
	case 0, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

func (a answer) result() string {
	switch {
	case a.outcome == taken:
		return "ok"
	case a.status > 0:
		return "refused"
	case a.text == errForbidden.Error():
		return "forbidden"
	}
	return "unreachable"
}

// plainly says it for the operator, without what the receiver's side put into it.
func plainly(err error) string {
	var timeout net.Error
	var dns *net.DNSError
	switch {
	case errors.Is(err, errForbidden):
		return errForbidden.Error()
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.Canceled):
		return "the receiver did not answer in time"
	case errors.As(err, &dns):
		return "the receiver's name is not known"
	case strings.Contains(err.Error(), "tls: ") || strings.Contains(err.Error(), "x509: "):
		return "the receiver's certificate is not good"
	}
	return "the receiver cannot be reached"
}

var errForbidden = errors.New("the receiver's address is not a public one")

// client calls receivers: it follows no redirects, goes through no proxy, and, unless
// private, connects to public addresses only, looked at after the name is resolved.
func client(private bool, within time.Duration) *http.Client {
	dialer := &net.Dialer{Timeout: within}
	if !private {
		dialer.Control = func(_, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err != nil || !public(at.Addr()) {
				return errForbidden
			}
			return nil
		}
	}
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{DialContext: dialer.DialContext, TLSHandshakeTimeout: within, ResponseHeaderTimeout: within,
			MaxResponseHeaderBytes: 16 << 10, MaxConnsPerHost: 2 * width, MaxIdleConnsPerHost: width, IdleConnTimeout: 30 * time.Second, DisableCompression: true},
	}
}

// special are networks of IANA's registries that are not in the public internet, or lead
// back out of it, beside those that netip knows.
var special = func() (list []netip.Prefix) {
	for _, s := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fec0::/10",
	} {
		list = append(list, netip.MustParsePrefix(s))
	}
	return list
}()

// public says that an address is one of the public internet.
func public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
