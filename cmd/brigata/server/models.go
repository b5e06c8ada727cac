package server

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"

	"github.com/brigata/brigata/edge/model/fusion"
	"github.com/brigata/brigata/edge/model/release"
)

// Files of a model in its folder.
const (
	modelManifest = "manifest.json"
	modelFile     = "model.bin"
)

// WriteModel puts a release into a folder: the manifest last, by which it is known.
func WriteModel(folder string, manifest, file []byte) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	put := func(name string, b []byte) error {
		next := filepath.Join(folder, "."+name)
		if err := os.WriteFile(next, b, 0o644); err != nil {
			return err
		}
		return os.Rename(next, filepath.Join(folder, name))
	}
	if err := put(modelFile, file); err != nil {
		return err
	}
	return put(modelManifest, manifest)
}

// boxModel is the release that the operator has put there for a box, or for all boxes of
// its store; nil: none, or still that of the last manifest. Whether it is sound is the
// box's to say.
func (n *Node) boxModel(store, box string, last []byte) (manifest, file []byte) {
	if n.options.EdgeModels == "" {
		return nil, nil
	}
	for _, channel := range []string{store + "." + box, store} {
		folder := filepath.Join(n.options.EdgeModels, channel)
		manifest, err := readSmall(filepath.Join(folder, modelManifest), release.ManifestMax)
		if err != nil {
			continue
		}
		if bytes.Equal(manifest, last) {
			return nil, nil
		}
		if file, err := readSmall(filepath.Join(folder, modelFile), fusion.SizeMax); err == nil {
			return manifest, file
		}
	}
	return nil, nil
}

var errLarge = errors.New("too large")

func readSmall(name string, most int64) ([]byte, error) {
	s, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if s.Size() > most {
		return nil, errLarge
	}
	return os.ReadFile(name)
}
