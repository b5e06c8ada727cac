package edge_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/brigata/brigata/actors/sensor"
	"github.com/brigata/brigata/edge"
	"github.com/brigata/brigata/edge/credentials"
	"github.com/brigata/brigata/edge/hub"
	"github.com/brigata/brigata/edge/link"
)

// Whoever comes with credentials of another authority, of no authority, or of another
// store reaches nothing of this one's.
func TestWrongCredentials(t *testing.T) {
	r := newRig(t, "temperature-1")
	foreign, err := credentials.LoadAuthority(filepath.Join(r.dir, "foreign.pem"))
	if err != nil {
		t.Fatal(err)
	}
	o := r.options("stranger")
	if o.Credentials, err = foreign.Mint("s1", "stranger", []string{r.address}, time.Hour); err != nil {
		t.Fatal(err)
	}
	stranger := r.box(o)

	mixed := r.options("mixed") // a certificate of ours, but another authority's key of the store
	mixed.Credentials.Seed = o.Credentials.Seed
	impostor := r.box(mixed)

	late := r.options("late")
	if late.Credentials, err = r.authority.Mint("s1", "late", []string{r.address}, -time.Minute); err != nil {
		t.Fatal(err)
	}
	expired := r.box(late)

	other := r.options("other") // a box of s2
	if other.Credentials, err = r.authority.Mint("s2", "other", []string{r.address}, time.Hour); err != nil {
		t.Fatal(err)
	}
	neighbour := r.box(other)

	good := r.box(r.options("good"))
	r.ready(good)
	c, err := device(t, good, "probe", "secret-of-probe")
	if err != nil {
		t.Fatal(err)
	}
	say(t, c, "temperature-1", `{"boot":1,"seq":1,"value":3}`)
	r.cell.counted(t, "temperature-1", 1)
	eventually(t, "the neighbour is known", func() bool { return len(boxes(r)) == 2 })
	for name, b := range map[string]*edge.Box{"stranger": stranger, "impostor": impostor, "expired": expired} {
		if b.Ready() || boxes(r)[b.Report().Name].State != "" {
			t.Errorf("%s was let in", name)
		}
	}
	if n := r.hub.Stats.Strangers.Load(); n < 3 {
		t.Errorf("%d strangers were counted", n)
	}
	if b := boxes(r)["other"]; b.Store != "s2" {
		t.Errorf("%+v", b)
	}
	_ = neighbour
	if _, err := r.authority.Mint("s1/../s2", "x", []string{r.address}, time.Hour); err == nil {
		t.Error("a store's name with a slash")
	}
}

func boxes(r *rig) map[string]hub.Box {
	m := map[string]hub.Box{}
	for _, b := range r.hub.Boxes() {
		m[b.Report.Name] = b
	}
	return m
}

