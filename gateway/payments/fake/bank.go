// Package fake stands in for Stripe, WeChat Pay and Alipay in tests: over HTTP, with a
// ledger, signing and encrypting as they do, and failing when told to. Its promise: a
// key is charged once, however often it is asked for, so a ledger that shows two
// charges for one payment shows a fault of ours.
package fake

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/brigata/brigata/gateway/payments"
)

// Charge is what the ledger knows of one payment.
type Charge struct {
	ID        string // the merchant's, with dashes
	Store     string
	Amount    int64
	Currency  string
	Reference string
	Keys      map[string]bool // idempotency keys under which it was asked for
	State     string          // open, paid, closed
	Method    string
	Refunds   []Refund
	At        time.Time
}

// Refund is what went back of it.
type Refund struct {
	ID     string
	Amount int64
}

// Front is how one provider speaks.
type front interface {
	handle(b *Bank, w http.ResponseWriter, r *http.Request, body []byte)
	// notice makes the notification of a charge's state.
	notice(b *Bank, c *Charge) (body []byte, header http.Header)
}

// Bank is a provider with one merchant.
type Bank struct {
	Name string // stripe, wechat, alipay
	URL  string
	Zone *time.Location // of its days: China

	server *httptest.Server
	front  front

	mu      sync.Mutex
	charges []*Charge
	faults  []Fault
	calls   []string
	down    bool
	skew    time.Duration
	traps   map[string]trap // by payment
	stall   *stall          // nil: calls do not wait
}

// Fault is what happens to a call instead of its answer.
type Fault string

const (
	Fail Fault = "fail" // 500, and nothing is done
	Page Fault = "page" // 403 and a page of HTML, as from a proxy on the way; nothing is done
	Cut  Fault = "cut"  // it is done, and the connection ends before the answer
	Hang Fault = "hang" // it is done, and no answer comes for as long as the caller waits
)

// New starts a provider's stand-in. Close ends it.
func New(name string) *Bank {
	b := &Bank{Name: name, Zone: china}
	switch name {
	case "stripe":
		b.front = stripe{}
	case "wechat":
		b.front = newWechat()
	case "alipay":
		b.front = newAlipay()
	default:
		panic("fake: no such provider")
	}
	b.server = httptest.NewServer(http.HandlerFunc(b.serve))
	b.URL = b.server.URL
	return b
}

// Close ends the server.
func (b *Bank) Close() { b.server.CloseClientConnections(); b.server.Close() }

// Skew has the clock by which notifications are signed go ahead of ours.
func (b *Bank) Skew(by time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.skew = by
}

// clock is what notifications are signed by.
func (b *Bank) clock() time.Time { return time.Now().Add(b.skew) }

// Down has all calls fail until it is up again.
func (b *Bank) Down(is bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = is
}

// Trap calls f once, when a call that names the payment comes in, or, with done, when
// what it asks for is done. Its caller, whom f may have ended, gets no answer.
func (b *Bank) Trap(payment string, done bool, f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.traps == nil {
		b.traps = map[string]trap{}
	}
	b.traps[payment] = trap{done, f}
}

type trap struct {
	done bool
	f    func()
}

// trapped takes the trap that a call runs into; its f is nil where there is none.
func (b *Bank) trapped(r *http.Request, body []byte) trap {
	text, err := url.QueryUnescape(string(body))
	if err != nil {
		text = string(body)
	}
	for id, t := range b.traps {
		if strings.Contains(text, id) || strings.Contains(text+r.URL.Path, payments.Compact(id)) {
			delete(b.traps, id)
			return t
		}
	}
	return trap{}
}

// Stall has all calls wait for their answers until it is ended. Each one that begins to
// wait is told on begun.
func (b *Bank) Stall() (begun <-chan struct{}, end func()) {
	x := &stall{make(chan struct{}), make(chan struct{})}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stall = x
	return x.begun, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.stall = nil
		close(x.over)
	}
}

type stall struct{ begun, over chan struct{} }

// wait holds up a call until the stall is over, and reports false when nobody waits for
// its answer any more.
func (x *stall) wait(r *http.Request) bool {
	select {
	case x.begun <- struct{}{}:
	case <-x.over:
	case <-r.Context().Done():
	}
	select {
	case <-x.over:
		return true
	case <-r.Context().Done():
		return false
	}
}

// Next has the next calls fail, one fault each.
func (b *Bank) Next(faults ...Fault) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = append(b.faults, faults...)
}

func (b *Bank) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	b.mu.Lock()
	fault, stall := Fault(""), b.stall
	if b.down {
		fault = Fail
	} else if len(b.faults) > 0 {
		fault, b.faults = b.faults[0], b.faults[1:]
	}
	b.calls = append(b.calls, r.Method+" "+r.URL.Path)
	if fault == Fail {
		b.mu.Unlock()
		http.Error(w, `{"error":{"type":"api_error"},"code":"SYSTEM_ERROR"}`, http.StatusInternalServerError)
		return
	}
	if fault == Page {
		b.mu.Unlock()
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusForbidden)
		io.WriteString(w, "<html><h1>Forbidden</h1></html>")
		return
	}
	if stall != nil {
		b.mu.Unlock()
		if !stall.wait(r) {
			return
		}
		b.mu.Lock()
	}
	trap := b.trapped(r, body)
	if trap.f != nil && !trap.done {
		b.mu.Unlock()
		trap.f()
		panic(http.ErrAbortHandler)
	}
	out := httptest.NewRecorder()
	b.front.handle(b, out, r, body)
	b.mu.Unlock()
	if trap.f != nil {
		trap.f()
		panic(http.ErrAbortHandler)
	}
	switch fault {
	case Hang:
		<-r.Context().Done()
		return
	case Cut:
		panic(http.ErrAbortHandler)
	}
	for k, v := range out.Header() {
		w.Header()[k] = v
	}
	w.WriteHeader(out.Code)
	w.Write(out.Body.Bytes())
}

