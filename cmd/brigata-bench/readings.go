package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/brigata/brigata/cmd/brigata/demo"
	"github.com/brigata/brigata/cmd/brigata/server"
	"github.com/brigata/brigata/edge"
	"github.com/brigata/brigata/edge/credentials"
	"github.com/brigata/brigata/edge/simulate"
	"github.com/brigata/brigata/persistence/pgtest"
	"github.com/brigata/brigata/persistence/ports"
)

// Readings has the boxes of several stores send to one node, and measures what share of a
// core the node's process takes: all of its time until every reading is counted, and for
// counting them, by the time in which sensors said them. A machine that is too busy to keep
// the pace is so told, and changes little else.
type Readings struct {
	Boxes       int           `default:"10" help:"Boxes, each of a store of its own."`
	Sensors     int           `default:"200" help:"Sensors of a box, ten to a device."`
	Every       time.Duration `default:"200ms" help:"Between two readings of a sensor."`
	Duration    time.Duration `default:"60s" help:"For how long the sensors speak."`
	Share       float64       `default:"0.2" help:"Share of a core that the node may take; above, the run fails."`
	DatabaseURL string        `help:"PostgreSQL to use; without it a temporary one is started." env:"BRIGATA_DATABASE_URL"`
	Profile     string        `help:"Write the node's CPU profile of the measured time to this file."`
}

const (
	sensorsEach   = 10 // of a device
	countedWithin = 5 * time.Minute
)

// readingsRun is a node and its boxes.
type readingsRun struct {
	*Readings
	house *house
	boxes []*edge.Box
}

// Run runs it.
func (r *Readings) Run(ctx context.Context) error {
	s := &suite{Suite: &Suite{}, ctx: ctx, database: r.DatabaseURL}
	if s.database == "" {
		pg, err := pgtest.Start(pgtest.Options{})
		if err != nil {
			return err
		}
		defer pg.Stop()
		s.database, s.postmaster = pg.URL(), pg.PID()
	}
	run := &readingsRun{Readings: r}
	defer run.end()
	if err := run.start(ctx, s); err != nil {
		return err
	}
	sample := sampler(run.house.cmd.Process.Pid, s.postmaster)
	before, began := sample(), time.Now()
	sent, err := run.play(ctx)
	if err != nil {
		return err
	}
	took := time.Since(began)
	if err := run.counted(); err != nil {
		return err
	}
	used := sample().minus(before)
	share := used.server.Seconds() / r.Duration.Seconds()
	rep := report{workload: "readings"}
	rep.add("brigata", "sensors", float64(r.Boxes*r.Sensors), "1")
	rep.add("brigata", "readings_per_s", float64(sent)/r.Duration.Seconds(), "1/s")
	rep.add("brigata", "taken_by_boxes_per_s", float64(sent)/took.Seconds(), "1/s")
	rep.add("brigata", "cpu_us_per_reading", us(used.server)/float64(sent), "us")
	rep.add("brigata", "cpu_ms_per_s", 1000*share, "ms")
	rep.add("brigata", "db_cpu_ms_per_s", 1000*used.database.Seconds()/r.Duration.Seconds(), "ms")
	rep.table(os.Stdout)
	if share > r.Share {
		return fmt.Errorf("the node takes %.3f of a core, more than %.3f", share, r.Share)
	}
	return nil
}

func (r *readingsRun) store(i int) string { return fmt.Sprintf("readings-%d", i) }

func (r *readingsRun) sensor(i int) string { return fmt.Sprintf("probe-%04d", i) }

// document is the demo store with this many probes.
func (r *readingsRun) document(store string) ([]byte, error) {
	var doc map[string]any
	if err := json.Unmarshal(demo.Store(), &doc); err != nil {
		return nil, err
	}
	var sensors []map[string]any
	for i := range r.Sensors {
		id := r.sensor(i)
		sensors = append(sensors, map[string]any{"id": id, "name": map[string]string{"zh": id, "en": id}, "kind": "temperature", "asset": "room", "dishes": []string{"mapo-tofu"},
			"control": "fsanz", "limits": map[string]any{"low": -1, "high": 5, "delay_ms": 600_000}})
	}
	doc["id"], doc["sensors"] = store, sensors
	return json.Marshal(doc)
}

