// Package release is how a model gets from who trained it to a box: a manifest that is
// signed, and the file that it names. Its promise: what Open returns was signed by a key
// that the box trusts, is whole, and fits the box. The signing key never needs to be on a
// box or on a node. The box, its hub and the commands import it.
package release

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/brigata/brigata/edge/model/features"
	"github.com/brigata/brigata/edge/model/fusion"
)

// Runtime counts upwards when models need what older boxes cannot do.
const Runtime = 1

// ManifestMax bounds a signed manifest, bytes.
const ManifestMax = 8 << 10

// Why a release is refused. The codes are those that boxes count by.
var (
	ErrManifest  = errors.New("malformed")
	ErrSignature = errors.New("signature") // of nobody that the box trusts
	ErrHash      = errors.New("hash")      // the file is another
	ErrSchema    = errors.New("schema")    // other features, or classes
	ErrRuntime   = errors.New("runtime")   // the box is too old
	ErrOld       = errors.New("downgrade") // not newer than what the box has
	ErrModel     = errors.New("model")     // the file is no model
)

// Manifest says what a model is.
type Manifest struct {
	Name       string             `json:"name"`
	Version    Version            `json:"version"`
	SHA256     string             `json:"sha256"` // of the file, hexadecimal
	Size       int                `json:"size"`   // of the file, bytes
	Schema     string             `json:"schema"`
	MinRuntime int                `json:"min_runtime"`
	Metrics    map[string]float64 `json:"metrics"` // by name, as its trainer has measured them
	At         time.Time          `json:"at"`
}

// String names the model as boxes tell it.
func (m *Manifest) String() string { return m.Name + "-" + m.Version.String() }

// signed is a manifest as it travels: the signature is of its very bytes.
type signed struct {
	Manifest  json.RawMessage `json:"manifest"`
	Signature []byte          `json:"signature"`
}

// Sign makes the signed manifest of a file, whose hash, size and schema it fills in.
func Sign(m Manifest, file []byte, key ed25519.PrivateKey) ([]byte, error) {
	if _, err := fusion.Decode(file); err != nil {
		return nil, err
	}
	if m.Name == "" || strings.ContainsAny(m.Name, "/ \n") || m.Version == (Version{}) {
		return nil, fmt.Errorf("%w: a release has a name, and a version above 0.0.0", ErrManifest)
	}
	m.SHA256, m.Size, m.Schema, m.MinRuntime = sum(file), len(file), features.Schema, Runtime
	text, err := json.Marshal(&m)
	if err != nil {
		return nil, err
	}
	return json.Marshal(&signed{text, ed25519.Sign(key, text)})
}

func sum(file []byte) string {
	h := sha256.Sum256(file)
	return hex.EncodeToString(h[:])
}

// Read reads a signed manifest that one of the keys has signed.
func Read(text []byte, trusted []ed25519.PublicKey) (*Manifest, error) {
	var s signed
	if len(text) > ManifestMax || json.Unmarshal(text, &s) != nil {
		return nil, ErrManifest
	}
	for _, key := range trusted {
		if len(key) == ed25519.PublicKeySize && ed25519.Verify(key, s.Manifest, s.Signature) {
			m := new(Manifest)
			if err := json.Unmarshal(s.Manifest, m); err != nil {
				return nil, ErrManifest
			}
			return m, nil
		}
	}
	return nil, ErrSignature
}

// Open checks a release against what the box trusts, is and has, and reads its net. The
// error is one of those above.
func Open(text, file []byte, trusted []ed25519.PublicKey, after Version) (*Manifest, *fusion.Net, error) {
	m, err := Read(text, trusted)
	switch {
	case err != nil:
		return nil, nil, err
	case m.Schema != features.Schema:
		return m, nil, ErrSchema
	case m.MinRuntime > Runtime:
		return m, nil, ErrRuntime
	case m.Version.Compare(after) <= 0:
		return m, nil, ErrOld
	case len(file) != m.Size || sum(file) != m.SHA256:
		return m, nil, ErrHash
	}
	net, err := fusion.Decode(file)
	if err != nil {
		return m, nil, ErrModel
	}
	if net.Classes != len(features.Classes) {
		return m, nil, ErrSchema
	}
	return m, net, nil
}

// Version is a semantic version, without what may follow the three numbers.
type Version [3]int

// ParseVersion reads one.
func ParseVersion(text string) (v Version, err error) {
	parts := strings.Split(text, ".")
	if len(parts) != len(v) {
		return v, fmt.Errorf("%w: version %q is not three numbers", ErrManifest, text)
	}
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 31)
		if err != nil || len(p) > 1 && p[0] == '0' {
			return Version{}, fmt.Errorf("%w: version %q is not three numbers", ErrManifest, text)
		}
		v[i] = int(n)
	}
	return v, nil
}

// Compare is below zero if v is older than o.
func (v Version) Compare(o Version) int {
	for i := range v {
		if v[i] != o[i] {
			return v[i] - o[i]
		}
	}
	return 0
}

func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2]) }

// MarshalText implements encoding.TextMarshaler.
func (v Version) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *Version) UnmarshalText(text []byte) (err error) {
	*v, err = ParseVersion(string(text))
	return err
}
