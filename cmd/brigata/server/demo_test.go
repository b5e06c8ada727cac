package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestFromHere(t *testing.T) {
	for _, c := range []struct {
		peer, host, header, value string
		want                      bool
	}{
		{"127.0.0.1:4000", "127.0.0.1:8080", "", "", true},
		{"[::1]:4000", "[::1]:8080", "", "", true},
		{"127.0.0.1:4000", "localhost:8080", "Sec-Fetch-Site", "same-origin", true},
		{"127.0.0.1:4000", "localhost", "Sec-Fetch-Site", "none", true},
		{"10.0.0.7:4000", "127.0.0.1:8080", "", "", false},
		{"127.0.0.1:4000", "rebound.example:8080", "", "", false},
		{"127.0.0.1:4000", "localhost.example:8080", "", "", false},
		{"127.0.0.1:4000", "127.0.0.1:8080", "X-Forwarded-For", "10.0.0.7", false},
		{"127.0.0.1:4000", "127.0.0.1:8080", "Sec-Fetch-Site", "cross-site", false},
		{"127.0.0.1:4000", "127.0.0.1:8080", "Sec-Fetch-Site", "same-site", false},
		{"", "127.0.0.1:8080", "", "", false},
	} {
		r := httptest.NewRequest("POST", "/v1/demo/login", nil)
		r.RemoteAddr, r.Host = c.peer, c.host
		if c.header != "" {
			r.Header.Set(c.header, c.value)
		}
		if got := fromHere(r); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestDemoLogins(t *testing.T) {
	n, err := Start(t.Context(), Options{Listen: "127.0.0.1:0", Data: t.TempDir(), Name: "n", Demo: true})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Stop()
	post := func(path, host, body string) int {
		t.Helper()
		r, _ := http.NewRequest("POST", n.URL()+path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		if host != "" {
			r.Host = host
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	for _, c := range []struct {
		host, body string
		want       int
	}{
		{"", `{"role":"kitchen"}`, 200}, {"", `{"role":"guest"}`, 400}, {"", `{`, 400}, {"evil.example", `{"role":"kitchen"}`, 404},
	} {
		if got := post("/v1/demo/login", c.host, c.body); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
	n.options.Demo = false
	if got := post("/v1/demo/login", "", `{"role":"kitchen"}`); got != 404 {
		t.Errorf("without demo data: %d", got)
	}
}
