package synth

import "math/rand/v2"

// Drift is how far stores have gone from how they were; the zero value: not at all.
type Drift struct {
	Heat  float64 // °C that the room is hotter
	Doors float64 // share that doors are opened more often
	Shake float64 // share that vibration is noisier
	Loud  float64 // dB that the kitchen is louder
	Blur  float64 // share that the camera is noisier
	Moved float64 // sensors mounted anew: 1 is a third of the vibration, 8 dB more sound, a view that has moved by a point each way
	Other float64 // another compressor: 1 turns a fifth faster, with other bearings, at less power, and gets hotter
	Age   float64 // 1 cools and insulates a seventh less, and ticks twice as loud
}

// Kind is a drift with a name.
type Kind struct {
	Name string
	Drift
}

// Worn is a store that has become hotter, busier and louder, with worn mountings.
func Worn(much float64) Drift {
	return Drift{Heat: 5 * much, Doors: much, Shake: 0.6 * much, Loud: 6 * much, Blur: much}
}

// drawn is how far a store of the training has gone: each in its own way, so that a net learns
// what stays a fault's sign where it is hot, busy or loud. Sensors mounted anew, other
// compressors and age are in no training.
func drawn(r *rand.Rand) Drift {
	return Drift{Heat: 8 * r.Float64(), Doors: 1.2 * r.Float64(), Shake: 0.8 * r.Float64(), Loud: 8 * r.Float64(), Blur: 1.2 * r.Float64()}
}

// Kinds are the ways in which stores change, each by itself, and all of what wears them at once.
var Kinds = []Kind{
	{"a hot summer", Drift{Heat: 8}},
	{"sensors mounted anew", Drift{Moved: 1}},
	{"other compressors", Drift{Other: 1}},
	{"machines that aged", Drift{Age: 1}},
	{"hotter and louder", Drift{Heat: 4, Shake: 1, Loud: 6}}, // which wears mountings: the combination that the first models were tried on
	{"more noise", Drift{Doors: 1, Shake: 0.6, Loud: 6, Blur: 1}},
	{"worn, by half", Worn(0.5)},
	{"worn", Worn(1)},
}
