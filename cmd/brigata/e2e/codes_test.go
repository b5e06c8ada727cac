package e2e

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

// scan reads the code in a picture, as a phone does.
func scan(t *testing.T, picture image.Image) string {
	t.Helper()
	b, err := gozxing.NewBinaryBitmapFromImage(picture)
	if err != nil {
		t.Fatal(err)
	}
	r, err := qrcode.NewQRCodeReader().Decode(b, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r.GetText()
}

// draw paints an SVG of ours: one path of rectangles on white.
func draw(t *testing.T, svg []byte) image.Image {
	t.Helper()
	var doc struct {
		ViewBox string `xml:"viewBox,attr"`
		Path    struct {
			D string `xml:"d,attr"`
		} `xml:"path"`
	}
	if err := xml.Unmarshal(svg, &doc); err != nil {
		t.Fatal(err)
	}
	const scale = 6
	var w, h int
	if _, err := fmt.Sscanf(doc.ViewBox, "0 0 %d %d", &w, &h); err != nil {
		t.Fatal(err)
	}
	picture := image.NewGray(image.Rect(0, 0, w*scale, h*scale))
	for i := range picture.Pix {
		picture.Pix[i] = 255
	}
	for part := range strings.SplitAfterSeq(doc.Path.D, "z") {
		if part == "" {
			continue
		}
		var x, y, right, left int
		if _, err := fmt.Sscanf(part, "M%d %dh%dv1h-%dz", &x, &y, &right, &left); err != nil || right != left {
			t.Fatalf("%q: %v", part, err)
		}
		for i := range right * scale {
			for j := range scale {
				picture.SetGray(x*scale+i, y*scale+j, color.Gray{})
			}
		}
	}
	return picture
}

// picture asks for a table's code in a format.
func (n *node) picture(t *testing.T, token, table, query string) (kind string, body []byte) {
	t.Helper()
	r, err := http.NewRequest("POST", n.url+"/v1/stores/demo/tables/"+table+"/qr?"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	if body, err = io.ReadAll(w.Body); err != nil || w.StatusCode != http.StatusOK {
		t.Fatalf("%v %s: %s", err, w.Status, body)
	}
	return w.Header.Get("Content-Type"), body
}

// TestTableCodes scans a table's code off its PNG and its SVG, and comes in with what it
// says: the token is good through a move and a merge, and dead once the table is cleared.
// A fresh code makes the printed one worthless.
func TestTableCodes(t *testing.T) {
	n, admin := opened(t, t.TempDir())
	waiter := n.hire(t, admin, "lin", "waiter", "")
	const base = "https://eat.example"
	kind, b := n.picture(t, waiter.Token, "T01", "format=png&base="+base)
	drawn, err := png.Decode(bytes.NewReader(b))
	if err != nil || kind != "image/png" {
		t.Fatal(kind, err)
	}
	link := scan(t, drawn)
	kind, b = n.picture(t, waiter.Token, "T01", "base="+base)
	if kind != "image/svg+xml" {
		t.Fatal(kind)
	}
	if other := scan(t, draw(t, b)); other != link {
		t.Fatalf("the PNG says %s, the SVG %s", link, other)
	}
	key, ok := strings.CutPrefix(link, base+"/t/")
	if !ok || len(key) < 20 {
		t.Fatal(link)
	}
	exchange := func(key string, into any) int {
		t.Helper()
		status, _ := rest(t, n, "", "POST", "/v1/guest", fmt.Sprintf(`{"qr":%q}`, key), into)
		return status
	}
	if status := exchange(key, nil); status != http.StatusConflict {
		t.Fatalf("before the table is opened: %d", status)
	}
	c := n.dial(waiter.Token, "tablet")
	must(t, send(t, c, "table.open", newID(), `{"table":"T01","guests":2}`))
	must(t, send(t, c, "table.open", newID(), `{"table":"T03","guests":2}`))
	var guest grant
	if status := exchange(key, &guest); status != http.StatusOK || guest.Table != "T01" {
		t.Fatalf("%d %+v", status, guest)
	}
	phone := n.dial(guest.Token, "phone")
	at := func(table string) {
		t.Helper()
		must(t, send(t, phone, "cart.set", newID(), fmt.Sprintf(`{"table":%q,"line":"1","dish":"mapo-tofu","qty":1}`, table)))
		again := n.dial(guest.Token, newID()) // and a page that is loaded again
		must(t, send(t, again, "table.call", newID(), fmt.Sprintf(`{"table":%q,"kind":"waiter"}`, table)))
		for _, other := range []string{"T01", "T02", "T03", "T04"} {
			if other != table {
				refused(t, send(t, phone, "table.call", newID(), fmt.Sprintf(`{"table":%q,"kind":"waiter"}`, other)), "forbidden")
			}
		}
	}
	at("T01")
	must(t, send(t, c, "table.move", newID(), `{"table":"T01","to":"T02"}`))
	at("T02")
	must(t, send(t, c, "table.merge", newID(), `{"table":"T02","to":"T03"}`))
	at("T03")
	must(t, send(t, c, "table.clear", newID(), `{"table":"T03"}`))
	refused(t, send(t, phone, "table.call", newID(), `{"table":"T03","kind":"waiter"}`), "closed")
	must(t, send(t, c, "table.clear", newID(), `{"table":"T03","clean":true}`))
	for _, table := range []string{"T01", "T02", "T03"} { // the next party's are not the last one's
		must(t, send(t, c, "table.open", newID(), fmt.Sprintf(`{"table":%q,"guests":2}`, table)))
		if m := send(t, phone, "table.call", newID(), fmt.Sprintf(`{"table":%q,"kind":"waiter"}`, table)); m.Err == nil {
			t.Errorf("a guest of the party before calls from %s", table)
		}
	}
	if status, _ := rest(t, n, guest.Token, "GET", "/v1/stores/demo/menu", "", nil); status != http.StatusUnauthorized {
		t.Errorf("its token reads: %d", status)
	}
	if status, _ := rest(t, n, "", "POST", "/v1/token/refresh", fmt.Sprintf(`{"refresh":%q}`, guest.Refresh), nil); status != http.StatusUnauthorized {
		t.Errorf("its token is renewed: %d", status)
	}
	late := dialRaw(t, n)
	if said, _ := late.says(fmt.Sprintf(`{"id":1,"auth":{"token":%q}}`, guest.Token)); !strings.Contains(said, `"unauthenticated"`) {
		t.Errorf("its token opens a socket: %s", said)
	}
	if code := late.closed(); code != 4500 {
		t.Errorf("closed with %d", code)
	}

	n.picture(t, waiter.Token, "T01", "rotate=true")
	if status := exchange(key, nil); status != http.StatusNotFound {
		t.Errorf("the code that was printed before: %d", status)
	}
	if status := exchange(n.code(t, waiter.Token, "T01"), nil); status != http.StatusOK {
		t.Errorf("the fresh code: %d", status)
	}
}