// A device does nothing but send for its own sensors.
func TestDevicesStayApart(t *testing.T) {
	r := newRig(t, "temperature-1", "power-1")
	b := r.box(r.options("box-1"))
	r.ready(b)
	for _, x := range [][2]string{{"probe", "wrong-password"}, {"nobody", "secret-of-probe"}, {"", ""}, {"box", "guess-the-box"}} {
		if _, err := device(t, b, x[0], x[1]); err == nil {
			t.Errorf("%v was let in", x)
		}
	}
	c, err := device(t, b, "probe", "secret-of-probe")
	if err != nil {
		t.Fatal(err)
	}
	c.Publish("brigata/power-1", 1, false, `{"boot":1,"seq":1,"value":900}`).WaitTimeout(2 * time.Second) // another device's
	c.Publish("brigata/up/temperature-1", 1, false, "x").WaitTimeout(2 * time.Second)                     // the box's own stream
	say(t, c, "temperature-1", `{"boot":1,"seq":1,"value":3}`)
	r.cell.counted(t, "temperature-1", 1)
	if n := r.cell.wait(t, "power-1", func(*sensor.State) bool { return true }).Count; n != 0 {
		t.Errorf("%d readings of a sensor that is not the device's", n)
	}
	post := func(user, password, id, body string) int {
		q, _ := http.NewRequest("POST", "http://"+b.HTTP()+"/v1/readings/"+id, strings.NewReader(body))
		q.SetBasicAuth(user, password)
		w, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		w.Body.Close()
		return w.StatusCode
	}
	defer http.DefaultClient.CloseIdleConnections()
	for _, x := range []struct {
		user, password, id, body string
		want                     int
	}{
		{"probe", "wrong-password", "temperature-1", `{}`, 401},
		{"probe", "secret-of-probe", "power-1", `{}`, 401},
		{"probe", "secret-of-probe", "temperature-1", `{`, 400},
		{"probe", "secret-of-probe", "temperature-1", `"` + strings.Repeat("x", 70_000) + `"`, 413},
		{"probe", "secret-of-probe", "temperature-1", `{"boot":1,"seq":2,"value":3}`, 204},
	} {
		if got := post(x.user, x.password, x.id, x.body); got != x.want {
			t.Errorf("%.60s: %d, want %d", x.body, got, x.want)
		}
	}
	r.cell.counted(t, "temperature-1", 2)
	w, err := http.Get("http://" + b.HTTP() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	text, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"brigata_box_refused_total 5\n", "brigata_box_denied_total 3\n", "brigata_box_taken_total 2\n", "brigata_box_malformed_total 2\n", "# TYPE brigata_box_links gauge\nbrigata_box_links 1\n"} {
		if !strings.Contains(string(text), line) {
			t.Errorf("no %s in\n%s", line, text)
		}
	}
}

