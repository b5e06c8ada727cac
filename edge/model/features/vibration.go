package features

import (
	"math"
	"math/cmplx"

	"gonum.org/v1/gonum/dsp/fourier"
)

const (
	frame   = 512  // samples of one spectrum
	long    = 4096 // samples of the envelope's spectrum; shorter bursts are padded
	melLow  = 20.0
	melHigh = 10_000.0
	// BurstMin is the fewest samples of a burst.
	BurstMin  = frame
	envelopes = Width - 6
	floor     = 1e-12
)

// Extractor makes tokens of bursts. It belongs to one goroutine.
type Extractor struct {
	short  *fourier.FFT
	long   *fourier.CmplxFFT
	window [frame]float64
	in     [frame]float64
	out    []complex128
	wave   []complex128
	rate   float64 // that mel was made for
	mel    [Width]filter
}

// filter is a triangle over bins of the spectrum.
type filter struct {
	low    int
	weight []float64
}

// NewExtractor makes one.
func NewExtractor() *Extractor {
	x := &Extractor{short: fourier.NewFFT(frame), long: fourier.NewCmplxFFT(long), out: make([]complex128, frame/2+1), wave: make([]complex128, long)}
	for i := range x.window {
		x.window[i] = 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/frame)
	}
	return x
}

// tune makes the mel filters (O'Shaughnessy: 2595·log10(1+f/700)) for a rate of samples.
func (x *Extractor) tune(rate float64) {
	if x.rate == rate {
		return
	}
	x.rate = rate
	mel := func(hz float64) float64 { return 2595 * math.Log10(1+hz/700) }
	bin := func(i int) float64 {
		m := mel(melLow) + (mel(melHigh)-mel(melLow))*float64(i)/(Width+1)
		return 700 * (math.Pow(10, m/2595) - 1) / rate * frame
	}
	for b := range x.mel {
		low, mid, high := bin(b), bin(b+1), bin(b+2)
		f := filter{low: int(low)}
		for k := f.low; k <= int(math.Ceil(high)) && k <= frame/2; k++ {
			w := (float64(k) - low) / (mid - low)
			if float64(k) > mid {
				w = (high - float64(k)) / (high - mid)
			}
			f.weight = append(f.weight, max(w, 0.05)) // a narrow band keeps its nearest bins
		}
		x.mel[b] = f
	}
}

// Vibration makes the tokens of a burst: three of log-mel bands over time, relative to
// the burst's loudness, and one of moments and the envelope's spectrum.
func (x *Extractor) Vibration(w *Window, burst []float64, rate float64) {
	if len(burst) < BurstMin || !(rate > 0) {
		w.Drop(Vibration)
		return
	}
	t := w.part(Vibration)
	burst = burst[:min(len(burst), long)]
	x.tune(rate)
	mean := 0.0
	for _, v := range burst {
		mean += v
	}
	mean /= float64(len(burst))
	rms := moments(t[3*Width:], burst, mean)
	x.bands(t[:3*Width], burst, mean, rms)
	x.envelope(t[3*Width+6:4*Width], burst, mean, rms)
}

// moments are loudness, peak, crest, kurtosis, skew and crossings of zero.
func moments(t []float32, burst []float64, mean float64) (rms float64) {
	m2, m3, m4, peak, crossed, last := 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
	for _, v := range burst {
		d := v - mean
		q := d * d
		m2, m3, m4 = m2+q, m3+q*d, m4+q*q
		peak = max(peak, math.Abs(d))
		if last*d < 0 {
			crossed++
		}
		last = d
	}
	n := float64(len(burst))
	m2, m3, m4 = m2/n, m3/n, m4/n
	rms = math.Sqrt(m2) + floor
	t[0], t[1], t[2] = float32(math.Log(rms)), float32(math.Log(peak+floor)), float32(peak/rms)
	t[3], t[4], t[5] = float32(math.Log(m4/(m2*m2+floor)+floor)), float32(m3/(rms*rms*rms)), float32(crossed/n)
	return rms
}

// bands are the log-mel bands of each third of the burst.
func (x *Extractor) bands(t []float32, burst []float64, mean, rms float64) {
	frames := (len(burst)-frame)/(frame/2) + 1
	for third := range 3 {
		var power [Width]float64
		from, to := frames*third/3, max(frames*third/3+1, frames*(third+1)/3)
		for f := from; f < min(to, frames); f++ {
			for i, v := range burst[f*frame/2:][:frame] {
				x.in[i] = (v - mean) * x.window[i] / rms
			}
			x.short.Coefficients(x.out, x.in[:])
			for b := range power {
				for i, weight := range x.mel[b].weight {
					c := x.out[x.mel[b].low+i]
					power[b] += weight * (real(c)*real(c) + imag(c)*imag(c))
				}
			}
		}
		for b, p := range power {
			t[third*Width+b] = float32(math.Log(p/float64(max(1, to-from)) + 1e-3))
		}
	}
}

// envelope is the spectrum of the analytic signal's magnitude, in which the knocks of a
// bearing are a line at the rate at which they come (Randall and Antoni, 2011).
func (x *Extractor) envelope(t []float32, burst []float64, mean, rms float64) {
	clear(x.wave)
	for i, v := range burst {
		x.wave[i] = complex((v-mean)/rms, 0)
	}
	x.long.Coefficients(x.wave, x.wave)
	for i := range x.wave {
		switch {
		case i > long/2:
			x.wave[i] = 0
		case i > 0 && i < long/2:
			x.wave[i] *= 2
		}
	}
	x.long.Sequence(x.wave, x.wave)
	level := 0.0
	for i := range burst {
		a := cmplx.Abs(x.wave[i]) / long
		x.wave[i] = complex(a, 0)
		level += a
	}
	level /= float64(len(burst))
	for i := range x.wave {
		if i < len(burst) {
			x.wave[i] -= complex(level, 0)
		} else {
			x.wave[i] = 0
		}
	}
	x.long.Coefficients(x.wave, x.wave)
	for b := range envelopes {
		hz := func(i int) int { return max(1, int(float64(i)*40/x.rate*long)) } // bands of 40 Hz
		from, to := hz(b), max(hz(b)+1, hz(b+1))
		p := 0.0
		for k := from; k < to && k < long/2; k++ {
			p += real(x.wave[k])*real(x.wave[k]) + imag(x.wave[k])*imag(x.wave[k])
		}
		t[b] = float32(math.Log(p/float64(to-from)/float64(len(burst)) + 1e-6))
	}
}
