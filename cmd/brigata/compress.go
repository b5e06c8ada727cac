package main

import (
	"fmt"
	"os"

	"github.com/brigata/brigata/cmd/brigata/terminal"
	"github.com/brigata/brigata/edge/model/fusion"
	"github.com/brigata/brigata/edge/model/trainer"
)

// change reads a model, and writes what is made of it.
type change struct {
	File string `arg:"" help:"The model's file." type:"existingfile"`
	Out  string `help:"File for what is made of it." required:"" type:"path"`
}

func (c *change) run(eightBits bool, do func(*fusion.Net) (*fusion.Net, error)) error {
	file, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	net, err := fusion.Decode(file)
	if err != nil {
		return terminal.Usage{Message: c.File + ": " + err.Error()}
	}
	made, err := do(net)
	if err != nil {
		return err
	}
	next := made.Encode(eightBits)
	fmt.Printf("%d parameters in %d bytes; %d in %d before\n", made.Parameters(), len(next), net.Parameters(), len(file))
	return os.WriteFile(c.Out, next, 0o644)
}

// training is how a model that was changed is trained on.
type training struct {
	Seed   uint64 `help:"The same seed gives the same bytes." default:"0"`
	Epochs int    `help:"Of the full model, of which this takes a share; 0 is as the shipped models were trained."`
}

func (t *training) recipe() *trainer.Recipe {
	return &trainer.Recipe{Seed: t.Seed, Epochs: t.Epochs, Progress: func(step string) { fmt.Println(step) }}
}

// ModelPrune makes a model smaller by parts of it.
type ModelPrune struct {
	change
	training
	Heads  int `help:"Heads of attention that stay in each layer." default:"2"`
	Hidden int `help:"Hidden units that stay in each layer." default:"24"`
}

// Run prunes, and trains what is left to say what the whole said.
func (m *ModelPrune) Run() error {
	return m.run(false, func(n *fusion.Net) (*fusion.Net, error) { return m.recipe().Prune(n, m.Heads, m.Hidden) })
}

// ModelQuantise makes a model smaller by the bits of its weights.
type ModelQuantise struct {
	change
	training
}

// Run trains the model to be rounded to eight bits.
func (m *ModelQuantise) Run() error {
	return m.run(true, func(n *fusion.Net) (*fusion.Net, error) { return m.recipe().Round(n), nil })
}

// ModelDistil makes a small model of a large one.
type ModelDistil struct {
	change
	training
}

// Run trains the small one on what the large one says.
func (m *ModelDistil) Run() error {
	return m.run(false, func(n *fusion.Net) (*fusion.Net, error) { return m.recipe().Distil(n, trainer.Small) })
}

// ModelOnnx writes a model for other runtimes.
type ModelOnnx struct {
	File      string `arg:"" help:"The model's file." type:"existingfile"`
	Out       string `help:"File for the graph." required:"" type:"path"`
	EightBits bool   `help:"Keep matrices in eight bits."`
}

// Run writes it.
func (m *ModelOnnx) Run() error {
	file, err := os.ReadFile(m.File)
	if err != nil {
		return err
	}
	net, err := fusion.Decode(file)
	if err != nil {
		return terminal.Usage{Message: m.File + ": " + err.Error()}
	}
	return os.WriteFile(m.Out, net.ONNX(m.EightBits), 0o644)
}