// What is no reading, or cannot be, is left out or flagged, and counted, over MQTT and over
// HTTP; what another device says right after it counts as ever.
func TestAbsurdReadings(t *testing.T) {
	r := newRig(t, "temperature-1", "vibration-1", "microphone-1", "thermal-1", "power-1")
	o := r.options("box-1")
	o.Slack = 2 * time.Minute
	b := r.box(o)
	r.ready(b)
	defer http.DefaultClient.CloseIdleConnections()
	clients := map[string]mqtt.Client{}
	for _, d := range devices {
		c, err := device(t, b, d.User, d.Password)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range d.Sensors {
			clients[id] = c
		}
	}
	post := func(id, body string) (status int) {
		q, _ := http.NewRequest("POST", "http://"+b.HTTP()+"/v1/readings/"+id, strings.NewReader(body))
		for _, d := range devices {
			if slices.Contains(d.Sensors, id) {
				q.SetBasicAuth(d.User, d.Password)
			}
		}
		w, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		w.Body.Close()
		return w.StatusCode
	}
	malformed := func(r *link.Report) int64 { return r.Malformed }
	unknown := func(r *link.Report) int64 { return r.Unknown }
	absurd := func(r *link.Report) int64 { return r.Absurd }
	skewed := func(r *link.Report) int64 { return r.Skewed }
	sound := base64.StdEncoding.EncodeToString(make([]byte, 2048))
	seq, well := 0, int64(0)
	for _, x := range []struct {
		sensor, body string
		counted      func(*link.Report) int64
	}{
		{"temperature-1", ``, malformed},
		{"temperature-1", `{`, malformed},
		{"temperature-1", "\x00\xff", malformed},
		{"temperature-1", `[]`, malformed},
		{"temperature-1", `"x"`, malformed},
		{"temperature-1", `{"boot":1}`, malformed},
		{"temperature-1", `{"boot":0,"seq":1,"value":3}`, malformed},
		{"temperature-1", `{"boot":1,"seq":-1,"value":3}`, malformed},
		{"temperature-1", `{"boot":1,"seq":1}`, malformed},
		{"temperature-1", `{"boot":1,"seq":1,"value":"3"}`, malformed},
		{"temperature-1", `{"boot":1,"seq":1e99,"value":3}`, malformed},
		{"temperature-1", `{"boot":1,"seq":9223372036854775807,"value":3}`, malformed},
		{"temperature-1", `{"boot":9223372036854775807,"seq":1,"value":3}`, malformed},
		{"microphone-1", `{"boot":1,"seq":1,"value":50,"samples":"` + sound + `"}`, malformed}, // sound itself is for nobody
		{"microphone-1", `{"boot":1,"seq":1,"value":50,"bands":[` + strings.Repeat("1,", 40) + `1]}`, malformed},
		{"thermal-1", `{"boot":1,"seq":1,"frame":[1,2,3]}`, malformed},
		{"vibration-1", `{"boot":1,"seq":1,"rate":12000,"scale":1,"samples":"AAA="}`, malformed},
		{"vibration-1", `{"boot":1,"seq":1,"rate":1e9,"scale":1,"samples":"` + sound + `"}`, malformed},
		{"vibration-1", `{"boot":1,"seq":1,"rate":12000,"scale":1,"samples":"no base64"}`, malformed},
		{"stranger-1", `{"boot":1,"seq":1,"value":3}`, unknown},
		{"temperature-1", `{"boot":1,"seq":$seq,"value":-273.16}`, absurd},
		{"temperature-1", `{"boot":1,"seq":$seq,"value":1e300}`, absurd},
		{"temperature-1", `{"boot":1,"seq":$seq,"at":$ago,"value":3}`, skewed},
		{"temperature-1", `{"boot":1,"seq":$seq,"at":$hence,"value":3}`, skewed},
	} {
		for _, way := range []string{"MQTT", "HTTP"} {
			body := x.body
			if strings.Contains(body, "$seq") {
				seq++
				body = strings.NewReplacer("$seq", fmt.Sprint(seq), "$ago", fmt.Sprint(time.Now().Add(-time.Hour).UnixMilli()),
					"$hence", fmt.Sprint(time.Now().Add(time.Hour).UnixMilli())).Replace(body)
			}
			before := b.Report()
			if way == "MQTT" {
				say(t, clients[x.sensor], x.sensor, body)
			} else if got := post(x.sensor, body); (got != http.StatusNoContent) != !json.Valid([]byte(body)) {
				t.Errorf("%.60q over HTTP: %d", body, got)
			}
			eventually(t, fmt.Sprintf("%.60q over %s is counted", body, way), func() bool {
				now := b.Report()
				return x.counted(&now) == x.counted(&before)+1
			})
			well++
			say(t, clients["power-1"], "power-1", fmt.Sprintf(`{"boot":1,"seq":%d,"value":900}`, well))
		}
	}
	if s := r.cell.counted(t, "power-1", well); s.Health != sensor.OK || s.Last.Avg != 900 || s.Status != sensor.Normal {
		t.Errorf("%+v", s)
	}
	s := r.cell.counted(t, "temperature-1", int64(seq))
	if s.Health != sensor.Skewed || s.Why != string(sensor.Absurd) || s.Status != sensor.Alert || time.Until(s.Last.At).Abs() > time.Minute {
		t.Errorf("%+v", s)
	}
	if bucket := s.Series.Fine.Open; bucket.Min != 3 || bucket.Max != 3 {
		t.Errorf("what cannot be is in the series: %+v", bucket)
	}
	say(t, clients["thermal-1"], "thermal-1", `{"boot":1,"seq":1,"frame":[`+strings.Repeat("20,", 59)+`60,61,62,63,64]}`)
	if s = r.cell.counted(t, "thermal-1", 1); s.Last.Value != 64 || s.Last.Class != "hot_spot" {
		t.Fatalf("%+v", s)
	}
	if n := r.cell.wait(t, "vibration-1", func(*sensor.State) bool { return true }).Count; n != 0 {
		t.Errorf("%d readings of vibration counted", n)
	}
}

