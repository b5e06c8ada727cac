package edge

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/sensor"
	"github.com/brigata/brigata/edge/mqtt"
)

// Device is somebody who may send readings: of its own sensors, and of no others.
type Device struct {
	User     string   `json:"user"`
	Password string   `json:"password"`
	Sensors  []string `json:"sensors"`
}

// ReadDevices reads the list of devices from a file.
func ReadDevices(file string) ([]Device, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("devices: %w", err)
	}
	var list []Device
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	seen := map[string]bool{}
	for _, d := range list {
		switch {
		case !menu.IsName(d.User) || seen[d.User]:
			return nil, fmt.Errorf("%s: device %q: no name, or one that is taken", file, d.User)
		case len(d.Password) < 8:
			return nil, fmt.Errorf("%s: device %q: a password has 8 characters or more", file, d.User)
		}
		seen[d.User] = true
		for _, id := range d.Sensors {
			if !menu.IsName(id) {
				return nil, fmt.Errorf("%s: device %q: sensor %q is no name", file, d.User, id)
			}
		}
	}
	return list, nil
}

// Topics: a device publishes at QoS 1 to brigata/<sensor>; the box publishes a sensor's
// alerts to brigata/alerts/<sensor>, for a lamp or a siren beside it.
const (
	deviceTopic = "brigata/"
	alertTopic  = "brigata/alerts/"
)

// rights: nothing but publish its own readings, and hear the alerts of its own sensors.
func (d *Device) rights() *mqtt.Rights {
	r := &mqtt.Rights{Send: map[string]bool{}, Hear: map[string]bool{}}
	for _, id := range d.Sensors {
		r.Send[deviceTopic+id], r.Hear[alertTopic+id] = true, true
	}
	return r
}

// is says that user and password are the device's.
func (d *Device) is(user, password string) bool {
	a, b := sha256.Sum256([]byte(d.User+"\x00"+d.Password)), sha256.Sum256([]byte(user+"\x00"+password))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// device finds the one of that name and password: it looks at all of them, so that how
// long it takes tells nothing.
func (o *Options) device(user, password string) (found *Device) {
	for i := range o.Devices {
		if d := &o.Devices[i]; d.is(user, password) {
			found = d
		}
	}
	return found
}

// message is what a device says: its boots and readings count upwards. Which of the
// values are there depends on the sensor's kind.
type message struct {
	Boot    int64     `json:"boot"`
	Seq     int64     `json:"seq"`
	AtMS    int64     `json:"at"` // Unix milliseconds; 0: when it came
	Value   *float64  `json:"value,omitempty"`
	Defrost bool      `json:"defrost,omitempty"`
	Rate    float64   `json:"rate,omitempty"`    // of samples, per second
	Scale   float64   `json:"scale,omitempty"`   // of one step of a sample, in the sensor's unit
	Samples string    `json:"samples,omitempty"` // int16, little endian, in base64
	Bands   []float64 `json:"bands,omitempty"`   // of a microphone, dB
	Frame   []float64 `json:"frame,omitempty"`   // of a thermal camera, 8×8, °C
}

// sample is a message that was checked.
type sample struct {
	boot, seq int64
	at        time.Time
	value     float64
	features  []float64 // of a burst or a frame
	burst     []byte    // of vibration: int16, little endian
	scale     float64   // of its steps
	rate      float64   // of its samples, per second
	frame     []float64 // of a thermal camera
	defrost   bool
	health    sensor.Health
}

const (
	samplesMin, samplesMax = 256, 8192
	bandsMax               = 16
	// numberMax bounds boots and readings: what no device counts to would hide all that
	// it says later.
	numberMax = 1 << 53
	frameSize = 64
)

var errMessage = errors.New("not a reading")

// ranges are what values of each kind can be; what is beyond is absurd, not refused: it
// tells that the sensor is broken.
var ranges = map[string][2]float64{
	"temperature": {-60, 150}, "door": {0, 1}, "power": {0, 30_000}, "vibration": {0, 100_000}, "microphone": {0, 140}, "thermal": {-40, 300},
}

// check reads a device's message. came is when it was stored; slack is how far the
// device's clock may be off before the box's own is taken.
func check(kind string, b []byte, came time.Time, slack time.Duration, x *extractor) (*sample, error) {
	var m message
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, errMessage
	}
	if m.Boot < 1 || m.Seq < 1 || m.Boot > numberMax || m.Seq > numberMax {
		return nil, errMessage
	}
	s := &sample{boot: m.Boot, seq: m.Seq, at: came, defrost: m.Defrost, health: sensor.OK}
	if m.AtMS != 0 {
		at := time.UnixMilli(m.AtMS).UTC()
		if off := at.Sub(came); slack > 0 && (off > slack || off < -slack) {
			s.health = sensor.Skewed
		} else {
			s.at = at
		}
	}
	if err := s.measure(kind, &m, x); err != nil {
		return nil, err
	}
	if r := ranges[kind]; !(s.value >= r[0] && s.value <= r[1]) {
		s.health, s.value, s.features = sensor.Absurd, 0, nil
	}
	return s, nil
}

// measure makes a value, and the features of what has more than one.
func (s *sample) measure(kind string, m *message, x *extractor) error {
	switch kind {
	case "temperature", "door", "power":
		if m.Value == nil {
			return errMessage
		}
		s.value = *m.Value
	case "vibration":
		raw, err := base64.StdEncoding.DecodeString(m.Samples)
		if n := len(raw) / 2; err != nil || len(raw)%2 != 0 || n < samplesMin || n > samplesMax || !(m.Rate >= 1000 && m.Rate <= 50_000) || !(m.Scale > 0) {
			return errMessage
		}
		burst := x.burst[:len(raw)/2]
		for i := range burst {
			burst[i] = float64(int16(binary.LittleEndian.Uint16(raw[2*i:]))) * m.Scale
		}
		s.features = x.vibration(burst, m.Rate)
		s.value, s.burst, s.scale, s.rate = s.features[0], raw, m.Scale, m.Rate
	case "microphone":
		if m.Value == nil || len(m.Bands) > bandsMax || m.Samples != "" { // sound itself is for nobody
			return errMessage
		}
		s.value, s.features = *m.Value, m.Bands
	case "thermal":
		if len(m.Frame) != frameSize {
			return errMessage
		}
		s.features = thermal(m.Frame)
		s.value, s.frame = s.features[0], m.Frame
	default:
		return errMessage
	}
	for _, v := range s.features {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return errMessage
		}
	}
	return nil
}
