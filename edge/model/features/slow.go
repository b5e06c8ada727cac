package features

import (
	"math"
	"slices"
)

// Sound makes the tokens of the last readings of sound, newest last: the level and
// the bands relative to it, in tens of dB.
func Sound(w *Window, levels []float64, bands [][]float64) {
	n := min(len(levels), len(bands))
	if n == 0 {
		w.Drop(Microphone)
		return
	}
	t := w.part(Microphone)
	tokens := Spans[Microphone][1] - Spans[Microphone][0]
	for i := range tokens {
		at := max(0, n-tokens+i) // fewer readings: the first again
		row := t[i*Width : (i+1)*Width]
		row[0] = float32(levels[at] / 10)
		for b := range min(Bands, len(bands[at])) {
			row[1+b] = float32((bands[at][b] - levels[at]) / 10)
			if b > 0 {
				row[Bands+b] = float32((bands[at][b] - bands[at][b-1]) / 10)
			}
		}
	}
}

// Heat makes the tokens of a thermal frame: its points relative to their median, in tens
// of °C, and where and how hot the hottest are.
func Heat(w *Window, frame []float64) {
	if len(frame) != Frame {
		w.Drop(Thermal)
		return
	}
	t := w.part(Thermal)
	var sorted [Frame]float64
	copy(sorted[:], frame)
	insertionSort(sorted[:])
	median, top := (sorted[Frame/2-1]+sorted[Frame/2])/2, sorted[Frame-1]
	sum, cx, cy := 0.0, 0.0, 0.0
	for i, v := range frame {
		t[i] = float32((v - median) / 10)
		d := max(0, v-median)
		sum, cx, cy = sum+d, cx+d*float64(i%8), cy+d*float64(i/8)
	}
	s := t[Frame:]
	s[0], s[1] = float32(median/10), float32((top-median)/10)
	s[2], s[3] = float32(cx/(sum+floor)/8), float32(cy/(sum+floor)/8)
	s[4], s[5] = float32(sum/Frame/10), float32((median-sorted[3])/10)
	for i := range 8 {
		s[6+i] = float32((sorted[Frame-1-8*i] - median) / 10)
	}
}

func insertionSort(v []float64) {
	for i := range v {
		for j := i; j > 0 && v[j] < v[j-1]; j-- {
			v[j], v[j-1] = v[j-1], v[j]
		}
	}
}

// Temperature makes the tokens of a probe's last minutes, oldest first, °C: two hours of
// it relative to its mean, and how it rises and falls. low and high are the limits of the sensor.
func Temperature(w *Window, minutes []float64, low, high float64) {
	if len(minutes) < MinutesMin {
		w.Drop(Probe)
		return
	}
	t := w.part(Probe)
	mean := trace(t, minutes, func(v, mean float64) float64 { return v - mean })
	s := t[4*Width:]
	rise, fall, rising, falling, turns, top, bottom, dev := 0.0, 0.0, 0.0, 0.0, 0.0, minutes[0], minutes[0], 0.0
	var rises, falls []float64
	up := false
	for i := 3; i < len(minutes); i++ {
		d := (minutes[i] - minutes[i-3]) / 3
		if d < -0.01 {
			fall, falling = fall-d, falling+1
			falls = append(falls, -d)
		} else {
			rise, rising = rise+max(0, d), rising+1
			rises = append(rises, max(0, d))
		}
		if now := d > 0; now != up && math.Abs(d) > 0.02 {
			turns, up = turns+1, now
		}
	}
	steep := 0.0
	for i, v := range minutes {
		top, bottom, dev = max(top, v), min(bottom, v), dev+(v-mean)*(v-mean)
		if i >= 10 {
			steep = max(steep, (minutes[i-10]-v)/10)
		}
	}
	n := float64(len(minutes))
	s[0], s[1] = float32(rise/(rising+1)*10), float32(fall/(falling+1)*10)
	s[2], s[3] = float32(falling/n), float32(turns/n*10)
	s[4], s[5] = float32(math.Sqrt(dev/n)), float32(top-bottom)
	s[6], s[7] = float32(steep*10), float32(slope(minutes[len(minutes)-30:])*10)
	s[8] = float32(math.Log(rise/(rising+1)+1e-3) - math.Log(fall/(falling+1)+1e-3))
	// Medians know nothing of doors: how fast the warmth comes in through the walls, how fast
	// the machine takes it away, and the share of the time that it has to run for that.
	in, out := median(rises), median(falls)
	s[11], s[12] = float32(math.Log(in+1e-3)), float32(math.Log(out+1e-3))
	s[13], s[14] = float32(in/(in+out+1e-3)), float32(mean/10)
	if high > low {
		s[9], s[10] = float32(mean-high), float32((mean-low)/(high-low))
	}
}

// median of values, which it sorts; 0 of none.
func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return v[len(v)/2]
}

// Watts makes the tokens of a machine's power over the last minutes: its share of the
// highest, and how often and how long it runs.
func Watts(w *Window, minutes []float64) {
	top := 0.0
	for _, v := range minutes {
		top = max(top, v)
	}
	if len(minutes) < MinutesMin || !(top > 0) {
		w.Drop(Power)
		return
	}
	t := w.part(Power)
	trace(t, minutes, func(v, _ float64) float64 { return v / top })
	on, off, running, turns := 0.0, 0.0, 0.0, 0.0
	for i, v := range minutes {
		if v > top/2 {
			on, running = on+v, running+1
			if i > 0 && minutes[i-1] <= top/2 {
				turns++
			}
		} else {
			off += v
		}
	}
	n := float64(len(minutes))
	on, off = on/(running+floor), off/(n-running+floor)
	drift := 0.0 // of the power while it runs
	for i, v := range minutes {
		if v > top/2 {
			drift += (v/on - 1) * (float64(i)/n - 0.5)
		}
	}
	s := t[4*Width:]
	s[0], s[1], s[2] = float32(math.Log(on+1)), float32(running/n), float32(turns/n*10)
	s[3], s[4], s[5] = float32(math.Log(off+1)), float32(on/top), float32(drift)
}

// trace writes 128 values of a history, the last 120 of them minutes, as four tokens.
func trace(t []float32, minutes []float64, of func(v, mean float64) float64) (mean float64) {
	minutes = minutes[max(0, len(minutes)-Minutes):]
	for _, v := range minutes {
		mean += v / float64(len(minutes))
	}
	for i := range 4 * Width {
		at := i - 4*Width + len(minutes)
		t[i] = float32(of(minutes[max(0, at)], mean))
	}
	return mean
}

// slope is the change for each minute, by least squares.
func slope(y []float64) float64 {
	mid, mean := float64(len(y)-1)/2, 0.0
	for _, v := range y {
		mean += v / float64(len(y))
	}
	num, den := 0.0, 0.0
	for i, v := range y {
		d := float64(i) - mid
		num, den = num+d*(v-mean), den+d*d
	}
	return num / den
}
