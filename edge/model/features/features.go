// Package features turns what the senses of a machine say into the tokens that a fusion
// model reads: log-mel bands, moments and the envelope's spectrum of vibration, bands of
// sound, points of heat, and the last two hours of temperature and power.
//
// Its promise: the same measurements give the same tokens, whichever machine computes
// them, and a sense that is not there leaves zeros and says so. The box and the
// trainer import it.
package features

import "slices"

// Schema names the meaning of the tokens and of the classes. A model that was trained on another is refused.
const Schema = "unit-2"

// Sense is one way to observe a machine.
type Sense int

// Senses of a machine.
const (
	Vibration Sense = iota
	Microphone
	Thermal
	Probe // of temperature
	Power
	Senses int = iota
)

// Names of the senses.
var Names = [Senses]string{"vibration", "microphone", "thermal", "temperature", "power"}

// Classes are what a machine may suffer from; the first is well.
var Classes = []string{"ok", "bearing", "refrigerant", "condenser", "fan", "seal"}

// Of is the sense of a sensor's kind.
func Of(kind string) (Sense, bool) {
	for i, n := range Names {
		if n == kind {
			return Sense(i), true
		}
	}
	return 0, false
}

// ClassOf is the index of a class; -1 where there is none of the name.
func ClassOf(name string) int { return slices.Index(Classes, name) }

const (
	// Width is how many features a token has.
	Width = 32
	// Tokens of a window.
	Tokens = 21
	// Minutes of history that probe and power are read from; fewer than MinutesMin are none.
	Minutes    = 120
	MinutesMin = 60
	// Bands of sound that a device sends, in dB; Frame is the points of a thermal camera, 8×8.
	Bands = 16
	Frame = 64
)

// Spans are the tokens of each sense: from, to.
var Spans = [Senses][2]int{{0, 4}, {4, 8}, {8, 11}, {11, 16}, {16, 21}}

// SenseOf is the sense of a token.
func SenseOf(token int) Sense {
	return Sense(slices.IndexFunc(Spans[:], func(span [2]int) bool { return token < span[1] }))
}

// Groups are runs of tokens that mean the same.
var Groups = [...][2]int{{0, 3}, {3, 4}, {4, 8}, {8, 10}, {10, 11}, {11, 15}, {15, 16}, {16, 20}, {20, 21}}

// Window is what a model reads of one machine.
type Window struct {
	X   [Tokens * Width]float32
	Has [Senses]bool
}

// part is the tokens of a sense, which is there from now on.
func (w *Window) part(s Sense) []float32 {
	w.Has[s] = true
	x := w.X[Spans[s][0]*Width : Spans[s][1]*Width]
	clear(x)
	return x
}

// Drop takes a sense away.
func (w *Window) Drop(s Sense) {
	clear(w.part(s))
	w.Has[s] = false
}

// Count is how many senses there are.
func (w *Window) Count() (n int) {
	for _, has := range w.Has {
		if has {
			n++
		}
	}
	return n
}
