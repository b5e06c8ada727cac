//go:build edge

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/brigata/brigata/cmd/brigata/demo"
	"github.com/brigata/brigata/edge/simulate"
)

var cut = flag.Duration("cut", 10*time.Minute, "for how long the link is cut")

const (
	probes       = 200
	probesEach   = 10 // of a device
	probeEvery   = 200 * time.Millisecond
	residentMax  = 60_000_000
	drainWithin  = 30 * time.Second
	diskOfTheBox = 768 << 20
)

// kitchen is a node with a store of 200 probes, a link that can be cut, and a box.
type kitchen struct {
	t      *testing.T
	n      *node
	box    *box
	link   *cable
	hub    string
	folder string
	data   string
	peak   int // bytes that the box has had resident, at most, before it ended
}

// newKitchen starts a kitchen of probes; the box keeps its data in folder.
func newKitchen(t *testing.T, folder string) *kitchen {
	t.Helper()
	var sensors, devices []map[string]any
	for i := range probes {
		id := probe(i)
		sensors = append(sensors, sensorOf(id, "temperature", "room"))
		if i%probesEach == 0 {
			devices = append(devices, map[string]any{"user": device(i / probesEach), "password": "a-long-secret", "sensors": []string{}})
		}
		d := devices[len(devices)-1]
		d["sensors"] = append(d["sensors"].([]string), id)
	}
	return startKitchen(t, folder, sensors, devices)
}

// sensorOf is one of the store's document, with limits that no probe is beyond.
func sensorOf(id, kind, asset string) map[string]any {
	s := map[string]any{"id": id, "name": map[string]string{"zh": id, "en": id}, "kind": kind, "asset": asset, "dishes": []string{}}
	if kind == "temperature" {
		s["limits"] = map[string]any{"low": -30, "high": 40, "delay_ms": 600_000}
	}
	return s
}

// startKitchen builds brigata-edge, and starts a node with a store of these sensors, a link and a box.
func startKitchen(t *testing.T, folder string, sensors, devices []map[string]any) *kitchen {
	t.Helper()
	k := &kitchen{t: t, hub: freePort(t), folder: folder, data: t.TempDir()}
	k.n = startNode(t, k.data, "--edge-listen", k.hub)
	dir := t.TempDir()
	var doc map[string]any
	if err := json.Unmarshal(demo.Store(), &doc); err != nil {
		t.Fatal(err)
	}
	doc["sensors"] = sensors
	write := func(name string, v any) string {
		b, err := json.Marshal(v)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return filepath.Join(dir, name)
	}
	if out, errs, status := k.n.terminal("store", "apply", write("store.json", doc)); status != 0 {
		t.Fatal(out, errs)
	}
	k.link = newCable(t, k.hub)
	binary := filepath.Join(dir, "brigata-edge")
	if out, err := exec.Command("go", "build", "-trimpath", "-o", binary, "github.com/brigata/brigata/cmd/brigata-edge").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	k.box = &box{t: t, dir: dir, mqtt: freePort(t), http: freePort(t), command: []string{binary}, data: folder, args: []string{"--believe"}}
	if out, err := exec.Command(program, "edge-token", "--data", k.data, "--hub", k.link.address, "--out", filepath.Join(dir, "box.json")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	write("devices.json", devices)
	k.box.start()
	t.Cleanup(k.box.kill)
	return k
}

func probe(i int) string  { return fmt.Sprintf("probe-%03d", i) }
func device(i int) string { return fmt.Sprintf("device-%02d", i) }

// play has every probe say something five times a second for so long; done says when all
// of it is acknowledged.
func (k *kitchen) play(d time.Duration) (done chan error) {
	var devices []simulate.Options
	for i := range probes / probesEach {
		o := simulate.Options{For: d, Every: probeEvery, Speed: 1}
		for j := range probesEach {
			o.Machines = append(o.Machines, &simulate.Machine{Sensor: probe(i*probesEach + j), Low: 2, High: 4, Leak: 6 * time.Hour, Cooling: 0.35})
		}
		devices = append(devices, o)
	}
	return k.playAll(devices)
}

// playAll has each device play its machines.
func (k *kitchen) playAll(devices []simulate.Options) (done chan error) {
	done = make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for i, o := range devices {
		all.Go(func() {
			o.Broker, o.User, o.Password, o.Seed = "tcp://"+k.box.mqtt, device(i), "a-long-secret", uint64(i)
			sent, err := simulate.Run(ctx, o)
			want := 0
			for _, m := range o.Machines {
				want += int(o.For / o.Every)
				if m.Extras {
					want += 3 * int(o.For/o.Every)
				}
			}
			if err == nil && sent != want && ctx.Err() == nil {
				err = fmt.Errorf("%s: %d of %d acknowledged", device(i), sent, want)
			}
			mu.Lock()
			defer mu.Unlock()
			failed = errors.Join(failed, err)
		})
	}
	finished := make(chan struct{})
	go func() {
		all.Wait()
		done <- failed
		close(finished)
	}()
	k.t.Cleanup(func() {
		cancel()
		<-finished
	})
	return done
}

// killNode kills the node, and starts it again where it was.
func (k *kitchen) killNode() {
	k.n.kill()
	k.n = startNodeAt(k.t, strings.TrimPrefix(k.n.url, "http://"), k.data, "--edge-listen", k.hub)
}

// resident is what the box has resident, in bytes: now, at most since its start, and the
// part of now that is its own and not pages of its program.
func (k *kitchen) resident() (now, most, own int) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", k.box.cmd.Process.Pid))
	if err != nil {
		k.t.Fatal(err)
	}
	field := func(name string) int {
		_, rest, _ := strings.Cut(string(b), name+":")
		text, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
		n, _ := strconv.Atoi(text)
		return n << 10
	}
	return field("VmRSS"), field("VmHWM"), field("RssAnon")
}

