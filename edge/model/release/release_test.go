package release

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/brigata/brigata/edge/model/features"
	"github.com/brigata/brigata/edge/model/fusion"
)

func key(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

func file(t *testing.T, classes int) []byte {
	t.Helper()
	n, err := fusion.New(fusion.Shape{Width: 4, Layers: 1, Heads: 1, Head: 4, Hidden: 4, Classes: classes}, 1)
	if err != nil {
		t.Fatal(err)
	}
	return n.Encode(true)
}

// resigned changes a manifest in a way that Sign would not, and signs it well.
func resigned(t *testing.T, text []byte, change func(*Manifest)) []byte {
	t.Helper()
	var s signed
	var m Manifest
	if err := errors.Join(json.Unmarshal(text, &s), json.Unmarshal(s.Manifest, &m)); err != nil {
		t.Fatal(err)
	}
	change(&m)
	s.Manifest, _ = json.Marshal(&m)
	s.Signature = ed25519.Sign(key(1), s.Manifest)
	text, _ = json.Marshal(&s)
	return text
}

func TestWhatIsNotAsItWasSignedIsRefused(t *testing.T) {
	model := file(t, len(features.Classes))
	text, err := Sign(Manifest{Name: "fused", Version: Version{1, 2, 0}, Metrics: map[string]float64{"accuracy": 0.9}}, model, key(1))
	if err != nil {
		t.Fatal(err)
	}
	trusted := []ed25519.PublicKey{key(7).Public().(ed25519.PublicKey), key(1).Public().(ed25519.PublicKey)}
	m, net, err := Open(text, model, trusted, Version{1, 1, 9})
	if err != nil || net == nil || m.String() != "fused-1.2.0" || m.Metrics["accuracy"] != 0.9 {
		t.Fatalf("%v, %v", m, err)
	}
	damaged := slices.Clone(model)
	damaged[len(damaged)-1] ^= 1
	few := file(t, 2)
	fewText, err := Sign(Manifest{Name: "few", Version: Version{2, 0, 0}}, few, key(1))
	if err != nil {
		t.Fatal(err)
	}
	junk := []byte("no model")
	for _, c := range []struct {
		name       string
		text, file []byte
		after      Version
		want       error
	}{
		{"another's key", text, model, Version{}, ErrSignature},
		{"another version in the manifest", bytes.Replace(text, []byte("1.2.0"), []byte("9.2.0"), 1), model, Version{}, ErrSignature},
		{"no manifest", []byte("{"), model, Version{}, ErrManifest},
		{"too long", append(slices.Clone(text), make([]byte, ManifestMax)...), model, Version{}, ErrManifest},
		{"another file", text, damaged, Version{}, ErrHash},
		{"the same again", text, model, Version{1, 2, 0}, ErrOld},
		{"a downgrade", text, model, Version{1, 10, 0}, ErrOld},
		{"another schema", resigned(t, text, func(m *Manifest) { m.Schema = "unit-0" }), model, Version{}, ErrSchema},
		{"for newer boxes", resigned(t, text, func(m *Manifest) { m.MinRuntime = Runtime + 1 }), model, Version{}, ErrRuntime},
		{"other classes", fewText, few, Version{}, ErrSchema},
		{"no model", resigned(t, text, func(m *Manifest) { m.SHA256, m.Size = sum(junk), len(junk) }), junk, Version{}, ErrModel},
	} {
		by := trusted
		if c.name == "another's key" {
			by = trusted[:1]
		}
		if _, net, err := Open(c.text, c.file, by, c.after); !errors.Is(err, c.want) || net != nil {
			t.Errorf("%s: %v, not %v", c.name, err, c.want)
		}
	}
	if _, err := Sign(Manifest{Name: "x", Version: Version{1, 0, 0}}, junk, key(1)); !errors.Is(err, fusion.ErrFile) {
		t.Errorf("what is no model is signed: %v", err)
	}
}

func TestVersions(t *testing.T) {
	for _, bad := range []string{"", "1", "1.2", "1.2.3.4", "1.2.x", "-1.0.0", "01.0.0", "1.2.99999999999"} {
		if v, err := ParseVersion(bad); !errors.Is(err, ErrManifest) {
			t.Errorf("%q is taken as %v: %v", bad, v, err)
		}
	}
	order := []string{"0.0.1", "0.1.0", "0.2.0", "0.10.0", "1.0.0", "1.0.10", "2.0.0"}
	for i := range order[1:] {
		a, errA := ParseVersion(order[i])
		b, errB := ParseVersion(order[i+1])
		if errA != nil || errB != nil || a.Compare(b) >= 0 || b.Compare(a) <= 0 || a.Compare(a) != 0 || a.String() != order[i] {
			t.Errorf("%s and %s", order[i], order[i+1])
		}
	}
}
