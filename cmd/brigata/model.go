package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/brigata/brigata/cmd/brigata/box"
	"github.com/brigata/brigata/cmd/brigata/server"
	"github.com/brigata/brigata/cmd/brigata/terminal"
	"github.com/brigata/brigata/edge/model/pass"
	"github.com/brigata/brigata/edge/model/release"
	"github.com/brigata/brigata/edge/model/trainer"
)

// EdgeModel is what is done about the models of boxes.
type EdgeModel struct {
	Train    ModelTrain    `cmd:"" help:"Train the models: the full one, and it pruned, in eight bits, distilled, and all three together."`
	Prune    ModelPrune    `cmd:"" help:"Make a model smaller by heads and hidden units."`
	Quantise ModelQuantise `cmd:"" help:"Make a model smaller by the bits of its weights: eight."`
	Distil   ModelDistil   `cmd:"" help:"Make a small model that says what a large one says."`
	Onnx     ModelOnnx     `cmd:"" help:"Write a model as an ONNX graph, for other runtimes."`
	Key      ModelKey      `cmd:"" help:"Make a key that signs models. Keep it away from nodes and boxes."`
	Sign     ModelSign     `cmd:"" help:"Sign a model, for nodes to put on boxes."`
}

// ModelTrain trains models.
type ModelTrain struct {
	Out    string `arg:"" help:"Folder for the models' files." type:"path"`
	Seed   uint64 `help:"The same seed gives the same bytes." default:"0"`
	Epochs int    `help:"Of the full model; 0 is as the shipped one was trained."`
	Ship   string `help:"File to write the model that boxes come with to." type:"path"`
	Pass   string `help:"File to write the net of the pass camera to; it is trained only then." type:"path"`
}

// Run trains.
func (m *ModelTrain) Run() error {
	if err := os.MkdirAll(m.Out, 0o755); err != nil {
		return err
	}
	began := time.Now()
	r := trainer.Recipe{Seed: m.Seed, Epochs: m.Epochs, Progress: func(step string) { fmt.Printf("%6s  %s\n", time.Since(began).Round(time.Second), step) }}
	models, err := r.All()
	if err != nil {
		return err
	}
	for _, x := range models {
		if err := os.WriteFile(filepath.Join(m.Out, x.Name+".bin"), x.File(), 0o644); err != nil {
			return err
		}
		if x.Name == trainer.CombinedName && m.Ship != "" {
			if err := os.WriteFile(m.Ship, x.File(), 0o644); err != nil {
				return err
			}
		}
		fmt.Printf("%-10s %7d parameters %8d bytes\n", x.Name, x.Net.Parameters(), len(x.File()))
	}
	if m.Pass == "" {
		return nil
	}
	net := pass.Recipe(func(epoch int, loss float64) {
		fmt.Printf("%6s  pass: epoch %d, loss %.3f\n", time.Since(began).Round(time.Second), epoch+1, loss)
	})
	return os.WriteFile(m.Pass, net.Encode(), 0o644)
}

// ModelKey makes a key.
type ModelKey struct {
	Out string `help:"File for the key; the public half goes beside it, with .pub." default:"model-key" type:"path"`
}

// Run makes it. It never overwrites one.
func (k *ModelKey) Run() error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(k.Out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return terminal.Usage{Message: k.Out + " is there already"}
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, base64.StdEncoding.EncodeToString(private.Seed()))
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.WriteFile(k.Out+".pub", []byte(base64.StdEncoding.EncodeToString(public)+"\n"), 0o644)
}

// ModelSign signs a model.
type ModelSign struct {
	File    string             `arg:"" help:"The model's file." type:"existingfile"`
	Key     string             `help:"Key of brigata edge-model key." required:"" type:"existingfile"`
	Name    string             `help:"Of the model." default:"fused"`
	Version string             `help:"Three numbers; above that of the model that boxes have." required:""`
	Metric  map[string]float64 `help:"What was measured of it, as name=value."`
	Out     string             `help:"Folder for boxes of a store, MODELS/<store>, or for one box, MODELS/<store>.<box>, of the node's --edge-models." required:"" type:"path"`
}

// Run signs it, and puts both files where a node finds them.
func (s *ModelSign) Run() error {
	seed, err := box.ReadKey(s.Key, ed25519.SeedSize)
	if err != nil {
		return terminal.Usage{Message: err.Error()}
	}
	file, err := os.ReadFile(s.File)
	if err != nil {
		return err
	}
	version, err := release.ParseVersion(s.Version)
	if err != nil {
		return terminal.Usage{Message: err.Error()}
	}
	text, err := release.Sign(release.Manifest{Name: s.Name, Version: version, Metrics: s.Metric, At: time.Now().UTC()}, file, ed25519.NewKeyFromSeed(seed))
	if err != nil {
		return terminal.Usage{Message: err.Error()}
	}
	return server.WriteModel(s.Out, text, file)
}
