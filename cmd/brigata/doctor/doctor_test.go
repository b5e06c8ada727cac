package doctor

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/brigata/brigata/actors/wire"
)

// only is the state of the one check that was made.
func only(t *testing.T, run func(tell func(Finding))) State {
	t.Helper()
	var all []Finding
	run(func(f Finding) { all = append(all, f) })
	if len(all) != 1 {
		t.Fatalf("%+v", all)
	}
	return sound(t, all[0])
}

// sound holds a finding to its form: what is not well says how to mend it.
func sound(t *testing.T, f Finding) State {
	t.Helper()
	if f.Check == "" || f.Found == "" || (f.State == OK) != (f.Mend == "") {
		t.Errorf("%+v", f)
	}
	return f.State
}

// Every judgement, well and not.
func TestJudgements(t *testing.T) {
	for _, x := range []struct {
		f    Finding
		want State
	}{
		{room(freeMin), OK}, {room(freeMin - 1), Warn},
		{openFiles(filesOK), OK}, {openFiles(1024), Warn},
		{kept(true, nil), OK}, {kept(false, nil), Warn}, {kept(false, errors.ErrUnsupported), Warn},
		{flushed("flush", time.Millisecond, "x"), OK}, {flushed("flush", 11*time.Millisecond, "x"), Warn}, {flushed("flush", time.Microsecond, "x"), Warn},
		{server(170000, "17.0"), OK}, {server(140009, "14.9"), Bad},
		{reads(wire.Format), OK}, {reads(wire.Format + 1), Warn},
		{apart(time.Millisecond), OK}, {apart(2 * time.Second), Warn},
	} {
		if got := sound(t, x.f); got != x.want {
			t.Errorf("%+v is %s", x.f, got)
		}
	}
}

func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	states := func(data string) map[string]State {
		m := map[string]State{}
		folder(Options{Data: data}, func(f Finding) { m[f.Check] = sound(t, f) })
		return m
	}
	if m := states(dir); m["data folder"] != OK || m["data folder's mode"] != "" {
		t.Error(m)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if m := states(dir); m["data folder's mode"] != Warn {
		t.Error(m)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v behind", left)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if m := states(filepath.Join(file, "data")); m["data folder"] != Bad {
		t.Error(m)
	}
}

func TestAddresses(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().String()
	node := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer node.Close()
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	for address, want := range map[string]State{"127.0.0.1:0": OK, "192.0.2.1:80": Bad, "nonsense": Bad, node.Listener.Addr().String(): Warn, other.Listener.Addr().String(): Bad} {
		if got := only(t, func(tell func(Finding)) { port(address, tell) }); got != want {
			t.Errorf("%s is %s", address, got)
		}
	}
	for address, want := range map[string]State{"127.0.0.1:0": OK, taken: Bad, "127.0.0.1": Bad, "127.0.0.1:x": Bad, "127.0.0.1:65536": Bad, "192.0.2.1:0": Bad} {
		if got := only(t, func(tell func(Finding)) { ports(Options{EdgeListen: address}, tell) }); got != want {
			t.Errorf("%s for boxes is %s", address, got)
		}
	}
	var found []State
	ports(Options{Gossip: "127.0.0.1:65534"}, func(f Finding) { found = append(found, sound(t, f)) })
	if len(found) != 3 || found[2] != Bad {
		t.Errorf("there is no third port: %v", found)
	}
}

func TestGossipKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	for text, want := range map[string]State{
		base64.StdEncoding.EncodeToString(make([]byte, 32)) + "\n": OK, base64.StdEncoding.EncodeToString(make([]byte, 20)): Bad, "no key": Bad, "": Bad,
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := only(t, func(tell func(Finding)) { gossipKey(file, tell) }); got != want {
			t.Errorf("%q is %s", text, got)
		}
	}
	if only(t, func(tell func(Finding)) { gossipKey(file+"x", tell) }) != Bad {
		t.Error("a key that is not there")
	}
}

// authority signs what a test wants.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T, name string) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	a.cert = &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(9, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	a.file, a.key = a.sign(name, a.cert)
	return a
}

// sign writes a certificate beside its key, which has ".key" after its name.
func (a *authority) sign(name string, c *x509.Certificate) (string, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	signer := a.key
	if signer == nil {
		signer = key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	file := filepath.Join(a.dir, name)
	for file, b := range map[string]*pem.Block{file: {Type: "CERTIFICATE", Bytes: der}, file + ".key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(b), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	return file, key
}

func TestCertificates(t *testing.T) {
	ours, theirs := newAuthority(t, "ours"), newAuthority(t, "theirs")
	both := []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	node := func(dns string, until time.Duration, usage ...x509.ExtKeyUsage) string {
		file, _ := ours.sign(strings.Join([]string{dns, until.String()}, "-")+string(rune('a'+len(usage))), &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: []string{dns},
			NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(until), KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: usage})
		return file
	}
	const year = 365 * 24 * time.Hour
	good, soon, late := node("brigata", year, both...), node("brigata", 24*time.Hour, both...), node("brigata", -time.Hour, both...)
	foreign, half := node("www", year, both...), node("brigata", year, both[:1]...)
	for name, x := range map[string]struct {
		ca, cert, key string
		want          State
	}{
		"a good one":        {ours.file, good, good + ".key", OK},
		"it ends soon":      {ours.file, soon, soon + ".key", Warn},
		"it has ended":      {ours.file, late, late + ".key", Bad},
		"another authority": {theirs.file, good, good + ".key", Bad},
		"another name":      {ours.file, foreign, foreign + ".key", Bad},
		"for servers alone": {ours.file, half, half + ".key", Bad},
		"another key":       {ours.file, good, ours.file + ".key", Bad},
		"no certificate":    {good + ".key", good, good + ".key", Bad},
		"no key":            {ours.file, good, "", Bad},
		"not there":         {ours.file, good + ".none", good + ".key", Bad},
	} {
		if got := only(t, func(tell func(Finding)) { certificates(Options{TLSCA: x.ca, TLSCert: x.cert, TLSKey: x.key}, tell) }); got != x.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}
