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
	"sync/atomic"
	"time"
)

// Keys signs with one Ed25519 key and verifies with that and all trusted ones. It knows
// what the roles may do and which tokens were voided.
type Keys struct {
	file        string // "" for a key that is nowhere kept
	roles       atomic.Pointer[roleTable]
	revocations atomic.Pointer[revocations]

	mu      sync.RWMutex
	id      string
	private ed25519.PrivateKey
	public  map[string]ed25519.PublicKey // by kid
	known   map[string]*Principal        // whose tokens were verified, by token
	unknown func()                       // looks for keys that are not here
	looked  time.Time                    // when it last did
}

// knownMax bounds the memory of verified tokens: an Ed25519 verification costs as much as
// serving a menu many times over.
const knownMax = 20_000

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
	return newKeys(private, file), nil
}

// createKeys never overwrites: of two processes that start at once, the second one
// reads what the first has made.
func createKeys(file string) (*Keys, error) {
	private, temp, err := writeKey(file)
	if err != nil {
		return nil, err
	}
	defer os.Remove(temp)
	if err := os.Link(temp, file); errors.Is(err, fs.ErrExist) {
		return LoadKeys(file)
	} else if err != nil {
		return nil, fmt.Errorf("create the signing key: %w", err)
	}
	return newKeys(private, file), nil
}

// writeKey leaves a fresh key in a file beside the given one, for its owner alone.
func writeKey(file string) (private ed25519.PrivateKey, temp string, err error) {
	_, private, err = ed25519.GenerateKey(nil)
	if err != nil {
		return nil, "", err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, "", err
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".key-*") // CreateTemp's mode is 0600
	if err != nil {
		return nil, "", fmt.Errorf("create the signing key: %w", err)
	}
	err = pem.Encode(f, &pem.Block{Type: pemType, Bytes: der})
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		os.Remove(f.Name())
		return nil, "", fmt.Errorf("write the signing key: %w", err)
	}
	return private, f.Name(), nil
}

// replace makes a fresh key and signs with it from now on.
func (k *Keys) replace() error {
	var private ed25519.PrivateKey
	if k.file == "" {
		_, fresh, err := ed25519.GenerateKey(nil)
		if err != nil {
			return err
		}
		private = fresh
	} else {
		fresh, temp, err := writeKey(k.file)
		if err != nil {
			return err
		}
		if err := os.Rename(temp, k.file); err != nil {
			os.Remove(temp)
			return fmt.Errorf("replace the signing key: %w", err)
		}
		private = fresh
	}
	public := private.Public().(ed25519.PublicKey)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.id, k.private = keyID(public), private
	k.public[k.id] = public
	return nil
}

// NewKeys signs with the given key.
func NewKeys(private ed25519.PrivateKey) *Keys { return newKeys(private, "") }

func newKeys(private ed25519.PrivateKey, file string) *Keys {
	k := &Keys{file: file, private: private, public: map[string]ed25519.PublicKey{}, known: map[string]*Principal{}}
	k.roles.Store(&builtIn)
	k.id = k.Trust(private.Public().(ed25519.PublicKey))
	return k
}

// keyID names a public key after itself.
func keyID(public ed25519.PublicKey) string {
	sum := sha256.Sum256(public)
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}

// Trust verifies with another node's public key as well, and returns its kid.
func (k *Keys) Trust(public ed25519.PublicKey) string {
	id := keyID(public)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.public[id] = public
	return id
}

// TrustOnly verifies with our own key and these, and with no other any more.
func (k *Keys) TrustOnly(all []ed25519.PublicKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	trusted := map[string]ed25519.PublicKey{k.id: k.private.Public().(ed25519.PublicKey)}
	for _, public := range all {
		trusted[keyID(public)] = public
	}
	for id := range k.public {
		if trusted[id] == nil {
			clear(k.known) // some were signed with it
		}
	}
	k.public = trusted
}

func (k *Keys) own() (kid string, public ed25519.PublicKey) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.id, k.public[k.id]
}

func (k *Keys) find(kid string) (ed25519.PublicKey, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	p, ok := k.public[kid]
	return p, ok
}

// onUnknown calls look when a token names a key that is not known, once a second at most.
func (k *Keys) onUnknown(look func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.unknown = look
}

func (k *Keys) look() {
	k.mu.Lock()
	look := k.unknown
	if look == nil || time.Since(k.looked) < time.Second {
		k.mu.Unlock()
		return
	}
	k.looked = time.Now()
	k.mu.Unlock()
	look()
}

// remembered returns whose token it is, if it was verified before.
func (k *Keys) remembered(token string) *Principal {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.known[token]
}

func (k *Keys) remember(token string, p *Principal) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.known) >= knownMax {
		clear(k.known)
	}
	k.known[token] = p
}

func (k *Keys) setRoles(t roleTable) { k.roles.Store(&t) }
