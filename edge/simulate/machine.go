package simulate

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"time"
)

// Failures that a machine can have.
const (
	None        = ""
	Refrigerant = "refrigerant" // cooling fades over three hours
	Condenser   = "condenser"   // fouled: half the cooling, more power
	Seal        = "seal"        // the door leaks
	Bearing     = "bearing"     // the compressor knocks; it cools as before
	Stuck       = "stuck"       // the probe says the same for ever
)

// Failures lists them.
var Failures = []string{None, Refrigerant, Condenser, Seal, Bearing, Stuck}

// Machine is a cold room or a cabinet with its compressor, as a first-order system: heat
// leaks in, the compressor takes it out between two thresholds of its thermostat.
type Machine struct {
	Sensor    string // of the temperature; the others are named after it
	Low, High float64
	Leak      time.Duration // time constant towards the room outside
	Cooling   float64       // °C a minute while it runs
	Watts     float64
	DoorEach  time.Duration // mean time between openings; 0: no door
	Defrosts  time.Duration // between defrosts; 0: none
	Extras    bool          // it has sensors of the door, of power and of vibration

	temp     float64
	running  bool
	door     time.Duration // it stays open
	defrost  time.Duration // is under way for so long
	sinceDef time.Duration
	frozenAt float64 // what a stuck probe says
	stuck    bool
}

const (
	outside    = 28.0 // °C
	doorHeat   = 0.6  // °C a minute while it is open
	defrostFor = 20 * time.Minute
	fadeFor    = 3 * time.Hour
	idleWatts  = 15.0
	burstLen   = 1024
	burstRate  = 25_600
	burstScale = 0.5
)

// Machines are those of the demo store.
func Machines() []*Machine {
	return []*Machine{
		{Sensor: "walkin-1", Low: 2, High: 4, Leak: 9 * time.Hour, Cooling: 0.30, Watts: 1400, DoorEach: 25 * time.Minute, Defrosts: 8 * time.Hour, Extras: true},
		{Sensor: "fridge-1", Low: 2, High: 4.2, Leak: 6 * time.Hour, Cooling: 0.35, Watts: 350},
		{Sensor: "freezer-1", Low: -22, High: -19, Leak: 10 * time.Hour, Cooling: 0.45, Watts: 600, Defrosts: 12 * time.Hour},
	}
}

// step lets a short while pass. failing is for how long the machine has had its failure.
func (m *Machine) step(d time.Duration, failure string, failing time.Duration, r *rand.Rand) {
	minutes := d.Minutes()
	leak, cooling := m.Leak, m.Cooling
	switch failure {
	case Refrigerant:
		cooling *= max(0, 1-failing.Hours()/fadeFor.Hours())
	case Condenser:
		cooling *= 0.45
	case Seal:
		leak /= 4
	}
	m.temp += (outside - m.temp) * minutes / leak.Minutes()
	if m.door > 0 {
		m.door -= d
		m.temp += doorHeat * minutes
	} else if m.DoorEach > 0 && r.Float64() < d.Seconds()/m.DoorEach.Seconds() {
		m.door = 20*time.Second + time.Duration(r.ExpFloat64()*float64(40*time.Second))
	}
	switch m.sinceDef += d; {
	case m.defrost > 0:
		m.defrost -= d
		m.running = false
		m.temp += 0.15 * minutes
		return
	case m.Defrosts > 0 && m.sinceDef >= m.Defrosts:
		m.defrost, m.sinceDef = defrostFor, 0
		return
	}
	switch {
	case m.temp >= m.High:
		m.running = true
	case m.temp <= m.Low:
		m.running = false
	}
	if m.running {
		m.temp -= cooling * minutes
	}
}

// probe is what the temperature's sensor says: it is a little behind, and noisy.
func (m *Machine) probe(failure string, r *rand.Rand) float64 {
	v := math.Round((m.temp+r.NormFloat64()*0.03)*100) / 100
	if failure == Stuck {
		if !m.stuck {
			m.stuck, m.frozenAt = true, v
		}
		return m.frozenAt
	}
	return v
}

func (m *Machine) watts(failure string, r *rand.Rand) float64 {
	if !m.running {
		return math.Round(idleWatts + r.NormFloat64())
	}
	w := m.Watts * (1 + 0.02*r.NormFloat64())
	if failure == Condenser {
		w *= 1.25
	}
	return math.Round(w)
}

// burst is what an accelerometer on the compressor hears: its rotation and noise, and the
// ringing of knocks when a bearing is worn.
func (m *Machine) burst(failure string, r *rand.Rand) string {
	b := make([]byte, 2*burstLen)
	amplitude := 20.0
	if m.running {
		amplitude = 400
	}
	ring, knock := 0.0, burstRate/90
	for i := range burstLen {
		at := float64(i) / burstRate
		v := amplitude*math.Sin(2*math.Pi*48*at) + amplitude*0.3*r.NormFloat64()
		if failure == Bearing && m.running {
			if i%knock == 0 {
				ring = 6000
			}
			v += ring * math.Sin(2*math.Pi*7400*at)
			ring *= 0.93
		}
		binary.LittleEndian.PutUint16(b[2*i:], uint16(int16(max(-32768, min(32767, v)))))
	}
	return base64.StdEncoding.EncodeToString(b)
}
