package edge_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"go.uber.org/goleak"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/sensor"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/edge"
	"github.com/brigata/brigata/edge/credentials"
	"github.com/brigata/brigata/edge/hub"
	"github.com/brigata/brigata/edge/link"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cell is what stands behind a hub: the sensors of one store, by the real rules.
type cell struct {
	mu      sync.Mutex
	sensors map[string]sensor.State
	here    bool
	deaf    bool // it answers nothing
	notes   int
	classes map[string]bool // sensor and class, of every window
	changed *sync.Cond
}

func newCell(ids ...string) *cell {
	c := &cell{sensors: map[string]sensor.State{}, classes: map[string]bool{}, here: true}
	c.changed = sync.NewCond(&c.mu)
	for _, id := range ids {
		c.sensors[id] = sensor.Apply(sensor.State{}, &sensor.Configured{ID: id, Sensor: setOf(id)})
	}
	return c
}

func setOf(id string) store.Sensor {
	kind, _, _ := strings.Cut(id, "-")
	for _, of := range []string{"door", "power", "vibration"} { // of a machine that is simulated
		if strings.HasSuffix(id, "-"+of) {
			kind = of
		}
	}
	s := store.Sensor{ID: id, Kind: kind, Asset: "asset"}
	if kind == "temperature" {
		s.Limits = store.Limits{Low: -1, High: 5, DelayMS: 60_000}
		s.Door = "door-1"
	}
	return s
}

func (c *cell) note(_, id string, n *sensor.Note, _ wire.Trace, done func(*refusal.Refusal)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.notes++
	s, ok := c.sensors[id]
	switch {
	case c.deaf:
		return
	case !c.here:
		go done(&refusal.Refusal{Code: refusal.Moved})
		return
	case !ok:
		go done(sensor.ErrUnknown)
		return
	}
	for i := range n.Readings {
		c.classes[id+" "+n.Readings[i].Class] = true
	}
	n.Header = command.Header{At: time.Now().UTC()}
	events, _, err := sensor.Decide(s, n)
	if err != nil {
		go done(refusal.Of(err))
		return
	}
	for _, e := range events {
		s = sensor.Apply(s, e)
	}
	c.sensors[id] = s
	c.changed.Broadcast()
	go done(nil)
}

func (c *cell) settings(string) *link.Settings {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.here {
		return nil
	}
	s := &link.Settings{Safety: store.FoodSafety{WarnMS: 1, HoldMS: 2, DiscardMS: 3}, Offsets: map[string]float64{}}
	for id := range c.sensors {
		s.Sensors = append(s.Sensors, c.sensors[id].Set)
	}
	return s
}

func (c *cell) isHere(string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.here
}

// wait until the sensor's state is as wanted.
func (c *cell) wait(t testing.TB, id string, ok func(*sensor.State) bool) sensor.State {
	t.Helper()
	timer := time.AfterFunc(30*time.Second, c.changed.Broadcast)
	defer timer.Stop()
	end := time.Now().Add(30 * time.Second)
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		s := c.sensors[id]
		if ok(&s) {
			return s
		}
		if time.Now().After(end) {
			t.Fatalf("never: %s has %d readings, %s, %+v", id, s.Count, s.Status, s.Last)
		}
		c.changed.Wait()
	}
}

func (c *cell) counted(t testing.TB, id string, n int64) sensor.State {
	t.Helper()
	s := c.wait(t, id, func(s *sensor.State) bool { return s.Count >= n })
	if s.Count != n {
		t.Fatalf("%s counted %d readings, not %d", id, s.Count, n)
	}
	return s
}

// rig is a hub with a store, and what it takes to start boxes.
type rig struct {
	t         testing.TB
	dir       string
	authority *credentials.Authority
	cell      *cell
	hub       *hub.Hub
	address   string
	events    chan hub.Box
	offered   atomic.Pointer[[2][]byte]  // manifest and file of a model
	sight     atomic.Pointer[link.Sight] // the newest
}

var quiet = slog.New(slog.NewTextHandler(writer{}, &slog.HandlerOptions{Level: slog.LevelDebug}))

type writer struct{}

func (writer) Write(b []byte) (int, error) {
	if os.Getenv("EDGE_LOG") != "" {
		os.Stderr.Write(b)
	}
	return len(b), nil
}

func newRig(t testing.TB, ids ...string) *rig {
	t.Helper()
	if t, ok := t.(*testing.T); ok {
		t.Parallel() // they wait for timers, most of the time
	}
	r := &rig{t: t, dir: t.TempDir(), cell: newCell(ids...), address: "127.0.0.1:0", events: make(chan hub.Box, 1000)}
	var err error
	if r.authority, err = credentials.LoadAuthority(filepath.Join(r.dir, "boxes.pem")); err != nil {
		t.Fatal(err)
	}
	r.startHub()
	t.Cleanup(r.stopHub)
	return r
}

