package gateway

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

// Every node describes its REST API, and has a page of it that needs nothing from elsewhere.
func TestAPIIsDescribed(t *testing.T) {
	n := newNode(t, nil)
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID string
			Security    []map[string][]string
			Responses   map[string]any
		}
	}
	if err := json.Unmarshal([]byte(n.call("GET", "/openapi.json", "", "").body), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" {
		t.Error(doc.OpenAPI)
	}
	open := map[string]bool{"post-login": true, "post-token-refresh": true, "post-guest": true, "get-guest-menu": true, "get-keys": true}
	operations := 0
	for path, methods := range doc.Paths {
		for method, op := range methods {
			operations++
			if (len(op.Security) == 0) != open[op.OperationID] {
				t.Errorf("%s %s needs %v", method, path, op.Security)
			}
			if op.Responses["default"] == nil {
				t.Errorf("%s %s has no refusal", method, path)
			}
			if open[op.OperationID] {
				continue
			}
			at := regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllString(path, "s1")
			if w := n.call(strings.ToUpper(method), at, "", ""); w.StatusCode != 401 {
				t.Errorf("%s %s without a token: %d", method, at, w.StatusCode)
			}
		}
	}
	if operations < 30 {
		t.Errorf("%d operations", operations)
	}
	w := n.call("GET", "/docs", "", "")
	if w.StatusCode != 200 || strings.Contains(w.body, "http://") || strings.Contains(w.body, "https://") ||
		!strings.Contains(w.Header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("docs: %d %v", w.StatusCode, w.Header)
	}
}
