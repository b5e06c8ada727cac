package gateway

import (
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"

	"github.com/brigata/brigata/actors/refusal"
)

// statuses is the one table from refusals to HTTP.
var statuses = map[refusal.Code]int{
	refusal.BadRequest:      http.StatusBadRequest,
	refusal.Unauthenticated: http.StatusUnauthorized,
	refusal.Forbidden:       http.StatusForbidden,
	refusal.NotFound:        http.StatusNotFound,
	refusal.Conflict:        http.StatusConflict,
	refusal.StalePrice:      http.StatusConflict,
	refusal.SoldOut:         http.StatusConflict,
	refusal.Closed:          http.StatusConflict,
	refusal.Invalid:         http.StatusUnprocessableEntity,
	refusal.RateLimited:     http.StatusTooManyRequests,
	refusal.Overloaded:      http.StatusServiceUnavailable,
	refusal.Unavailable:     http.StatusServiceUnavailable,
	refusal.Moved:           http.StatusServiceUnavailable,
	refusal.Internal:        http.StatusInternalServerError,
}

// problem is an RFC 9457 document (PAYLOADS §11).
type problem struct {
	Type    string         `json:"type"`
	Title   string         `json:"title"`
	Status  int            `json:"status"`
	Code    refusal.Code   `json:"code"`
	Detail  string         `json:"detail"`
	Fields  refusal.Fields `json:"fields"`
	Retry   bool           `json:"retry"`
	AfterMS int64          `json:"after_ms"`
}

// Error, GetStatus and ContentType are what huma asks of an error that it answers.
func (p *problem) Error() string             { return p.Detail }
func (p *problem) GetStatus() int            { return p.Status }
func (p *problem) ContentType(string) string { return problemType }

const problemType = "application/problem+json"

func problemOf(r *refusal.Refusal) *problem {
	status, ok := statuses[r.Code]
	if !ok {
		status = http.StatusInternalServerError
	}
	return &problem{"https://brigata.dev/errors/" + string(r.Code), http.StatusText(status), status,
		r.Code, r.Message, r.Fields, r.Code.Retry(), r.AfterMS}
}

func writeProblem(w http.ResponseWriter, r *refusal.Refusal) {
	p := problemOf(r)
	b, err := json.Marshal(p)
	if err != nil {
		http.Error(w, http.StatusText(p.Status), p.Status)
		return
	}
	h := w.Header()
	h.Set("Content-Type", problemType)
	h.Set("Cache-Control", "no-store")
	if r.Code.Retry() {
		h.Set("Retry-After", strconv.FormatInt((r.AfterMS+999)/1000, 10))
	}
	if r.Code == refusal.Unauthenticated {
		h.Set("WWW-Authenticate", "Bearer")
	}
	w.WriteHeader(p.Status)
	w.Write(b)
}
