// Package demo is the store that a new node starts with: a Sichuan restaurant with
// 150 dishes in ten categories, 24 tables and 30 counted dishes.
package demo

import (
	"bytes"
	_ "embed"
	"fmt"
)

//go:embed demo.json
var document []byte

// Store returns the demo store's document as `brigata store apply` takes it.
func Store() []byte { return document }

// Numbered returns a copy of the demo store under the id demo-n.
func Numbered(n int) []byte {
	return bytes.Replace(document, []byte(`"id": "demo",`), fmt.Appendf(nil, `"id": "demo-%d",`, n), 1)
}