// Calls lists what was asked, as method and path.
func (b *Bank) Calls() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.calls)
}

// Charges lists what was asked for so far.
func (b *Bank) Charges() (all []Charge) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.charges {
		x := *c
		x.Refunds = slices.Clone(c.Refunds)
		all = append(all, x)
	}
	return all
}

// Charge is one of them; its zero value: it was never asked for.
func (b *Bank) Charge(id string) Charge {
	for _, c := range b.Charges() {
		if c.ID == id {
			return c
		}
	}
	return Charge{}
}

func (b *Bank) find(match func(*Charge) bool) *Charge {
	for _, c := range b.charges {
		if match(c) {
			return c
		}
	}
	return nil
}

// open finds a charge or makes it.
func (b *Bank) open(c Charge, key string) *Charge {
	had := b.find(func(x *Charge) bool { return x.Keys[key] })
	if had == nil {
		c.State, c.At, c.Keys, c.Reference = "open", time.Now(), map[string]bool{key: true}, fmt.Sprintf("%s_%d", b.Name, len(b.charges)+1)
		had = &c
		b.charges = append(b.charges, had)
	}
	return had
}

// refund gives back once for each id; it reports false when there is not so much.
func (c *Charge) refund(id string, amount int64) bool {
	left := c.Amount
	for _, r := range c.Refunds {
		if r.ID == id {
			return r.Amount == amount
		}
		left -= r.Amount
	}
	if c.State != "paid" || amount > left {
		return false
	}
	c.Refunds = append(c.Refunds, Refund{id, amount})
	return true
}

// Pay is the payer paying; false: it is not open.
func (b *Bank) Pay(id string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.find(func(c *Charge) bool { return c.ID == id && c.State == "open" })
	if c != nil {
		c.State = "paid"
	}
	return c != nil
}

// Notice is the signed notification of a charge's state.
func (b *Bank) Notice(id string) (body []byte, header http.Header) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.find(func(c *Charge) bool { return c.ID == id })
	return b.front.notice(b, c)
}

// NoticeIf is what it would be if the charge were otherwise.
func (b *Bank) NoticeIf(id string, change func(*Charge)) (body []byte, header http.Header) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := *b.find(func(c *Charge) bool { return c.ID == id })
	change(&c)
	return b.front.notice(b, &c)
}

// Notify sends the notification of a charge's state, and returns the status of the answer.
func (b *Bank) Notify(ctx context.Context, to, id string) (int, error) {
	body, header := b.Notice(id)
	return Deliver(ctx, to, body, header)
}

// Deliver sends a notification.
func Deliver(ctx context.Context, to string, body []byte, header http.Header) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header = header
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if res.StatusCode == http.StatusOK && strings.Contains(string(answer), "failure") { // Alipay's way to say no
		return http.StatusServiceUnavailable, err
	}
	return res.StatusCode, err
}

// day lists what was charged on a date; its refunds are of that day too.
func (b *Bank) day(date string) (all []*Charge) {
	for _, c := range b.charges {
		if c.State == "paid" && c.At.In(b.Zone).Format(time.DateOnly) == date {
			all = append(all, c)
		}
	}
	return all
}

var china = time.FixedZone("Asia/Shanghai", 8*60*60)

// Change has the ledger say something else of a charge than what happened.
func (b *Bank) Change(id string, change func(*Charge)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(b.find(func(c *Charge) bool { return c.ID == id }))
}

// Book has the ledger charge what nobody asked for.
func (b *Bank) Book(c Charge) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open(c, c.ID).State = "paid"
}

// Statement is what the ledger says of all days.
func (b *Bank) Statement() (entries []payments.Entry) {
	for _, c := range b.Charges() {
		if c.State != "paid" {
			continue
		}
		entries = append(entries, payments.Entry{Store: c.Store, Payment: c.ID, Amount: c.Amount})
		for _, r := range c.Refunds {
			entries = append(entries, payments.Entry{Store: c.Store, Payment: c.ID, Refund: r.ID, Amount: r.Amount})
		}
	}
	return entries
}

func newKey() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
}

func privatePEM(k *rsa.PrivateKey) string {
	b, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: b}))
}

func publicDER(k *rsa.PrivateKey) []byte {
	b, err := x509.MarshalPKIXPublicKey(&k.PublicKey)
	if err != nil {
		panic(err)
	}
	return b
}

func publicPEM(k *rsa.PrivateKey) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER(k)}))
}

func base64Of(b []byte) string { return base64.StdEncoding.EncodeToString(b) }
