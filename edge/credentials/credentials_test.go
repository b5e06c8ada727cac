package credentials

import (
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAuthorityIsTheSameEverywhere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "boxes.pem")
	a, err := LoadAuthority(file)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := os.Stat(file); err != nil || s.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", s.Mode(), err)
	}
	b, err := LoadAuthority(file) // another node, or another start
	if err != nil {
		t.Fatal(err)
	}
	x, _ := a.StoreUser("s1")
	y, _ := b.StoreUser("s1")
	z, _ := b.StoreUser("s2")
	if x == "" || x != y || x == z {
		t.Errorf("%s %s %s", x, y, z)
	}
	c, err := a.Mint("s1", "box-1", []string{"127.0.0.1:7422"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for _, hub := range []*Authority{a, b} {
		if err := handshake(hub, c); err != nil {
			t.Error(err)
		}
	}
	other, err := LoadAuthority(filepath.Join(t.TempDir(), "others.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if handshake(other, c) == nil {
		t.Error("another authority's hub was believed")
	}
}

// handshake has a box and a hub greet each other.
func handshake(a *Authority, c *Credentials) error {
	server, err := a.HubTLS()
	if err != nil {
		return err
	}
	client, err := c.TLS()
	if err != nil {
		return err
	}
	x, y := net.Pipe()
	defer x.Close()
	defer y.Close()
	got := make(chan error, 1)
	go func() { got <- tls.Server(x, server).Handshake() }()
	if err := tls.Client(y, client).Handshake(); err != nil {
		x.Close()
		<-got
		return err
	}
	return <-got
}

func TestFilesAreChecked(t *testing.T) {
	dir := t.TempDir()
	a, err := LoadAuthority(filepath.Join(dir, "a.pem"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := a.Mint("s1", "box-1", []string{"hub:7422"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "box.json")
	if err := c.Write(file); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := Read(file); err != nil || back.Seed != c.Seed {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{"store": {`"s1"`, `"s 1"`}, "hub": {"hub:7422", "hub"}, "nkey": {c.Seed, "SUAX"}, "json": {"{", ""},
		"cert": {"-----BEGIN CERTIFICATE", "-----BEGIN RUBBISH"}} {
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(good), change[0], change[1])), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(file); err == nil || strings.Contains(err.Error(), c.Seed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Read(filepath.Join(dir, "none")); err == nil {
		t.Error("no file")
	}
	half, _ := os.ReadFile(filepath.Join(dir, "a.pem"))
	for _, b := range [][]byte{nil, []byte("x"), half[:len(half)/2]} {
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadAuthority(file); err == nil {
			t.Errorf("%d bytes of an authority", len(b))
		}
	}
}
