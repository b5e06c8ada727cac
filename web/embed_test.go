package web

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

var built = fstest.MapFS{
	"index.html":      {Data: []byte("<html>start</html>")},
	"guest.html":      {Data: []byte("<html><script>alert('Hello, world.');</script>guest</html>")},
	"kitchen.html":    {Data: []byte(strings.Repeat("<html>kitchen</html>", 100))},
	"assets/a-123.js": {Data: []byte(strings.Repeat("let a=1;", 100))},
	"sw.js":           {Data: []byte("self.x=1")},
	".gitkeep":        {},
}

func get(t *testing.T, h http.Handler, method, path string, headers ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func text(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPaths(t *testing.T) {
	h := handler(built, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "next") }))
	for path, want := range map[string]string{
		"/": "start", "/t/abc": "guest", "/t/abc/": "guest", "/kitchen": "kitchen", "/kitchen/wok": "kitchen", "/sw.js": "self.x",
		"/v1/ws": "next", "/healthz": "next", "/assets/gone.js": "next", "/.gitkeep": "next", "/tables": "next", "/../sw.js": "next",
	} {
		if got := text(t, get(t, h, "GET", path)); !strings.Contains(got, want) {
			t.Errorf("%s: %.40q, want %q", path, got, want)
		}
	}
	if r := get(t, h, "POST", "/kitchen"); r.StatusCode != http.StatusMethodNotAllowed {
		t.Error(r.Status)
	}
}

func TestNotBuilt(t *testing.T) {
	r := get(t, handler(fstest.MapFS{".gitkeep": {}}, http.NotFoundHandler()), "GET", "/kitchen")
	if got := text(t, r); r.StatusCode != http.StatusServiceUnavailable || !strings.Contains(got, "make ui") {
		t.Error(r.Status, got)
	}
}

func TestHeaders(t *testing.T) {
	h := handler(built, http.NotFoundHandler())
	page, script := get(t, h, "GET", "/kitchen"), get(t, h, "GET", "/assets/a-123.js", "Accept-Encoding", "br, gzip")
	if c := page.Header.Get("Cache-Control"); c != "no-cache" {
		t.Error(c)
	}
	if c := script.Header.Get("Cache-Control"); !strings.Contains(c, "immutable") {
		t.Error(c)
	}
	if c := page.Header.Get("Content-Security-Policy"); !strings.HasPrefix(c, "default-src 'none'") || strings.Contains(c, "unsafe") {
		t.Error(c)
	}
	guest := get(t, h, "GET", "/t/abc").Header.Get("Content-Security-Policy")
	// The hash is the one of the specification's own example.
	if !strings.Contains(guest, "script-src 'self' 'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng=' https://js.stripe.com;") || strings.Contains(guest, "unsafe") || strings.Contains(page.Header.Get("Content-Security-Policy"), "stripe") {
		t.Error(guest)
	}
	if page.Header.Get("Content-Encoding") != "" || script.Header.Get("Content-Encoding") != "gzip" {
		t.Error("only who accepts gzip gets it")
	}
	z, err := gzip.NewReader(script.Body)
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := io.ReadAll(z); string(b) != string(built["assets/a-123.js"].Data) {
		t.Errorf("%s", b)
	}
	tag := page.Header.Get("ETag")
	for _, have := range []string{tag, "W/" + tag, `"x", ` + tag} {
		if r := get(t, h, "GET", "/kitchen", "If-None-Match", have); r.StatusCode != http.StatusNotModified || text(t, r) != "" {
			t.Error(have, r.Status)
		}
	}
	if r := get(t, h, "HEAD", "/kitchen"); r.StatusCode != 200 || text(t, r) != "" {
		t.Error(r.Status)
	}
}

func TestAcceptsGzip(t *testing.T) {
	for header, want := range map[string]bool{
		"": false, "gzip": true, "br;q=1, gzip;q=0.5": true, "gzip;q=0": false, "gzip; q=0.0": false, "deflate": false,
	} {
		if acceptsGzip(header) != want {
			t.Errorf("%q", header)
		}
	}
}
