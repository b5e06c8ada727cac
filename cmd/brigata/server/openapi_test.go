package server

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/brigata/brigata/actors/command"
)

type schema struct {
	Ref        string             `json:"$ref"`
	Type       any                `json:"type"`
	Properties map[string]*schema `json:"properties"`
	Required   []string           `json:"required"`
	Items      *schema            `json:"items"`
	Open       any                `json:"additionalProperties"`
}

type apiDocument struct {
	Paths map[string]map[string]struct {
		Responses map[string]struct {
			Content map[string]struct{ Schema *schema }
		}
	}
	Components struct{ Schemas map[string]*schema }
}

// fits says where v is not what s says: what is there and not described, or the reverse.
func (d *apiDocument) fits(s *schema, v any, at string) (wrong []string) {
	if s.Ref != "" {
		s = d.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]
	}
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			switch p := s.Properties[k]; {
			case p != nil:
				wrong = append(wrong, d.fits(p, x, at+"/"+k)...)
			case len(s.Properties) > 0:
				wrong = append(wrong, at+"/"+k+" is not described")
			}
		}
		for _, k := range s.Required {
			if _, ok := v[k]; !ok {
				wrong = append(wrong, at+"/"+k+" is required and missing")
			}
		}
	case []any:
		for _, x := range v {
			if s.Items != nil {
				wrong = append(wrong, d.fits(s.Items, x, at+"[]")...)
			}
		}
	}
	return wrong
}

// The server's answers are what /openapi.json says they are.
func TestAnswersAreAsDescribed(t *testing.T) {
	h := newHouse(t)
	_, _, body := h.rest("GET", "/openapi.json", "", "")
	var d apiDocument
	if err := json.Unmarshal([]byte(body), &d); err != nil {
		t.Fatal(err)
	}
	root := h.token("root", command.Admin, ownStore, "")
	order := h.orders[ownStore+"/T01"]
	seen := map[string]bool{}
	for path, at := range map[string]string{
		"/v1/stores": "", "/v1/users": "", "/v1/roles": "", "/v1/keys": "", "/v1/audit": "", "/v1/stores/{store}": "/v1/stores/demo",
		"/v1/stores/{store}/menu": "/v1/stores/demo/menu", "/v1/stores/{store}/orders": "/v1/stores/demo/orders",
		"/v1/stores/{store}/orders/{id}":         "/v1/stores/demo/orders/" + order,
		"/v1/stores/{store}/orders/{id}/history": "/v1/stores/demo/orders/" + order + "/history",
		"/v1/stores/{store}/tables":              "/v1/stores/demo/tables", "/v1/stores/{store}/tables/{id}": "/v1/stores/demo/tables/T01",
		"/v1/stores/{store}/stock": "/v1/stores/demo/stock",
	} {
		if at == "" {
			at = path
		}
		status, _, body := h.rest("GET", at, root, "")
		s := d.Paths[path]["get"].Responses["200"].Content["application/json"].Schema
		if status != http.StatusOK || s == nil {
			t.Errorf("%s: %d, described: %v", at, status, s != nil)
			continue
		}
		var v any
		if err := json.Unmarshal([]byte(body), &v); err != nil {
			t.Fatal(err)
		}
		for _, w := range d.fits(s, v, path) {
			if !seen[w] {
				seen[w] = true
				t.Error(w)
			}
		}
	}
}
