// Package ort reads windows with ONNX Runtime: for models that are larger than what a box
// computes by itself. It is there when it is compiled with the tag onnxruntime, by cgo, and
// needs the runtime's shared library when it runs.
//
// Its promise: a graph that a net has written says what the net says, within 1e-4.
package ort
