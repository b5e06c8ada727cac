//go:build onnxruntime

package box

import (
	"crypto/sha256"
	"encoding/hex"
	"os"

	"github.com/brigata/brigata/edge"
	"github.com/brigata/brigata/edge/model/ort"
)

// onnxModel judges by a graph; it is named after its file's hash. The session ends with
// the program.
func onnxModel(library, graph string) (edge.Model, error) {
	file, err := os.ReadFile(graph)
	if err != nil {
		return nil, err
	}
	s, err := ort.Open(library, file)
	if err != nil {
		return nil, err
	}
	name := sha256.Sum256(file)
	return edge.NewRead("onnx-"+hex.EncodeToString(name[:4]), s), nil
}
