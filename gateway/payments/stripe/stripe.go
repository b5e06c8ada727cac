// Package stripe takes money through Stripe: a PaymentIntent for each payment. The
// payer's client confirms it with the intent's client_secret.
package stripe

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v86"
	"github.com/stripe/stripe-go/v86/webhook"

	"github.com/brigata/brigata/actors/payment"
	"github.com/brigata/brigata/gateway/payments"
)

// Config is a Stripe account.
type Config struct {
	SecretKey     string
	WebhookSecret string
	// PublishableKey is what a payer's client opens the intent with; "": it knows by itself.
	PublishableKey string
	Endpoint       string         // "": Stripe's own
	Zone           *time.Location // of statements; nil: UTC
}

// Account is a payments.Provider.
type Account struct {
	config Config
	client *stripe.Client
}

// New makes an account.
func New(c Config) (*Account, error) {
	if c.SecretKey == "" || c.WebhookSecret == "" {
		return nil, errors.New("stripe: secret_key and webhook_secret are needed")
	}
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	client, err := payments.Client("")
	if err != nil {
		return nil, err
	}
	b := &stripe.BackendConfig{HTTPClient: client, MaxNetworkRetries: stripe.Int64(0), EnableTelemetry: stripe.Bool(false),
		LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull}}
	if c.Endpoint != "" {
		b.URL = stripe.String(c.Endpoint)
	}
	return &Account{c, stripe.NewClient(c.SecretKey, stripe.WithBackends(stripe.NewBackendsWithConfig(b)))}, nil
}

// Start creates the intent under the payment's id.
func (a *Account) Start(ctx context.Context, c payments.Charge) (payments.Result, error) {
	i, err := a.intent(ctx, c)
	if err != nil {
		return refused(err)
	}
	return a.resultOf(i), nil
}

// intent finds the payment's intent; without a reference, creating it again under the
// same key answers with the one that there is.
func (a *Account) intent(ctx context.Context, c payments.Charge) (*stripe.PaymentIntent, error) {
	if c.Reference != "" {
		return a.client.V1PaymentIntents.Retrieve(ctx, c.Reference, nil)
	}
	p := &stripe.PaymentIntentCreateParams{Amount: &c.Amount, Currency: stripe.String(strings.ToLower(c.Currency)),
		PaymentMethodTypes: []*string{stripe.String("card")}, Metadata: map[string]string{"store": c.Store, "payment": c.ID}}
	p.SetIdempotencyKey(c.ID)
	return a.client.V1PaymentIntents.Create(ctx, p)
}

// Query says how the intent stands.
func (a *Account) Query(ctx context.Context, c payments.Charge) (payments.Result, error) {
	return a.Start(ctx, c)
}

// Cancel cancels the intent; one that has succeeded cannot be.
func (a *Account) Cancel(ctx context.Context, c payments.Charge) (payments.Result, error) {
	i, err := a.intent(ctx, c)
	if err != nil {
		return refused(err)
	}
	if r := a.resultOf(i); r.Outcome != payment.Started {
		return r, nil
	}
	p := &stripe.PaymentIntentCancelParams{}
	p.SetIdempotencyKey(c.ID + "-cancel")
	done, err := a.client.V1PaymentIntents.Cancel(ctx, i.ID, p)
	if err == nil {
		return a.resultOf(done), nil
	}
	if i, err = a.client.V1PaymentIntents.Retrieve(ctx, i.ID, nil); err != nil {
		return payments.Result{}, err
	}
	if r := a.resultOf(i); r.Outcome != payment.Started {
		return r, nil
	}
	return payments.Result{}, errors.New("the intent can be cancelled neither yet")
}

// Refund gives back under the refund's id. One that was asked for before is found by
// its metadata, however long ago.
func (a *Account) Refund(ctx context.Context, c payments.Charge, r payments.Refund) (payments.Result, error) {
	i, err := a.intent(ctx, c)
	if err != nil {
		return payments.Result{}, err
	}
	for had, err := range a.client.V1Refunds.List(ctx, &stripe.RefundListParams{PaymentIntent: &i.ID}).All(ctx) {
		if err != nil {
			return payments.Result{}, err
		}
		if had.Metadata["refund"] == r.ID {
			return refundOf(had), nil
		}
	}
	p := &stripe.RefundCreateParams{PaymentIntent: &i.ID, Amount: &r.Amount, Metadata: map[string]string{"store": c.Store, "payment": c.ID, "refund": r.ID}}
	p.SetIdempotencyKey(r.ID + "-refund")
	done, err := a.client.V1Refunds.Create(ctx, p)
	if err != nil {
		return refused(err)
	}
	return refundOf(done), nil
}

