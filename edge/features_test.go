package edge

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/brigata/brigata/actors/sensor"
	"github.com/brigata/brigata/actors/store"
)

const burstRate = 25_600

// burst is a message with n samples: noise, and the ringing of knocks if a bearing is worn.
func burst(n int, seq int64, worn bool, r *rand.Rand) []byte {
	b := make([]byte, 2*n)
	ring := 0.0
	for i := range n {
		v := 100 * r.NormFloat64()
		if worn {
			if i%280 == 0 {
				ring = 8000
			}
			v += ring * math.Sin(2*math.Pi*7400*float64(i)/burstRate)
			ring *= 0.93
		}
		binary.LittleEndian.PutUint16(b[2*i:], uint16(int16(v)))
	}
	m, err := json.Marshal(&message{Boot: 1, Seq: seq, Rate: burstRate, Scale: 0.5, Samples: base64.StdEncoding.EncodeToString(b)})
	if err != nil {
		panic(err)
	}
	return m
}

func TestBearingIsHeard(t *testing.T) {
	r, x := rand.New(rand.NewPCG(1, 2)), newExtractor()
	judge := func(worn bool) Verdict {
		s, err := check("vibration", burst(4096, 1, worn, r), time.Now(), 0, x)
		if err != nil {
			t.Fatal(err)
		}
		return Rules{}.Judge(&Window{Set: store.Sensor{Kind: "vibration"}, Burst: s.features})
	}
	for range 20 {
		if v := judge(false); v.Class != "ok" {
			t.Fatalf("%+v", v)
		}
		if v := judge(true); v.Class != "bearing" || v.Score != 0.2 {
			t.Fatalf("%+v", v)
		}
	}
}

func TestBandsOfATone(t *testing.T) {
	x := newExtractor()
	for hz, band := range map[float64]int{400: vibLow, 2500: vibMid, 8000: vibHigh} {
		in := make([]float64, 4096)
		for i := range in {
			in[i] = 10 * math.Sin(2*math.Pi*hz*float64(i)/burstRate)
		}
		f := x.vibration(in, burstRate)
		if f[band] < 0.99 || math.Abs(f[vibRMS]-10/math.Sqrt2) > 0.05 || math.Abs(f[vibCrest]-math.Sqrt2) > 0.02 || math.Abs(f[vibKurtosis]-1.5) > 0.02 {
			t.Errorf("%v Hz: %v", hz, f)
		}
	}
	if f := x.vibration(make([]float64, 4096), burstRate); f[vibRMS] != 0 || f[vibKurtosis] != 0 {
		t.Errorf("silence: %v", f)
	}
}

func TestSlopesAndDuty(t *testing.T) {
	var h history
	for m := range int64(200) { // a saw: ten minutes down by one, five up
		v := 4 - float64(m%15)/10
		if m%15 > 10 {
			v = 3 + float64(m%15-10)/5
		}
		h.add(m, v)
	}
	if h.n != historyLen || math.Abs(h.falling()-10.0/15) > 0.05 || math.Abs(h.pullDown()+0.1) > 0.02 {
		t.Errorf("%d minutes, duty %v, pull-down %v", h.n, h.falling(), h.pullDown())
	}
	var up history
	for m := range int64(60) {
		up.add(m, 2+0.05*float64(m))
	}
	if s := up.slope(30); math.Abs(s-0.05) > 1e-9 {
		t.Errorf("slope %v", s)
	}
	v := Rules{}.Judge(&Window{Set: store.Sensor{Kind: "temperature", Limits: store.Limits{Low: -1, High: 5}}, Avg: 4, Slope: 0.05, Minutes: 60})
	if v.Class != "warming" || v.Unsafe != 20*time.Minute {
		t.Errorf("%+v", v)
	}
	up.add(10_000, 9) // after a week of nothing
	if up.n != historyLen {
		t.Errorf("%d minutes", up.n)
	}
}

func FuzzMessage(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	for kind := range ranges {
		f.Add(kind, []byte(`{"boot":1,"seq":1,"value":3}`))
	}
	f.Add("vibration", burst(256, 1, true, r))
	x := newExtractor()
	f.Fuzz(func(t *testing.T, kind string, b []byte) {
		s, err := check(kind, b, time.UnixMilli(0), time.Minute, x)
		if err != nil {
			return
		}
		p := &twin{set: store.Sensor{Kind: kind}}
		p.take(s, 0, "", time.UnixMilli(0))
		if reading, _ := p.close(byRules); !reading.Sound() && s.health != sensor.Absurd {
			t.Fatalf("%+v", reading)
		}
	})
}
