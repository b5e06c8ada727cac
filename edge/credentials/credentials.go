// Package credentials makes and reads what lets a box in a store link to the nodes: a
// certificate of its own and its store's nkey. Its promise: a node needs no list of
// boxes. All of it derives from one authority, a file that every node of a cluster has,
// so whatever a node mints, each of them takes.
package credentials

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/brigata/brigata/actors/menu"
)

// Authority signs certificates and derives the stores' keys.
type Authority struct {
	cert *x509.Certificate
	der  []byte
	key  *ecdsa.PrivateKey
}

const authorityFor = 20 * 365 * 24 * time.Hour

// LoadAuthority reads the authority's file, and makes it when it is not there.
func LoadAuthority(file string) (*Authority, error) {
	b, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return newAuthority(file)
	}
	if err != nil {
		return nil, fmt.Errorf("the authority of the boxes: %w", err)
	}
	a, err := parseAuthority(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return a, nil
}

func parseAuthority(b []byte) (*Authority, error) {
	cert, rest := pem.Decode(b)
	if cert == nil || cert.Type != "CERTIFICATE" {
		return nil, errors.New("no certificate")
	}
	key, _ := pem.Decode(rest)
	if key == nil || key.Type != "PRIVATE KEY" {
		return nil, errors.New("no private key")
	}
	a := &Authority{der: cert.Bytes}
	var err error
	if a.cert, err = x509.ParseCertificate(cert.Bytes); err != nil {
		return nil, err
	}
	k, err := x509.ParsePKCS8PrivateKey(key.Bytes)
	if err != nil {
		return nil, err
	}
	var ok bool
	if a.key, ok = k.(*ecdsa.PrivateKey); !ok || !a.cert.IsCA || !a.key.PublicKey.Equal(a.cert.PublicKey) {
		return nil, errors.New("key and certificate are not an authority's")
	}
	return a, nil
}

func newAuthority(file string) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	ca := &x509.Certificate{SerialNumber: serial(), Subject: pkix.Name{CommonName: "Brigata boxes"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(authorityFor), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, MaxPathLenZero: true}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	b, err := keyPEM(key)
	if err != nil {
		return nil, err
	}
	b = append(certPEM(der), b...)
	if err := writeNew(file, b); err != nil {
		return nil, err
	}
	return parseAuthority(b)
}

// writeNew writes a file that must not be half there.
func writeNew(file string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	err = errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}

func serial() *big.Int {
	n, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	return n
}

func certPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func keyPEM(k *ecdsa.PrivateKey) ([]byte, error) {
	b, err := x509.MarshalPKCS8PrivateKey(k)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: b}), err
}

// serverName is what every node's certificate says, and every box expects: a box trusts
// whoever the authority has made a node, at whatever address.
const serverName = "hub.brigata"

// issue signs a certificate for a node or a box.
func (a *Authority) issue(name string, usage x509.ExtKeyUsage, dns []string, within time.Duration) (cert, key []byte, err error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	c := &x509.Certificate{SerialNumber: serial(), Subject: pkix.Name{CommonName: name}, DNSNames: dns, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(within), KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{usage}}
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, &k.PublicKey, a.key)
	if err != nil {
		return nil, nil, err
	}
	b, err := keyPEM(k)
	return certPEM(der), b, err
}

// HubTLS is a node's side of a link: it wants a certificate of the authority's from
// whoever comes.
func (a *Authority) HubTLS() (*tls.Config, error) {
	cert, key, err := a.issue("hub", x509.ExtKeyUsageServerAuth, []string{serverName}, authorityFor)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13}, nil
}

// storeKey derives a store's nkey.
func (a *Authority) storeKey(store string) (nkeys.KeyPair, error) {
	secret, err := a.key.Bytes()
	if err != nil {
		return nil, err
	}
	seed, err := hkdf.Key(sha256.New, secret, nil, "brigata edge store "+store, 32)
	if err != nil {
		return nil, err
	}
	return nkeys.FromRawSeed(nkeys.PrefixByteUser, seed)
}

// StoreUser is the public nkey with which boxes of the store come.
func (a *Authority) StoreUser(store string) (string, error) {
	k, err := a.storeKey(store)
	if err != nil {
		return "", err
	}
	return k.PublicKey()
}

// Credentials are a box's: they name its store, and nothing else can be reached with them.
type Credentials struct {
	Store string   `json:"store"`
	Name  string   `json:"name"` // of the box
	Hubs  []string `json:"hubs"` // host:port of the nodes' listeners for boxes
	Seed  string   `json:"nkey_seed"`
	Cert  string   `json:"cert"`
	Key   string   `json:"key"`
	CA    string   `json:"ca"`
}

// Mint makes credentials that hold for so long.
func (a *Authority) Mint(store, name string, hubs []string, within time.Duration) (*Credentials, error) {
	k, err := a.storeKey(store)
	if err != nil {
		return nil, err
	}
	seed, err := k.Seed()
	if err != nil {
		return nil, err
	}
	cert, key, err := a.issue(store+"/"+name, x509.ExtKeyUsageClientAuth, nil, within)
	if err != nil {
		return nil, err
	}
	c := &Credentials{Store: store, Name: name, Hubs: hubs, Seed: string(seed), Cert: string(cert), Key: string(key), CA: string(certPEM(a.der))}
	return c, c.Validate()
}

// Read reads credentials from a file.
func Read(file string) (*Credentials, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("credentials: %w", err)
	}
	c := new(Credentials)
	if err := json.Unmarshal(b, c); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return c, nil
}

// Write puts credentials into a file that only its owner can read.
func (c *Credentials) Write(file string) error {
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return writeNew(file, append(b, '\n'))
}

// Validate says what is wrong with credentials, if anything.
func (c *Credentials) Validate() error {
	if !menu.IsName(c.Store) || !menu.IsName(c.Name) {
		return errors.New("store and name of a box are letters, digits, - and _")
	}
	if len(c.Hubs) == 0 {
		return errors.New("credentials name no hub")
	}
	for _, h := range c.Hubs {
		if _, _, err := net.SplitHostPort(h); err != nil {
			return fmt.Errorf("hub %q: %w", h, err)
		}
	}
	if _, err := nkeys.FromSeed([]byte(c.Seed)); err != nil {
		return fmt.Errorf("nkey: %w", err)
	}
	_, err := c.TLS()
	return err
}

// TLS is the box's side of a link.
func (c *Credentials) TLS() (*tls.Config, error) {
	pair, err := tls.X509KeyPair([]byte(c.Cert), []byte(c.Key))
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(c.CA)) {
		return nil, errors.New("no certificate of the authority")
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: pool, ServerName: serverName, MinVersion: tls.VersionTLS13}, nil
}
