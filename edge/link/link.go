// Package link is what a box and the nodes say to one another: subjects, settings and
// status. Its promise: every subject on the link is made here, and all of them are
// within the account of the box's store. The box and the hub import it.
package link

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/brigata/brigata/actors/sensor"
	"github.com/brigata/brigata/actors/store"
)

// Sensor is a sensor of the store's document.
type Sensor = store.Sensor

const (
	// Stream is the box's stream of readings, a queue on its disk; Consumer is the
	// cell's place in it.
	Stream   = "UP"
	Consumer = "cell"

	// Status is where a box tells how it is; SettingsAsk is where it asks for settings.
	Status      = "brigata.status"
	SettingsAsk = "brigata.settings"

	// Pass is where a box tells what its cameras see of the pass.
	Pass = "brigata.pass"

	// StatusEvery is how often a box tells; one that has not for LostAfter is lost.
	StatusEvery = 5 * time.Second
	LostAfter   = 20 * time.Second

	// Trace is the header of a reading whose way is traced: a W3C traceparent.
	Trace = "Traceparent"

	up = "brigata.up."

	// Model is the object that a box takes its model from, in a bucket of its own;
	// Manifest is where the object's metadata has the signed manifest, in base64.
	Model    = "model"
	Manifest = "manifest"
	models   = "MODELS-"
)

// Models is the bucket of a box: streams of all boxes of a store hear what is said in it,
// so each has its own subjects.
func Models(box string) string { return models + box }

// HubSubjects are what a hub says to a box: to read its stream, to take what has been read off
// it, and to put a model into its bucket.
var HubSubjects = []string{"$JS.*.API.CONSUMER.>", "$JS.*.API.STREAM.INFO.*", "$JS.*.API.STREAM.PURGE.*",
	"$O.>", "$JS.*.API.STREAM.MSG.GET.*", "$JS.*.API.DIRECT.GET.>"}

// UpSubjects matches all readings.
const UpSubjects = up + "*"

// UpSubject is where a sensor's readings go on the box's stream.
func UpSubject(sensorID string) string { return up + sensorID }

// SensorOf is the sensor of such a subject.
func SensorOf(subject string) string { return subject[min(len(up), len(subject)):] }

// MsgID names a reading: the stream keeps one of those that are sent twice.
func MsgID(sensorID string, r *sensor.Reading) string {
	return fmt.Sprintf("%s.%d.%d-%d.%d", sensorID, r.Boot, r.First, r.Last, r.N)
}

// Settings are what a box knows of its store.
type Settings struct {
	Sensors []Sensor           `json:"sensors"`
	Safety  store.FoodSafety   `json:"food_safety"`
	Offsets map[string]float64 `json:"offsets"`
	// Labels are what people have found of faults that were predicted, the oldest first;
	// at most LabelsMax.
	Labels []Label `json:"labels,omitzero"`
}

// LabelsMax is how many labels a box hears of.
const LabelsMax = 32

// Label says what a machine had from a prediction until its work order was done.
type Label struct {
	WorkOrder string    `json:"workorder"`
	Asset     string    `json:"asset"`
	Class     string    `json:"class"` // of features.Classes
	From      time.Time `json:"from"`
	To        time.Time `json:"to"`
}

// Sight is what a camera sees of the pass. It is told, and forgotten: nothing waits for it, and
// the next is soon there.
type Sight struct {
	Sensor string   `json:"sensor"` // thermal, that looks at the same place
	Dishes float64  `json:"dishes"` // between two numbers where the net is in doubt
	Cold   *float64 `json:"cold_c,omitempty"`
}

// DishesMax is more than there are on a pass.
const DishesMax = 100

// Sound says that it can be.
func (s *Sight) Sound() bool {
	return s.Dishes >= 0 && s.Dishes <= DishesMax && (s.Cold == nil || *s.Cold >= -50 && *s.Cold <= 500)
}

// Digest is what a box says of the settings that it has.
func Digest(settings []byte) []byte {
	sum := sha256.Sum256(settings)
	return sum[:]
}

// Report is how a box is.
type Report struct {
	Name      string    `json:"name"`
	Version   string    `json:"version"`
	Model     string    `json:"model"`
	StartedAt time.Time `json:"started_at"`
	Now       time.Time `json:"now"` // the box's clock
	Backlog   uint64    `json:"backlog"`
	Full      bool      `json:"full"` // the stream takes no more
	Used      uint64    `json:"used"` // bytes of the stream
	Most      uint64    `json:"most"` // bytes that it may have
	Links     int       `json:"links"`
	Devices   int64     `json:"devices"` // connected over MQTT
	Sensors   int       `json:"sensors"`
	Alerts    int       `json:"alerts"`
	Taken     int64     `json:"taken"`
	Repeated  int64     `json:"repeated"`
	Malformed int64     `json:"malformed"`
	Unknown   int64     `json:"unknown"`
	Absurd    int64     `json:"absurd"`
	Skewed    int64     `json:"skewed"`
	Lost      int64     `json:"lost"`           // numbers that devices skipped
	Refused   int64     `json:"refused"`        // log-ins of devices
	Denied    int64     `json:"denied"`         // what was of sensors that are not the device's
	Raw       int64     `json:"raw"`            // bytes of readings that were taken
	Sent      int64     `json:"sent"`           // bytes that were made of them
	ModelsIn  int64     `json:"models_in"`      // models that took another's place
	ModelsNo  int64     `json:"models_refused"` // that were not let in
	ModelsOut int64     `json:"models_back"`    // that were taken back
	Learnt    int64     `json:"models_learnt"`  // copies, trained on what people found, that took their net's place
	Kept      int64     `json:"models_kept"`    // copies that did not
	Drifts    int64     `json:"model_drifts"`   // times that machines were not as they were
	Leaving   bool      `json:"leaving"`
}
