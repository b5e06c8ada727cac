package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/brigata/brigata/persistence/ports"
)

// W7: a box's link goes away; an hour of readings of six sensors comes in meanwhile; the
// link comes back. All of them count, once, and the box has sent far less than it took.

const (
	edgeReadings = 1800 // of each sensor, one each two seconds
	edgeSensors  = 6
	edgePassword = "a-long-secret"
	edgeWithin   = 2 * time.Minute
)

// edgeCounted are the sensors whose readings are counted one by one.
var edgeCounted = []string{"walkin-1", "fridge-1", "freezer-1", "walkin-1-power"}

// tap carries connections to another address, counts what goes there, and can be cut.
type tap struct {
	l     net.Listener
	to    string
	sent  atomic.Int64
	mu    sync.Mutex
	cut   bool
	conns []net.Conn
}

func newTap(to string) (*tap, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	t := &tap{l: l, to: to}
	go t.accept()
	return t, nil
}

func (t *tap) accept() {
	for {
		in, err := t.l.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", t.to)
		t.mu.Lock()
		if t.cut || err != nil {
			in.Close()
			if err == nil {
				out.Close()
			}
			t.mu.Unlock()
			continue
		}
		t.conns = append(t.conns, in, out)
		t.mu.Unlock()
		go func() {
			_, _ = io.Copy(out, io.TeeReader(in, counter{&t.sent}))
			out.Close()
		}()
		go func() {
			_, _ = io.Copy(in, out)
			in.Close()
		}()
	}
}

type counter struct{ n *atomic.Int64 }

func (c counter) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return len(p), nil
}

// set cuts the link, or lets connections through again.
func (t *tap) set(cut bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cut = cut
	if cut {
		for _, c := range t.conns {
			c.Close()
		}
		t.conns = nil
	}
}

func (t *tap) close() {
	t.set(true)
	t.l.Close()
}

func (s *suite) edge() error {
	for range s.Rounds {
		if err := s.linkLost(); err != nil {
			return err
		}
	}
	return nil
}

