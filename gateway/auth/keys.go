package auth

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// Keys signs with one Ed25519 key and verifies with that and all trusted ones.
type Keys struct {
	id      string
	private ed25519.PrivateKey

	mu     sync.RWMutex
	public map[string]ed25519.PublicKey // by kid
}

const pemType = "PRIVATE KEY"

// LoadKeys reads the signing key from a PEM file (PKCS #8). If there is none, it makes
// one that only its owner can read.
func LoadKeys(file string) (*Keys, error) {
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return createKeys(file)
	}
	if err != nil {
		return nil, fmt.Errorf("read the signing key: %w", err)
	}
	block, _ := pem.Decode(b)
	if block == nil || block.Type != pemType {
		return nil, fmt.Errorf("%s holds no PEM private key", file)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", file, err)
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s holds a %T, not an Ed25519 key", file, key)
	}
	return NewKeys(private), nil
}

// createKeys never overwrites: of two processes that start at once, the second one
// reads what the first has made.
func createKeys(file string) (*Keys, error) {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	temp, err := os.CreateTemp(filepath.Dir(file), ".key-*") // CreateTemp's mode is 0600
	if err != nil {
		return nil, fmt.Errorf("create the signing key: %w", err)
	}
	defer os.Remove(temp.Name())
	err = pem.Encode(temp, &pem.Block{Type: pemType, Bytes: der})
	err = errors.Join(err, temp.Sync(), temp.Close())
	if err != nil {
		return nil, fmt.Errorf("write the signing key: %w", err)
	}
	if err := os.Link(temp.Name(), file); errors.Is(err, fs.ErrExist) {
		return LoadKeys(file)
	} else if err != nil {
		return nil, fmt.Errorf("create the signing key: %w", err)
	}
	return NewKeys(private), nil
}

// NewKeys signs with the given key.
func NewKeys(private ed25519.PrivateKey) *Keys {
	k := &Keys{private: private, public: map[string]ed25519.PublicKey{}}
	k.id = k.Trust(private.Public().(ed25519.PublicKey))
	return k
}

// Trust verifies with another node's public key as well, and returns its kid.
func (k *Keys) Trust(public ed25519.PublicKey) string {
	sum := sha256.Sum256(public)
	id := base64.RawURLEncoding.EncodeToString(sum[:9])
	k.mu.Lock()
	defer k.mu.Unlock()
	k.public[id] = public
	return id
}

func (k *Keys) find(kid string) (ed25519.PublicKey, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	p, ok := k.public[kid]
	return p, ok
}