// A box whose clock is an hour off: what it sends is flagged, and no reading is of a time
// to come; the offset is told, and a box of the same store whose clock is right is not
// disturbed.
func TestBoxClockOff(t *testing.T) {
	for name, off := range map[string]time.Duration{"ahead": time.Hour, "behind": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "temperature-1", "power-1")
			o := r.options("off")
			o.Slack, o.Now = 2*time.Minute, func() time.Time { return time.Now().Add(off) }
			b, right := r.box(o), r.box(r.options("right"))
			r.ready(b)
			r.ready(right)
			eventually(t, "the offset is known", func() bool { return boxes(r)["off"].OffsetMS != 0 && boxes(r)["right"].State == hub.Alive })
			if got := time.Duration(boxes(r)["off"].OffsetMS) * time.Millisecond; (got - off).Abs() > time.Minute {
				t.Errorf("told to be %v off", got)
			}
			c, err := device(t, b, "probe", "secret-of-probe")
			if err != nil {
				t.Fatal(err)
			}
			say(t, c, "temperature-1", fmt.Sprintf(`{"boot":1,"seq":1,"at":%d,"value":3}`, time.Now().UnixMilli())) // the device's clock is right
			s := r.cell.counted(t, "temperature-1", 1)
			if s.Health != sensor.Skewed || s.Status != sensor.Normal || time.Until(s.Last.At) > time.Minute {
				t.Errorf("%s %s %v", s.Health, s.Status, s.Last.At)
			}
			say(t, c, "temperature-1", `{"boot":1,"seq":2,"value":3}`) // it has none
			if s = r.cell.counted(t, "temperature-1", 2); s.Health != sensor.Skewed || time.Until(s.Last.At) > time.Minute {
				t.Errorf("%s %v", s.Health, s.Last.At)
			}
			if b.Report().Skewed != 1 {
				t.Errorf("%+v", b.Report())
			}
			if c, err = device(t, right, "machine", "secret-of-machine"); err != nil {
				t.Fatal(err)
			}
			say(t, c, "power-1", `{"boot":1,"seq":1,"value":900}`)
			if s = r.cell.counted(t, "power-1", 1); s.Health != sensor.OK {
				t.Errorf("of a box whose clock is right: %s", s.Health)
			}
		})
	}
}

// A stream that is full raises an alarm, loses nothing, and goes on when there is room.
func TestStreamIsFull(t *testing.T) {
	r := newRig(t, "temperature-1")
	r.cell.mu.Lock()
	r.cell.deaf = true
	r.cell.mu.Unlock()
	o := r.options("box-1")
	o.StreamMax = 4096
	b := r.box(o)
	r.ready(b)
	c, err := device(t, b, "probe", "secret-of-probe")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(-time.Hour)
	for i := range 100 {
		say(t, c, "temperature-1", fmt.Sprintf(`{"boot":1,"seq":%d,"at":%d,"value":3}`, i+1, at.Add(time.Duration(i)*time.Second).UnixMilli()))
	}
	eventually(t, "the alarm", func() bool { return b.Report().Full })
	r.cell.mu.Lock()
	r.cell.deaf = false
	r.cell.mu.Unlock()
	r.cell.counted(t, "temperature-1", 100)
	eventually(t, "the end of the alarm", func() bool { return !b.Report().Full && b.Report().Backlog == 0 })
}