// weigh notes the most that the box has had resident, and that it misses no reading.
func (k *kitchen) weigh() {
	now, most, own := k.resident()
	k.peak = max(k.peak, most)
	s := k.box.status()
	k.t.Logf("resident: %.1f MB, of them %.1f MB its own; %.1f MB at most; %+v", mb(now), mb(own), mb(most), s)
	if s.Lost != 0 {
		k.t.Errorf("the box says that devices skipped %d readings", s.Lost)
	}
}

func mb(n int) float64 { return float64(n) / 1e6 }

// killBox kills the box, and starts it again.
func (k *kitchen) killBox() {
	k.weigh()
	k.box.kill()
	k.box.start()
}

// cutPower takes the box's power away, between two of its instructions, and what was
// written and not synced with it; then both come back.
func (k *kitchen) cutPower(d *disk) {
	k.weigh()
	if err := k.box.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		k.t.Fatal(err)
	}
	d.shutDown()
	k.box.kill()
	d.move()
	k.box.start()
}

// drained waits until the box's stream is empty, and says how long that took.
func (k *kitchen) drained() time.Duration {
	began := time.Now()
	within(k.t, 10*drainWithin, "the box's stream is empty", func() bool {
		s := k.box.status()
		return s.Sensors > 0 && s.Backlog < probes // what comes meanwhile
	})
	return time.Since(began)
}

// counts holds every probe to so many readings.
func (k *kitchen) counts(want int64) {
	k.t.Helper()
	for i := range probes {
		within(k.t, time.Minute, probe(i)+" has counted all", func() bool { return k.n.counted(probe(i)) >= want })
		if got := k.n.counted(probe(i)); got != want {
			k.t.Errorf("%s counted %d readings of %d", probe(i), got, want)
		}
	}
}

// TestEdgeMemory: 200 sensors, 1,000 readings a second, for a minute. What the link carries for
// them, both ways and with all that it takes, is small too.
func TestEdgeMemory(t *testing.T) {
	k := newKitchen(t, t.TempDir())
	began := time.Now()
	if err := <-k.play(time.Minute); err != nil {
		t.Fatal(err)
	}
	t.Logf("%.0f readings a second", float64(probes*time.Minute/probeEvery)/time.Since(began).Seconds())
	k.weigh()
	k.drained()
	k.counts(int64(time.Minute / probeEvery))
	said := k.box.status().Raw
	k.link.end()
	carried := k.link.carried.Load()
	t.Logf("%.2f MB over the link, of %.2f that devices said", float64(carried)/1e6, float64(said)/1e6)
	if carried > said/5 {
		t.Error("a fifth of what devices said, or more, went over the link")
	}
	if k.peak > residentMax {
		t.Errorf("%.1f MB resident, of %.0f", mb(k.peak), mb(residentMax))
	}
}