// refused tells what Stripe refuses for good from what is not known.
func refused(err error) (payments.Result, error) {
	if e, ok := errors.AsType[*stripe.Error](err); ok && e.HTTPStatusCode < 500 && e.HTTPStatusCode != http.StatusConflict &&
		e.HTTPStatusCode != http.StatusTooManyRequests && e.HTTPStatusCode != http.StatusUnauthorized {
		code := string(e.Code)
		if e.DeclineCode != "" {
			code = string(e.DeclineCode)
		}
		return payments.Declined(code, e.Msg), nil
	}
	return payments.Result{}, err
}

func (a *Account) resultOf(i *stripe.PaymentIntent) payments.Result {
	r := payments.Result{Reference: i.ID}
	switch i.Status {
	case stripe.PaymentIntentStatusSucceeded:
		r.Outcome, r.Amount, r.Currency = payment.Charged, i.AmountReceived, strings.ToUpper(string(i.Currency))
	case stripe.PaymentIntentStatusCanceled:
		r.Outcome = payment.Dropped
	default: // a declined card leaves it open for another one
		r.Outcome, r.Action = payment.Started, &payment.Action{Kind: "client_secret", Data: i.ClientSecret}
		if a.config.PublishableKey != "" {
			r.Action.Params = map[string]string{"publishable_key": a.config.PublishableKey}
		}
	}
	return r
}

func refundOf(r *stripe.Refund) payments.Result {
	switch r.Status {
	case stripe.RefundStatusSucceeded:
		return payments.Result{Outcome: payment.Charged, Reference: r.ID}
	case stripe.RefundStatusFailed, stripe.RefundStatusCanceled:
		return payments.Declined(string(r.FailureReason), "The refund failed")
	}
	return payments.Result{Outcome: payment.Doubtful}
}

// Notice verifies a webhook event. Its version need not be the library's: the few
// fields that are read here are old.
func (a *Account) Notice(r *http.Request, body []byte) (payments.Notice, error) {
	e, err := webhook.ConstructEventWithOptions(body, r.Header.Get("Stripe-Signature"), a.config.WebhookSecret,
		webhook.ConstructEventOptions{IgnoreAPIVersionMismatch: true})
	if err != nil {
		return payments.Notice{}, errors.Join(payments.ErrForged, err)
	}
	switch kind := string(e.Type); {
	case strings.HasPrefix(kind, "payment_intent."):
		var i stripe.PaymentIntent
		if err := json.Unmarshal(e.Data.Raw, &i); err != nil {
			return payments.Notice{}, err
		}
		n := payments.Notice{Store: i.Metadata["store"], Payment: i.Metadata["payment"], Result: a.resultOf(&i)}
		if n.Payment == "" || n.Outcome == payment.Started { // started is what our own call says
			return n, payments.ErrIgnored
		}
		return n, nil
	case strings.HasPrefix(kind, "refund."), kind == "charge.refund.updated":
		var x stripe.Refund
		if err := json.Unmarshal(e.Data.Raw, &x); err != nil {
			return payments.Notice{}, err
		}
		n := payments.Notice{Store: x.Metadata["store"], Payment: x.Metadata["payment"], Refund: x.Metadata["refund"], Result: refundOf(&x)}
		if n.Refund == "" || n.Outcome == payment.Doubtful {
			return n, payments.ErrIgnored
		}
		return n, nil
	}
	return payments.Notice{}, payments.ErrIgnored
}

// Acknowledge answers Stripe, which sends again whatever is not answered by 2xx.
func (a *Account) Acknowledge(w http.ResponseWriter, err error) {
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// Statement lists the day's intents that have succeeded, and the day's refunds.
func (a *Account) Statement(ctx context.Context, date string) (entries []payments.Entry, err error) {
	day, err := time.ParseInLocation("2006-01-02", date, a.config.Zone)
	if err != nil {
		return nil, err
	}
	during := &stripe.RangeQueryParams{GreaterThanOrEqual: day.Unix(), LesserThan: day.AddDate(0, 0, 1).Unix()}
	for i, err := range a.client.V1PaymentIntents.List(ctx, &stripe.PaymentIntentListParams{CreatedRange: during}).All(ctx) {
		if err != nil {
			return nil, err
		}
		if i.Status == stripe.PaymentIntentStatusSucceeded && i.Metadata["payment"] != "" {
			entries = append(entries, payments.Entry{Store: i.Metadata["store"], Payment: i.Metadata["payment"], Amount: i.AmountReceived})
		}
	}
	for r, err := range a.client.V1Refunds.List(ctx, &stripe.RefundListParams{CreatedRange: during}).All(ctx) {
		if err != nil {
			return nil, err
		}
		if r.Status == stripe.RefundStatusSucceeded && r.Metadata["refund"] != "" {
			entries = append(entries, payments.Entry{Store: r.Metadata["store"], Payment: r.Metadata["payment"], Refund: r.Metadata["refund"], Amount: r.Amount})
		}
	}
	return entries, nil
}
