package fake

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/stripe/stripe-go/v86/webhook"
)

// The stand-in's merchant at Stripe.
const (
	StripeKey         = "sk_test_fake"
	StripePublishable = "pk_test_fake"
	StripeSecret      = "whsec_fake"
)

type stripe struct{}

func (s stripe) handle(b *Bank, w http.ResponseWriter, r *http.Request, body []byte) {
	if r.Header.Get("Authorization") != "Bearer "+StripeKey {
		s.fail(w, 401, "authentication_error", "")
		return
	}
	form, _ := url.ParseQuery(string(body))
	path := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch route := r.Method + " " + path[1]; {
	case route == "POST payment_intents" && len(path) == 2:
		key := r.Header.Get("Idempotency-Key")
		amount, err := strconv.ParseInt(form.Get("amount"), 10, 64)
		if err != nil || amount < 1 || key == "" {
			s.fail(w, 400, "invalid_request_error", "parameter_invalid_integer")
			return
		}
		c := b.open(Charge{ID: form.Get("metadata[payment]"), Store: form.Get("metadata[store]"), Amount: amount, Currency: form.Get("currency")}, key)
		if c.Amount != amount {
			s.fail(w, 400, "idempotency_error", "")
			return
		}
		s.write(w, s.intent(c))
	case route == "GET payment_intents" && len(path) == 2:
		list := []any{}
		for _, c := range b.charges {
			if during(r, c) {
				list = append(list, s.intent(c))
			}
		}
		s.list(w, list, r.URL.Path)
	case strings.HasSuffix(route, " payment_intents"):
		c := b.find(func(c *Charge) bool { return c.Reference == path[2] })
		switch {
		case c == nil:
			s.fail(w, 404, "invalid_request_error", "resource_missing")
			return
		case len(path) == 4 && path[3] == "cancel" && c.State == "paid":
			s.fail(w, 400, "invalid_request_error", "payment_intent_unexpected_state")
			return
		case len(path) == 4 && path[3] == "cancel":
			c.State = "closed"
		}
		s.write(w, s.intent(c))
	case route == "POST refunds":
		c := b.find(func(c *Charge) bool { return c.Reference == form.Get("payment_intent") })
		amount, _ := strconv.ParseInt(form.Get("amount"), 10, 64)
		if c == nil || !c.refund(form.Get("metadata[refund]"), amount) {
			s.fail(w, 400, "invalid_request_error", "charge_already_refunded")
			return
		}
		s.write(w, s.refund(c, Refund{form.Get("metadata[refund]"), amount}))
	case route == "GET refunds":
		list := []any{}
		for _, c := range b.charges {
			for _, x := range c.Refunds {
				if of := r.URL.Query().Get("payment_intent"); of == "" && during(r, c) || of == c.Reference {
					list = append(list, s.refund(c, x))
				}
			}
		}
		s.list(w, list, r.URL.Path)
	default:
		s.fail(w, 404, "invalid_request_error", "")
	}
}

// during says that a charge is in the range that a list asks for.
func during(r *http.Request, c *Charge) bool {
	from, _ := strconv.ParseInt(r.URL.Query().Get("created[gte]"), 10, 64)
	to, err := strconv.ParseInt(r.URL.Query().Get("created[lt]"), 10, 64)
	return c.At.Unix() >= from && (err != nil || c.At.Unix() < to)
}

func (stripe) intent(c *Charge) map[string]any {
	status := map[string]string{"open": "requires_payment_method", "paid": "succeeded", "closed": "canceled"}[c.State]
	i := map[string]any{"id": c.Reference, "object": "payment_intent", "amount": c.Amount, "amount_received": 0, "currency": c.Currency, "status": status,
		"client_secret": c.Reference + "_secret", "metadata": map[string]string{"store": c.Store, "payment": c.ID}, "created": c.At.Unix()}
	if c.State == "paid" {
		i["amount_received"] = c.Amount
	}
	return i
}

func (stripe) refund(c *Charge, r Refund) map[string]any {
	return map[string]any{"id": "re_" + r.ID, "object": "refund", "amount": r.Amount, "currency": c.Currency, "status": "succeeded",
		"payment_intent": c.Reference, "metadata": map[string]string{"store": c.Store, "payment": c.ID, "refund": r.ID}}
}

func (s stripe) list(w http.ResponseWriter, list []any, path string) {
	s.write(w, map[string]any{"object": "list", "data": list, "has_more": false, "url": path})
}

func (stripe) write(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

func (s stripe) fail(w http.ResponseWriter, status int, kind, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	s.write(w, map[string]any{"error": map[string]any{"type": kind, "code": code, "message": "No."}})
}

func (s stripe) notice(b *Bank, c *Charge) ([]byte, http.Header) {
	kind := map[string]string{"open": "payment_intent.created", "paid": "payment_intent.succeeded", "closed": "payment_intent.canceled"}[c.State]
	body, _ := json.Marshal(map[string]any{"id": fmt.Sprintf("evt_%s_%s", c.Reference, c.State), "object": "event", "type": kind, "api_version": "2020-01-01",
		"created": b.clock().Unix(), "data": map[string]any{"object": s.intent(c)}})
	signed := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: body, Secret: StripeSecret, Timestamp: b.clock()})
	return body, http.Header{"Stripe-Signature": {signed.Header}, "Content-Type": {"application/json"}}
}
