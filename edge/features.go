package edge

import (
	"math"

	"gonum.org/v1/gonum/dsp/fourier"

	"github.com/brigata/brigata/edge/model/features"
)

const frame = 512 // samples of one spectrum

// extractor makes features of bursts. It belongs to one goroutine.
type extractor struct {
	fft    *fourier.FFT
	window [frame]float64
	in     [frame]float64
	out    []complex128
	burst  [samplesMax]float64
	tokens *features.Extractor
}

func newExtractor() *extractor {
	x := &extractor{fft: fourier.NewFFT(frame), out: make([]complex128, frame/2+1), tokens: features.NewExtractor()}
	for i := range x.window {
		x.window[i] = 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/frame)
	}
	return x
}

// Features of a burst of vibration, by index.
const (
	vibRMS      = iota // in the sensor's unit
	vibPeak            // in the sensor's unit
	vibCrest           // peak by RMS
	vibKurtosis        // 3 for noise; high for the knocks of a bearing
	vibLow             // share of the power below 1 kHz
	vibMid             // 1 to 4 kHz
	vibHigh            // above 4 kHz: where a bearing is heard first
	vibCount
)

// vibration describes a burst by its moments and the shares of three bands.
func (x *extractor) vibration(burst []float64, rate float64) []float64 {
	f := make([]float64, vibCount)
	mean := 0.0
	for _, v := range burst {
		mean += v
	}
	mean /= float64(len(burst))
	m2, m4 := 0.0, 0.0
	for _, v := range burst {
		d := v - mean
		m2 += d * d
		m4 += d * d * d * d
		f[vibPeak] = max(f[vibPeak], math.Abs(d))
	}
	m2, m4 = m2/float64(len(burst)), m4/float64(len(burst))
	f[vibRMS] = math.Sqrt(m2)
	if m2 > 0 {
		f[vibCrest], f[vibKurtosis] = f[vibPeak]/f[vibRMS], m4/(m2*m2)
	}
	total := 0.0
	for at := 0; at+frame <= len(burst); at += frame / 2 {
		for i := range x.in {
			x.in[i] = (burst[at+i] - mean) * x.window[i]
		}
		for k, c := range x.fft.Coefficients(x.out, x.in[:]) {
			p := real(c)*real(c) + imag(c)*imag(c)
			total += p
			switch hz := float64(k) * rate / frame; {
			case hz < 1000:
				f[vibLow] += p
			case hz < 4000:
				f[vibMid] += p
			default:
				f[vibHigh] += p
			}
		}
	}
	if total > 0 {
		f[vibLow], f[vibMid], f[vibHigh] = f[vibLow]/total, f[vibMid]/total, f[vibHigh]/total
	}
	return f
}

// thermal describes a frame: the hottest point, the mean, the spread, and how many points
// are 10 °C above the mean.
func thermal(points []float64) []float64 {
	hot, cold, mean := math.Inf(-1), math.Inf(1), 0.0
	for _, v := range points {
		hot, cold = max(hot, v), min(cold, v)
		mean += v / float64(len(points))
	}
	n := 0.0
	for _, v := range points {
		if v > mean+10 {
			n++
		}
	}
	return []float64{hot, mean, hot - cold, n}
}

// history is the last two hours of a sensor, a mean a minute: what slopes and duty cycles
// are read from.
type history struct {
	minutes [historyLen]float64 // that are over
	n       int
	minute  int64 // that is not
	sum     float64
	count   int
}

const historyLen = 120

// add takes a value of a minute; minutes that nobody measured repeat the last.
func (h *history) add(minute int64, v float64) {
	if h.count > 0 && minute > h.minute {
		mean := h.sum / float64(h.count)
		for range min(minute-h.minute, historyLen) {
			h.push(mean)
		}
		h.sum, h.count = 0, 0
	}
	if h.count == 0 {
		h.minute = minute
	}
	h.sum += v
	h.count++
}

func (h *history) push(v float64) {
	if h.n == historyLen {
		copy(h.minutes[:], h.minutes[1:])
		h.n--
	}
	h.minutes[h.n] = v
	h.n++
}

// slope is the change for each minute over the last n, by least squares.
func (h *history) slope(n int) float64 {
	n = min(n, h.n)
	if n < 3 {
		return 0
	}
	y := h.minutes[h.n-n : h.n]
	mx, my := float64(n-1)/2, 0.0
	for _, v := range y {
		my += v / float64(n)
	}
	num, den := 0.0, 0.0
	for i, v := range y {
		num += (float64(i) - mx) * (v - my)
		den += (float64(i) - mx) * (float64(i) - mx)
	}
	return num / den
}

// falling is the share of the minutes in which the value fell: of a cold room, the duty
// cycle of its compressor.
func (h *history) falling() float64 {
	return h.share(func(before, v float64) bool { return v < before-0.005 })
}

// top is the highest of the minutes.
func (h *history) top() (top float64) {
	for _, v := range h.minutes[:h.n] {
		top = max(top, v)
	}
	return top
}

// above is the share of the minutes above half of the highest: of a compressor's power,
// its duty cycle.
func (h *history) above() float64 {
	top := h.top()
	return h.share(func(_, v float64) bool { return v > top/2 && top > 0 })
}

func (h *history) share(is func(before, v float64) bool) float64 {
	if h.n < 2 {
		return 0
	}
	n := 0
	for i := 1; i < h.n; i++ {
		if is(h.minutes[i-1], h.minutes[i]) {
			n++
		}
	}
	return float64(n) / float64(h.n-1)
}

// pullDown is the steepest fall of any ten minutes, °C a minute: what the machine can do.
func (h *history) pullDown() float64 {
	best := 0.0
	for i := 10; i < h.n; i++ {
		best = min(best, (h.minutes[i]-h.minutes[i-10])/10)
	}
	return best
}