// TestEdgeFaults cuts the link under 1,000 readings a second. Meanwhile the box is killed,
// and its power goes: its files are then as they were synced. The node is killed before
// and after, then the box's power goes while it is read, and it is killed once more. Every
// reading that was acknowledged counts, once.
func TestEdgeFaults(t *testing.T) {
	disk := newDisk(t)
	k := newKitchen(t, disk.at)
	const around = 20 * time.Second
	total := around + *cut + 3*around
	played := k.play(total)
	step := func(d time.Duration) { <-time.After(d) } // the readings are played against the clock

	step(around)
	k.killNode()
	k.link.cut(true)
	step(*cut / 3)
	k.killBox()
	step(*cut / 3)
	k.cutPower(disk)
	step(*cut / 3)
	s := k.box.status()
	k.link.cut(false)
	took := k.drained()
	t.Logf("%d windows had waited; drained in %v, %.0f a second", s.Backlog, took.Round(time.Millisecond), float64(s.Backlog)/took.Seconds())
	if took > drainWithin {
		t.Errorf("drained in %v, later than %v", took, drainWithin)
	}
	k.killNode()
	step(around)
	k.cutPower(disk)
	step(around / 2)
	k.killBox()
	if err := <-played; err != nil {
		t.Fatal(err)
	}
	t.Logf("all there %v after the last was acknowledged", k.drained().Round(time.Millisecond))
	k.counts(int64(total / probeEvery))
	k.weigh()
	if k.peak > residentMax {
		t.Errorf("%.1f MB resident, of %.0f", mb(k.peak), mb(residentMax))
	}
	k.n.args = nil // what serve alone understands
	k.n.verify()
}

// cable is the way from a box to a node; it can be cut.
type cable struct {
	address string
	to      string
	carried atomic.Int64 // bytes, both ways, of connections that have ended
	end     func()

	mu     sync.Mutex
	broken bool
	open   map[net.Conn]bool
}

func newCable(t *testing.T, to string) *cable {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{address: l.Addr().String(), to: to, open: map[net.Conn]bool{}}
	var tasks sync.WaitGroup
	tasks.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			tasks.Go(func() { c.carry(in) })
		}
	})
	c.end = sync.OnceFunc(func() {
		l.Close()
		c.cut(true)
		tasks.Wait()
	})
	t.Cleanup(c.end)
	return c
}

func (c *cable) carry(in net.Conn) {
	defer in.Close()
	out, err := net.DialTimeout("tcp", c.to, time.Second)
	if err != nil {
		return
	}
	defer out.Close()
	c.mu.Lock()
	if c.broken {
		c.mu.Unlock()
		return
	}
	c.open[in], c.open[out] = true, true
	c.mu.Unlock()
	var both sync.WaitGroup
	pass := func(to, from net.Conn) {
		n, _ := io.Copy(to, from)
		c.carried.Add(n)
		to.Close()
		from.Close()
	}
	both.Go(func() { pass(out, in) })
	pass(in, out)
	both.Wait()
	c.mu.Lock()
	delete(c.open, in)
	delete(c.open, out)
	c.mu.Unlock()
}

// cut cuts it, or mends it.
func (c *cable) cut(broken bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = broken
	if broken {
		for conn := range c.open {
			conn.Close()
		}
	}
}

// disk is a file system of its own, whose power can go.
type disk struct {
	t         *testing.T
	image, at string
}

func newDisk(t *testing.T) *disk {
	if os.Geteuid() != 0 {
		t.Skip("a disk whose power goes needs root, for a loop mount")
	}
	dir := t.TempDir()
	d := &disk{t: t, image: filepath.Join(dir, "disk"), at: filepath.Join(dir, "mnt")}
	if err := os.WriteFile(d.image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Truncate(d.image, diskOfTheBox), os.Mkdir(d.at, 0o700)); err != nil {
		t.Fatal(err)
	}
	d.run("mkfs.ext4", "-q", d.image)
	d.run("mount", "-o", "loop", d.image, d.at)
	t.Cleanup(func() { exec.Command("umount", "-l", d.at).Run() })
	return d
}

func (d *disk) run(args ...string) {
	d.t.Helper()
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		d.t.Fatalf("%v: %v\n%s", args, err, out)
	}
}

// move puts what the disk holds on another, as it is: somebody else's mount namespace may
// still have the file system that was shut down.
func (d *disk) move() {
	d.t.Helper()
	d.run("umount", d.at)
	next := d.image + "+"
	d.run("cp", "--sparse=always", d.image, next)
	d.run("rm", d.image)
	d.image = next
	d.run("mount", "-o", "loop", d.image, d.at)
}

// shutDown throws away what was written and not synced.
func (d *disk) shutDown() {
	d.t.Helper()
	const shutdown, noFlush = 0x8004587d, 2 // FS_IOC_SHUTDOWN; not even the journal is flushed
	f, err := os.Open(d.at)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	how := uint32(noFlush)
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), shutdown, uintptr(unsafe.Pointer(&how))); errno != 0 {
		d.t.Fatal(errno)
	}
}
