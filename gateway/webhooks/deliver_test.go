package webhooks

import (
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/brigata/brigata/actors/wire"
)

func TestPublicAddresses(t *testing.T) {
	for _, s := range []string{"1.1.1.1", "8.8.8.8", "93.184.215.14", "172.15.255.255", "172.32.0.1", "2606:4700:4700::1111", "2a00:1450:4001:830::200e"} {
		if !public(netip.MustParseAddr(s)) {
			t.Errorf("%s is a public address", s)
		}
	}
	for _, s := range []string{
		"127.0.0.1", "127.9.9.9", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.127.255.255",
		"169.254.169.254", "169.254.0.1", "192.0.0.192", "192.0.2.1", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250",
		"240.0.0.1", "255.255.255.255", "192.88.99.1",
		"::", "::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "::127.0.0.1", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1",
		"fd00:ec2::254", "ff02::1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2001::1", "2001:db8::1", "100::1", "3fff::1", "5f00::1",
	} {
		if public(netip.MustParseAddr(s)) {
			t.Errorf("%s is no public address", s)
		}
	}
}

// The address that is connected to is looked at, however it is written, and whatever a
// redirect says.
func TestPrivateReceivers(t *testing.T) {
	reached := make(chan string, 16)
	inside := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { reached <- r.URL.Path }))
	defer inside.Close()
	_, port, _ := net.SplitHostPort(inside.Listener.Addr().String())
	post := func(private bool, url string) answer {
		d := &Driver{config: Config{Within: 5 * time.Second}, client: client(private, 5*time.Second)}
		defer d.client.CloseIdleConnections()
		return d.post(t.Context(), config{url: url, secret: "s"}, "id", below(wire.Trace{}), []byte("{}"))
	}
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]"} {
		a := post(false, "http://"+host+":"+port+"/secret")
		if a.outcome != failed || a.result() != "forbidden" && host != "[::1]" && host != "[::]" {
			t.Errorf("%s: %+v", host, a)
		}
	}
	select {
	case path := <-reached:
		t.Fatalf("%s was called", path)
	default:
	}
	if a := post(true, "http://127.0.0.1:"+port+"/allowed"); a.outcome != taken || <-reached != "/allowed" {
		t.Errorf("where it is allowed: %+v", a)
	}
	turned := httptest.NewServer(http.RedirectHandler(inside.URL+"/secret", http.StatusTemporaryRedirect))
	defer turned.Close()
	if a := post(true, turned.URL); a.outcome != failed || a.status != http.StatusTemporaryRedirect || len(reached) > 0 {
		t.Errorf("a redirect: %+v", a)
	}
	untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	untrusted.StartTLS()
	defer untrusted.Close()
	if a := post(true, untrusted.URL); a.outcome != failed || a.text != "the receiver's certificate is not good" {
		t.Errorf("a certificate of nobody's: %+v", a)
	}
	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	}))
	defer endless.Close()
	if a := post(true, endless.URL); a.outcome != taken {
		t.Errorf("an answer without end: %+v", a)
	}
}

func TestVerify(t *testing.T) {
	now := time.Unix(1_764_000_000, 0)
	body := []byte(`{"id":"demo.1.4"}`)
	good := Sign(now, body, "new", "old")
	for name, x := range map[string]struct {
		secret, header string
		body           []byte
		at             time.Time
		want           bool
	}{
		"the secret":            {"new", good, body, now, true},
		"the former secret":     {"old", good, body, now.Add(4 * time.Minute), true},
		"another secret":        {"other", good, body, now, false},
		"tampered":              {"new", good, []byte(`{"id":"demo.1.5"}`), now, false},
		"old":                   {"new", good, body, now.Add(6 * time.Minute), false},
		"from the future":       {"new", good, body, now.Add(-6 * time.Minute), false},
		"an old one, made anew": {"new", strings.Replace(good, "t=1764000000", "t=1764000300", 1), body, now.Add(5 * time.Minute), false},
		"empty":                 {"new", "", body, now, false},
		"only a time":           {"new", "t=1764000000", body, now, false},
		"no hex":                {"new", "t=1764000000,v1=zz", body, now, false},
		"an empty one":          {"new", "t=1764000000,v1=", body, now, false},
	} {
		if got := Verify(x.secret, x.header, x.body, x.at); got != x.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// The page for receivers shows the code that is tested here.
func TestDocumentedVerifier(t *testing.T) {
	source, err := os.ReadFile("verify.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/webhooks.md")
	if err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(string(source), "func Verify(")
	if !strings.Contains(string(page), "func Verify("+code) {
		t.Error("docs/webhooks.md shows another Verify than verify.go")
	}
}