func (r *rig) startHub() {
	r.t.Helper()
	h, err := hub.Start(hub.Options{Listen: r.address, Name: "n1", Authority: r.authority, Stores: func() []string { return []string{"s1", "s2"} },
		Here: r.cell.isHere, Note: r.cell.note, Settings: r.cell.settings, Log: quiet, Model: r.model, Saw: func(_ string, s *link.Sight) { r.sight.Store(s) }, Changed: func(b hub.Box) {
			select {
			case r.events <- b:
			default:
			}
		}})
	if err != nil {
		r.t.Fatal(err)
	}
	r.hub, r.address = h, h.Address()
}

// model is what the hub offers.
func (r *rig) model(_, _ string, last []byte) (manifest, file []byte) {
	if o := r.offered.Load(); o != nil && !bytes.Equal(o[0], last) {
		return o[0], o[1]
	}
	return nil, nil
}

func (r *rig) stopHub() {
	if r.hub != nil {
		r.hub.Stop()
		r.hub = nil
	}
}

var devices = []edge.Device{
	{User: "probe", Password: "secret-of-probe", Sensors: []string{"temperature-1", "door-1", "stranger-1"}},
	{User: "machine", Password: "secret-of-machine", Sensors: []string{"vibration-1", "power-1", "microphone-1", "thermal-1"}},
}

func (r *rig) options(name string) edge.Options {
	r.t.Helper()
	c, err := r.authority.Mint("s1", name, []string{r.address}, time.Hour)
	if err != nil {
		r.t.Fatal(err)
	}
	return edge.Options{Credentials: c, Data: filepath.Join(r.dir, name), Devices: devices, MQTT: "127.0.0.1:0", HTTP: "127.0.0.1:0", Slack: -1, Window: 100 * time.Millisecond, Log: quiet}
}

func (r *rig) box(o edge.Options) *edge.Box {
	r.t.Helper()
	b, err := edge.Start(context.Background(), o)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { b.Stop() })
	return b
}

// ready waits until the box has its settings.
func (r *rig) ready(b *edge.Box) {
	r.t.Helper()
	eventually(r.t, "settings", b.Ready)
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}

// device connects over MQTT.
func device(t testing.TB, b *edge.Box, user, password string) (mqtt.Client, error) {
	t.Helper()
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + b.MQTT()).SetClientID(user).SetUsername(user).SetPassword(password).
		SetAutoReconnect(false).SetConnectTimeout(5 * time.Second).SetOrderMatters(true))
	tok := c.Connect()
	if !tok.WaitTimeout(10 * time.Second) {
		t.Fatal("no answer to CONNECT")
	}
	if tok.Error() == nil {
		t.Cleanup(func() { c.Disconnect(0) })
	}
	return c, tok.Error()
}

// say publishes at QoS 1 and waits for the acknowledgement.
func say(t testing.TB, c mqtt.Client, id, message string) {
	t.Helper()
	tok := c.Publish("brigata/"+id, 1, false, message)
	if !tok.WaitTimeout(10*time.Second) || tok.Error() != nil {
		t.Fatalf("not acknowledged: %v", tok.Error())
	}
}

func TestFromDeviceToCell(t *testing.T) {
	r := newRig(t, "temperature-1", "door-1", "power-1")
	b := r.box(r.options("box-1"))
	r.ready(b)
	c, err := device(t, b, "probe", "secret-of-probe")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(-time.Hour)
	for i := range 60 {
		say(t, c, "temperature-1", fmt.Sprintf(`{"boot":1,"seq":%d,"at":%d,"value":%d}`, i+1, at.Add(time.Duration(i)*2*time.Second).UnixMilli(), 9))
	}
	say(t, c, "temperature-1", `{"boot":1,"seq":60,"value":9}`) // a repeat
	s := r.cell.counted(t, "temperature-1", 60)
	if s.Status != sensor.Alert || s.Node != "box-1" || s.Last.Avg != 9 || s.Last.Class == "" {
		t.Fatalf("%+v", s)
	}
	req, _ := http.NewRequest("POST", "http://"+b.HTTP()+"/v1/readings/power-1", strings.NewReader(`{"boot":1,"seq":1,"value":900}`))
	req.SetBasicAuth("machine", "secret-of-machine")
	w, err := http.DefaultClient.Do(req)
	if err != nil || w.StatusCode != http.StatusNoContent {
		t.Fatal(err, w)
	}
	w.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	r.cell.counted(t, "power-1", 1)
	eventually(t, "an empty stream", func() bool { return b.Report().Backlog == 0 })
	text, _ := json.Marshal(b.Report())
	t.Logf("%s", text)
}