// Links come and go; the cell moves away and back. Each reading counts once.
func TestLinkCut(t *testing.T) {
	r := newRig(t, "temperature-1")
	b := r.box(r.options("box-1"))
	r.ready(b)
	c, err := device(t, b, "probe", "secret-of-probe")
	if err != nil {
		t.Fatal(err)
	}
	at, seq := time.Now().Add(-time.Hour), 0
	send := func(n int) {
		t.Helper()
		for range n {
			seq++
			say(t, c, "temperature-1", fmt.Sprintf(`{"boot":1,"seq":%d,"at":%d,"value":3}`, seq, at.Add(time.Duration(seq)*time.Second).UnixMilli()))
		}
	}
	send(50)
	r.stopHub()
	send(50)
	r.startHub()
	send(50)
	r.cell.mu.Lock()
	r.cell.here = false
	r.cell.mu.Unlock()
	send(50)
	r.stopHub()
	send(50)
	r.startHub()
	r.cell.mu.Lock()
	r.cell.here = true
	r.cell.mu.Unlock()
	r.cell.counted(t, "temperature-1", 250)
	eventually(t, "an empty stream", func() bool { return b.Report().Backlog == 0 })
	b.Stop()
	eventually(t, "the box has left", func() bool { return boxes(r)["box-1"].State == hub.Left })

	again := r.box(r.options("box-1")) // with what it had on its disk
	r.ready(again)
	if c, err = device(t, again, "probe", "secret-of-probe"); err != nil {
		t.Fatal(err)
	}
	say(t, c, "temperature-1", `{"boot":1,"seq":250,"value":3}`) // it does not know any more that it had this
	send(10)
	r.cell.counted(t, "temperature-1", 260)
}

// Another reader of the same stream, that cannot journal, loses nothing for the one that can.
func TestTwoReaders(t *testing.T) {
	r := newRig(t, "temperature-1")
	r.cell.here = false
	deposed := newCell("temperature-1")
	deposed.deaf = true // it takes messages, and never answers
	second, err := hub.Start(hub.Options{Listen: "127.0.0.1:0", Name: "n2", Authority: r.authority, Stores: func() []string { return []string{"s1"} },
		Here: deposed.isHere, Note: deposed.note, Settings: deposed.settings, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer second.Stop()
	o := r.options("box-1")
	o.Credentials.Hubs = append(o.Credentials.Hubs, second.Address())
	b := r.box(o)
	r.ready(b)
	c, err := device(t, b, "probe", "secret-of-probe")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(-time.Hour)
	for i := range 100 {
		say(t, c, "temperature-1", fmt.Sprintf(`{"boot":1,"seq":%d,"at":%d,"value":3}`, i+1, at.Add(time.Duration(i)*time.Second).UnixMilli()))
	}
	eventually(t, "the other reader was given some", func() bool {
		deposed.mu.Lock()
		defer deposed.mu.Unlock()
		return deposed.notes > 0
	})
	r.cell.mu.Lock()
	r.cell.here = true
	r.cell.mu.Unlock()
	r.cell.wait(t, "temperature-1", func(s *sensor.State) bool { return s.Count > 0 })
	deposed.mu.Lock()
	deposed.here = false // now it knows
	deposed.mu.Unlock()
	r.cell.counted(t, "temperature-1", 100)
}

// A device that connects again may send something new before what was not acknowledged:
// nothing is missing in the end, and what is missing for good is counted.
func TestOutOfOrder(t *testing.T) {
	r := newRig(t, "temperature-1", "power-1")
	b := r.box(r.options("box-1"))
	r.ready(b)
	c, err := device(t, b, "probe", "secret-of-probe")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(-time.Hour)
	send := func(boot, seq int) {
		say(t, c, "temperature-1", fmt.Sprintf(`{"boot":%d,"seq":%d,"at":%d,"value":3}`, boot, seq, at.Add(time.Duration(1000*boot+seq)*time.Second).UnixMilli()))
	}
	for _, seq := range []int{1, 2, 6, 7, 4, 3, 5, 5, 8} {
		send(1, seq)
	}
	r.cell.counted(t, "temperature-1", 8)
	send(2, 2) // a new boot, whose first is late
	send(2, 1)
	send(2, 5) // 3 and 4 never come
	s := r.cell.counted(t, "temperature-1", 11)
	if report := b.Report(); s.Boot != 2 || s.Seq != 5 || s.Last.Lost != 2 || report.Lost != 2 || report.Repeated != 1 {
		t.Fatalf("%+v %+v", s.Last, report)
	}
}
