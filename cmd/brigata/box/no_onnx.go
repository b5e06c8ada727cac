//go:build !onnxruntime

package box

import (
	"errors"

	"github.com/brigata/brigata/edge"
)

func onnxModel(_, _ string) (edge.Model, error) {
	return nil, errors.New("--onnx: this program was built without ONNX Runtime (go build -tags onnxruntime)")
}
