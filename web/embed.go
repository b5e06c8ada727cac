// Package web is the browser's side of Brigata: five apps and a start page, built by
// Vite into dist and embedded. Its one promise: what a browser gets is one build, whole
// and from memory. A committed dist/.gitkeep (Vite copies it from public at every build)
// keeps `go build` working where the apps have not been built. cmd serves it.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"regexp"
	"strings"
)

//go:embed all:dist
var dist embed.FS

// policyHead lets pages load only what this server sends.
const policyHead = "default-src 'none'; style-src 'self'; img-src 'self' data: blob:; manifest-src 'self'; worker-src 'self'; " +
	"font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// ownScript finds the scripts that stand in a page itself.
var ownScript = regexp.MustCompile(`(?s)<script>(.*?)</script>`)

// policyOf lets a page run what this server sends, and of scripts in pages its own; a
// guest's page also Stripe's card form, which runs in frames of its own.
func policyOf(p string, b []byte) string {
	scripts := " 'self'"
	if path.Ext(p) == ".html" {
		for _, own := range ownScript.FindAllSubmatch(b, -1) {
			sum := sha256.Sum256(own[1])
			scripts += " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
		}
	}
	if p != "guest.html" {
		return policyHead + "; script-src" + scripts + "; connect-src 'self'"
	}
	return policyHead + "; script-src" + scripts + " https://js.stripe.com; connect-src 'self' https://api.stripe.com; " +
		"frame-src https://js.stripe.com https://hooks.stripe.com"
}

// pages are the apps by the first segment of their path; what follows it is the app's.
var pages = map[string]string{
	"": "index.html", "t": "guest.html", "waiter": "waiter.html", "kitchen": "kitchen.html",
	"dispatch": "dispatch.html", "ops": "ops.html",
}

type asset struct {
	plain, zipped    []byte // zipped is nil where it saves nothing
	kind, tag, cache string
	policy           string
}

// Handler serves the embedded build; every other path is next's.
func Handler(next http.Handler) http.Handler {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the folder is embedded
	}
	return handler(files, next)
}

func handler(files fs.FS, next http.Handler) http.Handler {
	assets := load(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, page := target(r.URL.Path)
		a := assets[name]
		switch {
		case page && a == nil:
			notBuilt(w)
		case a == nil:
			next.ServeHTTP(w, r)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		default:
			a.serve(w, r)
		}
	})
}

// target returns the file that a path asks for, and whether it is an app's page.
func target(p string) (name string, page bool) {
	p = strings.TrimPrefix(p, "/")
	first, rest, _ := strings.Cut(p, "/")
	if name, ok := pages[first]; ok && (first != "" || rest == "") {
		return name, true
	}
	return p, false
}

func load(files fs.FS) map[string]*asset {
	all := map[string]*asset{}
	err := fs.WalkDir(files, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Base(p)[0] == '.' {
			return err
		}
		b, err := fs.ReadFile(files, p)
		if err != nil {
			return err
		}
		all[p] = newAsset(p, b)
		return nil
	})
	if err != nil {
		panic(err) // it is read from memory
	}
	return all
}

var kinds = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".webmanifest": "application/manifest+json", ".svg": "image/svg+xml", ".json": "application/json",
}

func newAsset(p string, b []byte) *asset {
	sum := sha256.Sum256(b)
	a := &asset{plain: b, tag: `"` + hex.EncodeToString(sum[:8]) + `"`, cache: "no-cache", policy: policyOf(p, b)}
	if a.kind = kinds[path.Ext(p)]; a.kind == "" {
		a.kind = mime.TypeByExtension(path.Ext(p))
	}
	if strings.HasPrefix(p, "assets/") { // named by their content
		a.cache = "public, max-age=31536000, immutable"
	}
	var z bytes.Buffer
	w, _ := gzip.NewWriterLevel(&z, gzip.BestCompression) // the level is valid
	w.Write(b)                                            // to memory
	w.Close()
	if z.Len() < len(b)*9/10 {
		a.zipped = z.Bytes()
	}
	return a
}

func (a *asset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", a.policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer") // a guest's path is a key
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", a.cache)
	h.Set("ETag", a.tag)
	h.Set("Vary", "Accept-Encoding")
	for _, have := range strings.Split(r.Header.Get("If-None-Match"), ",") {
		if strings.TrimPrefix(strings.TrimSpace(have), "W/") == a.tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	h.Set("Content-Type", a.kind)
	b := a.plain
	if a.zipped != nil && acceptsGzip(r.Header.Get("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		b = a.zipped
	}
	if r.Method == http.MethodGet {
		w.Write(b)
	}
}

// acceptsGzip reads an Accept-Encoding header; gzip with a weight of zero is a no.
func acceptsGzip(header string) bool {
	for _, one := range strings.Split(header, ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(one), ";")
		if strings.TrimSpace(name) == "gzip" {
			weight = strings.TrimPrefix(strings.ReplaceAll(weight, " ", ""), "q=")
			return strings.Trim(weight, "0.") != "" || weight == ""
		}
	}
	return false
}

func notBuilt(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusServiceUnavailable)
	io.WriteString(w, "UI not built: run make ui\n")
}
