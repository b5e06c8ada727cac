package wire

import "time"

// Pass is what a camera sees of the pass, as topic pass shows it. A camera only warns: nothing
// of an order depends on it.
type Pass struct {
	ID     string    `json:"id"`     // of the sensor
	Asset  string    `json:"asset"`  // a station's name: its pass alone
	Dishes float64   `json:"dishes"` // between two numbers where the camera is in doubt
	Cold   *float64  `json:"cold_c,omitzero"`
	At     time.Time `json:"at"`
}

// PassFor is how long it says anything about the pass.
const PassFor = 15 * time.Second

// AppendPass appends it.
func AppendPass(b []byte, p *Pass) []byte { return appendAny(b, p) }