func (s *suite) linkLost() error {
	dir, err := os.MkdirTemp("", "brigata-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	e := &edgeRun{s: s, dir: dir}
	defer e.stop()
	if err := e.start(); err != nil {
		return err
	}
	e.link.set(true)
	before := e.link.sent.Load()
	began := time.Now()
	if err := e.brigata("sensors", "simulate", "--broker", "tcp://"+e.mqtt.l.Addr().String(), "--user", "kitchen", "--password", edgePassword,
		"--for", "1h", "--every", "2s", "--speed", "0").Run(); err != nil {
		return fmt.Errorf("simulate: %w", err)
	}
	s.report.add("brigata edge", "taken_on_disk_per_s", edgeReadings*edgeSensors/time.Since(began).Seconds(), "1/s")
	began = time.Now()
	e.link.set(false)
	var counted int64
	for _, id := range edgeCounted {
		n, err := e.counts(id, began.Add(edgeWithin))
		if err != nil {
			return err
		}
		counted += n
	}
	s.report.add("brigata edge", "events_buffered", edgeReadings*edgeSensors, "1")
	s.report.add("brigata edge", "events_lost", float64(edgeReadings*int64(len(edgeCounted))-counted), "1")
	s.report.add("brigata edge", "all_counted_after_ms", ms(time.Since(began)), "ms")
	in, out := e.mqtt.sent.Load(), e.link.sent.Load()-before
	s.report.add("brigata edge", "bytes_taken", float64(in), "B")
	s.report.add("brigata edge", "bytes_over_the_link", float64(out), "B")
	s.report.add("taken/link", "ratio", float64(in)/float64(out), "1")
	return nil
}

// edgeRun is a node, a box, and the links between them and the sensors.
type edgeRun struct {
	s          *suite
	dir        string
	url, token string
	running    []*exec.Cmd
	link, mqtt *tap
}

func (e *edgeRun) brigata(args ...string) *exec.Cmd {
	c := exec.CommandContext(e.s.ctx, e.s.Binary, args...)
	c.Stderr = os.Stderr
	return c
}

func (e *edgeRun) launch(args ...string) error {
	c := e.brigata(args...)
	c.Stderr = nil
	if err := c.Start(); err != nil {
		return err
	}
	e.running = append(e.running, c)
	return nil
}

func (e *edgeRun) stop() {
	for i := len(e.running) - 1; i >= 0; i-- {
		_ = e.running[i].Process.Signal(syscall.SIGTERM)
		_ = e.running[i].Wait()
	}
	for _, t := range []*tap{e.link, e.mqtt} {
		if t != nil {
			t.close()
		}
	}
}

func (e *edgeRun) start() error {
	var at [4]string
	for i := range at {
		var err error
		if at[i], err = ports.Address(1); err != nil {
			return err
		}
	}
	web, hub, mqtt, status := at[0], at[1], at[2], at[3]
	data := filepath.Join(e.dir, "data")
	e.url = "http://" + web
	if err := e.launch("serve", "--data", data, "--listen", web, "--edge-listen", hub); err != nil {
		return err
	}
	if err := e.until(func() bool { return ready(e.url + "/readyz") }); err != nil {
		return fmt.Errorf("the node: %w", err)
	}
	b, err := os.ReadFile(filepath.Join(data, "local.json"))
	if err != nil {
		return err
	}
	var local struct{ Token string }
	if err := json.Unmarshal(b, &local); err != nil {
		return err
	}
	e.token = local.Token
	if e.link, err = newTap(hub); err != nil {
		return err
	}
	if e.mqtt, err = newTap(mqtt); err != nil {
		return err
	}
	devices, credentials := filepath.Join(e.dir, "devices.json"), filepath.Join(e.dir, "box.json")
	if err := os.WriteFile(devices, []byte(`[{"user":"kitchen","password":"`+edgePassword+`","sensors":["walkin-1","walkin-1-door","walkin-1-power","walkin-1-vibration","fridge-1","freezer-1"]}]`), 0o600); err != nil {
		return err
	}
	if out, err := e.brigata("edge-token", "--data", data, "--hub", e.link.l.Addr().String(), "--out", credentials).Output(); err != nil {
		return fmt.Errorf("edge-token: %w %s", err, out)
	}
	if err := e.launch("edge", "--credentials", credentials, "--store", "demo", "--data", filepath.Join(e.dir, "box"), "--devices", devices,
		"--mqtt", mqtt, "--http", status, "--believe"); err != nil {
		return err
	}
	err = e.until(func() bool {
		var s struct{ Sensors int }
		return e.get("http://"+status+"/status", &s) == nil && s.Sensors > 0
	})
	if err != nil {
		return fmt.Errorf("the box: %w", err)
	}
	return nil
}

func (e *edgeRun) until(ok func() bool) error {
	for end := time.Now().Add(readyWithin); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			return errors.New("not ready in time")
		}
	}
	return nil
}

func (e *edgeRun) get(url string, into any) error {
	r, err := http.NewRequestWithContext(e.s.ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+e.token)
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer w.Body.Close()
	if w.StatusCode != http.StatusOK {
		return errors.New(w.Status)
	}
	return json.NewDecoder(w.Body).Decode(into)
}

// counts waits until every reading of a sensor has counted, once, and returns how many have.
func (e *edgeRun) counts(id string, end time.Time) (int64, error) {
	for ; ; time.Sleep(20 * time.Millisecond) {
		var series struct{ Items []struct{ N int64 } }
		if err := e.get(e.url+"/v1/stores/demo/sensors/"+id+"/series?step_ms=3600000", &series); err != nil {
			return 0, err
		}
		var n int64
		for _, p := range series.Items {
			n += p.N
		}
		switch {
		case n == edgeReadings:
			return n, nil
		case n > edgeReadings || time.Now().After(end):
			return n, fmt.Errorf("%s: %d readings of %d count", id, n, edgeReadings)
		}
	}
}
