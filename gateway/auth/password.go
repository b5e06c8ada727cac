package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/brigata/brigata/actors/refusal"
)

// Cost of a hash: OWASP's second choice for argon2id.
const (
	hashKiB    = 19 << 10
	hashTimes  = 2
	hashLanes  = 1
	hashBytes  = 32
	saltBytes  = 16
	hashQueue  = 32 // logins that may wait for their turn
	hashWithin = 3 * time.Second

	passwordMin, passwordMax = 8, 200
	pinMin, pinMax           = 4, 8
)

var errHashing = &refusal.Refusal{Code: refusal.Overloaded, Message: "Too many people are logging in",
	Fields: refusal.Fields{What: "node"}, AfterMS: 2000}

// hasher bounds the memory and CPU of logins: few hashes at once, and few that wait.
type hasher struct {
	slots   chan struct{}
	waiting atomic.Int64
}

func newHasher() *hasher {
	return &hasher{slots: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))}
}

func (h *hasher) hash(ctx context.Context, secret string, salt []byte) ([]byte, error) {
	defer h.waiting.Add(-1)
	if h.waiting.Add(1) > hashQueue {
		return nil, errHashing
	}
	timer := time.NewTimer(hashWithin)
	defer timer.Stop()
	select {
	case h.slots <- struct{}{}:
	case <-timer.C:
		return nil, errHashing
	case <-ctx.Done():
		return nil, errHashing
	}
	defer func() { <-h.slots }()
	return argon2.IDKey([]byte(secret), salt, hashTimes, hashKiB, hashLanes, hashBytes), nil
}

const hashForm = "$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s"

// password hashes a new password.
func (h *hasher) password(ctx context.Context, secret string) (string, error) {
	salt := make([]byte, saltBytes)
	rand.Read(salt) // never fails
	sum, err := h.hash(ctx, secret, salt)
	if err != nil {
		return "", err
	}
	e := base64.RawStdEncoding
	return fmt.Sprintf(hashForm, argon2.Version, hashKiB, hashTimes, hashLanes, e.EncodeToString(salt), e.EncodeToString(sum)), nil
}

// nobodysHash takes as long to compare as anybody's: how fast a login is refused does
// not tell whether there is such a user.
var nobodysHash = fmt.Sprintf(hashForm, argon2.Version, hashKiB, hashTimes, hashLanes,
	strings.Repeat("A", 22), strings.Repeat("A", 43))

// matches compares a password with a stored hash.
func (h *hasher) matches(ctx context.Context, secret, stored string) (bool, error) {
	known := stored != ""
	if !known {
		stored = nobodysHash
	}
	parts := strings.Split(stored, "$")
	if len(parts) != 6 {
		return false, fmt.Errorf("a stored password has %d parts", len(parts))
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false, fmt.Errorf("a stored password's salt: %w", err)
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil {
		return false, fmt.Errorf("a stored password's hash: %w", err)
	}
	got, err := h.hash(ctx, secret, salt)
	return known && subtle.ConstantTimeCompare(got, want) == 1, err
}

// pin hashes a PIN so that its owner can be found by it: all PINs of an installation
// have one salt. A PIN's strength is the lock-out's, not the hash's.
func (h *hasher) pin(ctx context.Context, pin, salt string) (string, error) {
	sum, err := h.hash(ctx, pin, []byte(salt))
	return base64.RawStdEncoding.EncodeToString(sum), err
}

func checkPassword(at, p string) *refusal.Fault {
	least, most := int64(passwordMin), int64(passwordMax)
	if n := len(p); n < passwordMin || n > passwordMax {
		return &refusal.Fault{At: at, Reason: "length", Min: &least, Max: &most}
	}
	return nil
}

func checkPIN(p string) *refusal.Fault {
	least, most := int64(pinMin), int64(pinMax)
	if n := len(p); n < pinMin || n > pinMax || strings.Trim(p, "0123456789") != "" {
		return &refusal.Fault{At: "/pin", Reason: "length", Min: &least, Max: &most}
	}
	return nil
}