func (r *readingsRun) start(ctx context.Context, s *suite) error {
	var documents [][]byte
	for i := range r.Boxes {
		d, err := r.document(r.store(i))
		if err != nil {
			return err
		}
		documents = append(documents, d)
	}
	hub, err := ports.Address(1)
	if err != nil {
		return err
	}
	more := []string{"--edge-listen", hub}
	if r.Profile != "" {
		more = append(more, "--profile", r.Profile, "--after", "5s", "--for", r.Duration.String())
	}
	if r.house, err = s.node(documents, more...); err != nil {
		return err
	}
	authority, err := credentials.LoadAuthority(filepath.Join(r.house.data, server.AuthorityFile))
	if err != nil {
		return err
	}
	for i := range r.Boxes {
		c, err := authority.Mint(r.store(i), "box", []string{hub}, time.Hour)
		if err != nil {
			return err
		}
		b, err := edge.Start(ctx, edge.Options{Credentials: c, Data: filepath.Join(r.house.data, r.store(i)), Devices: r.devices(), MQTT: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			return err
		}
		r.boxes = append(r.boxes, b)
	}
	for _, b := range r.boxes {
		for end := time.Now().Add(readyWithin); !b.Ready(); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				return errors.New("a box does not hear of its sensors")
			}
		}
	}
	return nil
}

func (r *readingsRun) end() {
	for _, b := range r.boxes {
		_ = b.Stop()
	}
	if r.house != nil {
		r.house.end()
	}
}

// devices are those of one box.
func (r *readingsRun) devices() (list []edge.Device) {
	for i := 0; i < r.Sensors; i += sensorsEach {
		d := edge.Device{User: fmt.Sprintf("device-%d", i), Password: edgePassword}
		for j := i; j < min(i+sensorsEach, r.Sensors); j++ {
			d.Sensors = append(d.Sensors, r.sensor(j))
		}
		list = append(list, d)
	}
	return list
}

// play has every device speak, and returns how many readings were acknowledged.
func (r *readingsRun) play(ctx context.Context) (sent int, failed error) {
	var all sync.WaitGroup
	var mu sync.Mutex
	for i, b := range r.boxes {
		for j, d := range r.devices() {
			var machines []*simulate.Machine
			for _, id := range d.Sensors {
				machines = append(machines, &simulate.Machine{Sensor: id, Low: 2, High: 4, Leak: 6 * time.Hour, Cooling: 0.35})
			}
			all.Go(func() {
				n, err := simulate.Run(ctx, simulate.Options{Broker: "tcp://" + b.MQTT(), User: d.User, Password: d.Password, For: r.Duration, Every: r.Every, Speed: 1,
					Machines: machines, Seed: uint64(i*r.Sensors + j)})
				mu.Lock()
				defer mu.Unlock()
				sent, failed = sent+n, errors.Join(failed, err)
			})
		}
	}
	all.Wait()
	return sent, failed
}

// counted waits until every reading of every sensor has counted, once.
func (r *readingsRun) counted() error {
	want, end := int64(r.Duration/r.Every), time.Now().Add(countedWithin)
	for i := range r.Boxes {
		token := r.house.token(r.store(i), "kitchen")
		for j := range r.Sensors {
			for {
				got, err := r.count(token, r.store(i), r.sensor(j))
				if err != nil {
					return err
				}
				if got == want {
					break
				}
				if got > want || time.Now().After(end) {
					return fmt.Errorf("%s of %s counted %d readings of %d", r.sensor(j), r.store(i), got, want)
				}
				time.Sleep(100 * time.Millisecond)
			}
		}
	}
	return nil
}

func (r *readingsRun) count(token, store, sensor string) (n int64, err error) {
	q, err := http.NewRequest(http.MethodGet, "http://"+r.house.addr+"/v1/stores/"+store+"/sensors/"+sensor+"/series?step_ms=3600000", nil)
	if err != nil {
		return 0, err
	}
	q.Header.Set("Authorization", "Bearer "+token)
	w, err := http.DefaultClient.Do(q)
	if err != nil {
		return 0, err
	}
	defer w.Body.Close()
	text, err := io.ReadAll(w.Body)
	if err != nil {
		return 0, err
	}
	if w.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s: %s", w.Status, text)
	}
	var series struct{ Items []struct{ N int64 } }
	if err := json.Unmarshal(text, &series); err != nil {
		return 0, err
	}
	for _, p := range series.Items {
		n += p.N
	}
	return n, nil
}
