package edge

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/brigata/brigata/edge/link"
	"github.com/brigata/brigata/edge/model/pass"
)

// passes are what cameras saw last, by the thermal sensor that looks at the same place.
// A picture is looked at, and forgotten.
type passes struct {
	looking sync.Mutex // one picture at a time
	camera  *pass.Camera

	mu   sync.Mutex
	heat map[string]warmth
	seen map[string]sight
	told map[string]time.Time
}

type warmth struct {
	frame []float64
	at    time.Time
}

// sight is the answer to a picture, and to who asks for the last one.
type sight struct {
	Dishes   float64   `json:"dishes"`           // between two numbers where the net is in doubt
	Cold     *float64  `json:"cold_c,omitempty"` // of the coldest dish; none without an infrared frame
	At       time.Time `json:"at"`
	Warnings []string  `json:"warnings"`

	look pass.Look
}

const (
	// sightFor is how long what was seen of the pass says anything about it.
	sightFor = 15 * time.Second
	// tellEvery: the nodes hear of a camera no more often.
	tellEvery = time.Second
)

func newPasses() *passes {
	return &passes{heat: map[string]warmth{}, seen: map[string]sight{}, told: map[string]time.Time{}}
}

// warm keeps the newest infrared frame of a sensor.
func (p *passes) warm(sensor string, frame []float64, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heat[sensor] = warmth{frame, at}
}

// look counts the dishes of a picture.
func (p *passes) look(sensor string, picture []byte, now time.Time) (s sight, err error) {
	im, err := pass.FromJPEG(bytes.NewReader(picture))
	if err != nil {
		return s, err
	}
	p.mu.Lock()
	heat := p.heat[sensor]
	p.mu.Unlock()
	if now.Sub(heat.at) > sightFor {
		heat.frame = nil
	}
	if p.camera == nil {
		p.camera = pass.NewCamera(pass.Shipped())
	}
	s.look = p.camera.Look(im, heat.frame)
	s.Dishes, s.At, s.Warnings = math.Round(s.look.Count*10)/10, now.UTC().Truncate(time.Millisecond), []string{}
	if !math.IsNaN(s.look.Cold) {
		s.Cold = &s.look.Cold
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen[sensor] = s
	return s, nil
}

// due says that the nodes are to hear of a camera again, and takes it that they do.
func (p *passes) due(sensor string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if last, ok := p.told[sensor]; ok && now.Sub(last).Abs() < tellEvery {
		return false
	}
	p.told[sensor] = now
	return true
}

// tellPass tells the nodes what a camera has seen. Nobody may be there: the next picture is soon.
func (b *Box) tellPass(sensor string, s *sight) {
	if !b.passes.due(sensor, b.o.Now()) {
		return
	}
	if text, err := json.Marshal(link.Sight{Sensor: sensor, Dishes: s.Dishes, Cold: s.Cold}); err == nil {
		b.conn.Publish(link.Pass, text)
	}
}

// postPass takes a picture of the pass: POST /v1/pass/{sensor}, image/jpeg, by a device that
// has the sensor.
func (b *Box) postPass(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("sensor")
	if !b.mayPost(r, id) {
		unauthorised(w)
		return
	}
	picture, err := io.ReadAll(http.MaxBytesReader(w, r.Body, pass.JPEGMax))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		return // whoever sent it is gone
	}
	if !b.passes.looking.TryLock() {
		busy(w)
		return
	}
	defer b.passes.looking.Unlock()
	s, err := b.passes.look(id, picture, b.o.Now())
	if err != nil {
		b.counts.malformed.Add(1)
		http.Error(w, "not a picture in JPEG", http.StatusBadRequest)
		return
	}
	b.tellPass(id, &s)
	answer(w, &s)
}

// getPass says what about the pass does not fit a ticket that is about to be bumped:
// GET /v1/pass/{sensor}?dishes=3&hot=true. It knows of no ticket, and stops none.
func (b *Box) getPass(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("sensor")
	if !b.mayPost(r, id) {
		unauthorised(w)
		return
	}
	dishes, err := strconv.Atoi(r.FormValue("dishes"))
	if err != nil || dishes < 0 || dishes > link.DishesMax {
		http.Error(w, "dishes: how many are on the ticket", http.StatusBadRequest)
		return
	}
	b.passes.mu.Lock()
	s, ok := b.passes.seen[id]
	b.passes.mu.Unlock()
	if !ok || b.o.Now().Sub(s.At) > sightFor {
		http.Error(w, "nothing was seen of late", http.StatusNotFound)
		return
	}
	s.Warnings = append([]string{}, pass.Warn(s.look, dishes, r.FormValue("hot") == "true")...)
	answer(w, &s)
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

func unauthorised(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", `Basic realm="brigata"`)
	http.Error(w, "not a device of this sensor", http.StatusUnauthorized)
}
