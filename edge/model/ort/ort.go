//go:build onnxruntime

package ort

import (
	"errors"
	"fmt"

	onnx "github.com/yalue/onnxruntime_go"

	"github.com/brigata/brigata/edge/model/features"
	"github.com/brigata/brigata/edge/model/fusion"
)

// Session reads windows with one graph. It belongs to one goroutine; Close frees it.
type Session struct {
	session *onnx.AdvancedSession
	tokens  *onnx.Tensor[float32]
	has     *onnx.Tensor[bool]
	says    *onnx.Tensor[float32]
}

// Open loads the runtime's shared library, once for all sessions, and a graph with the
// inputs and the output of fusion.Net.ONNX.
func Open(library string, graph []byte) (_ *Session, err error) {
	if !onnx.IsInitialized() {
		onnx.SetSharedLibraryPath(library)
		if err := onnx.InitializeEnvironment(); err != nil {
			return nil, fmt.Errorf("ONNX Runtime in %s: %w", library, err)
		}
	}
	s := &Session{}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if s.tokens, err = onnx.NewEmptyTensor[float32](onnx.NewShape(1, features.Tokens, features.Width)); err != nil {
		return nil, err
	}
	if s.has, err = onnx.NewEmptyTensor[bool](onnx.NewShape(1, int64(features.Senses))); err != nil {
		return nil, err
	}
	if s.says, err = onnx.NewEmptyTensor[float32](onnx.NewShape(1, int64(len(features.Classes)))); err != nil {
		return nil, err
	}
	options, err := onnx.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	defer options.Destroy()
	// A box has other work: one thread, and no pool of them that spins.
	if err = errors.Join(options.SetIntraOpNumThreads(1), options.SetInterOpNumThreads(1)); err != nil {
		return nil, err
	}
	s.session, err = onnx.NewAdvancedSessionWithONNXData(graph, []string{fusion.OnnxTokens, fusion.OnnxHas}, []string{fusion.OnnxSays},
		[]onnx.Value{s.tokens, s.has}, []onnx.Value{s.says}, options)
	if err == nil {
		err = s.session.Run() // a graph of other shapes fails now
	}
	if err != nil {
		return nil, fmt.Errorf("the graph: %w", err)
	}
	return s, nil
}

// Read gives the probability of each class; the slice is the session's own, until the next.
// Should the runtime fail on one, after it has read others, it says that the machine is well.
func (s *Session) Read(w *features.Window) []float32 {
	copy(s.tokens.GetData(), w.X[:])
	copy(s.has.GetData(), w.Has[:])
	says := s.says.GetData()
	if err := s.session.Run(); err != nil {
		clear(says)
		says[0] = 1
	}
	return says
}

// Close frees what the runtime holds for the session.
func (s *Session) Close() (err error) {
	if s.session != nil {
		err = s.session.Destroy()
	}
	if s.tokens != nil {
		err = errors.Join(err, s.tokens.Destroy())
	}
	if s.has != nil {
		err = errors.Join(err, s.has.Destroy())
	}
	if s.says != nil {
		err = errors.Join(err, s.says.Destroy())
	}
	return err
}
