// Package shipped is the model that boxes come with, as make train has made it. Its
// promise: the bytes are those of the recipe's seed 0. The box imports it.
package shipped

import (
	_ "embed"

	"github.com/brigata/brigata/edge/model/fusion"
	"github.com/brigata/brigata/edge/model/release"
)

//go:embed fused.bin
var file []byte

// Name of the model; it changes with the file.
const Name = "fused"

// Version of the file.
var Version = release.Version{1, 0, 2}

// File is the model as it is on disk: nobody may change it.
func File() []byte { return file }

// Net reads it.
func Net() *fusion.Net {
	n, err := fusion.Decode(file)
	if err != nil {
		panic("the model that is built in is none: " + err.Error())
	}
	return n
}
