package pass

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Each tensor's gradient, along a random direction, is what a small step along it does to
// the count.
func TestGradientsAreThoseOfTheCount(t *testing.T) {
	r, n, im := rand.New(rand.NewPCG(1, 2)), start(3), Plates(1, 0, 1)[0].Image
	n.last.b[0] = -0.5
	v := n.view()
	for _, w := range n.weights() {
		v.grads = append(v.grads, make([]float32, len(w)))
	}
	v.look(im)
	var ones [Cells * Cells]float32
	fill(ones[:], 1)
	v.back(&ones)
	for i, w := range n.weights() {
		direction, along, length := make([]float64, len(w)), 0.0, 0.0
		for j := range direction {
			direction[j] = r.NormFloat64()
			along += float64(v.grads[i][j]) * direction[j]
			length += direction[j] * direction[j]
		}
		before, step := slices.Clone(w), 1e-3
		at := func(sign float64) float64 {
			for j := range w {
				w[j] = before[j] + float32(sign*step*direction[j]/math.Sqrt(length))
			}
			return float64(count(n.view().look(im)))
		}
		numeric, along := (at(1)-at(-1))/(2*step), along/math.Sqrt(length)
		copy(w, before)
		if math.Abs(numeric-along) > 0.02*(math.Abs(numeric)+math.Abs(along))+0.02 {
			t.Errorf("tensor %d of %d: %v by the gradient, %v by steps", i, len(w), along, numeric)
		}
	}
}

func TestTrainingIsTheSameTwice(t *testing.T) {
	list := Plates(2, 0, 96)
	a, b := Train(list, 2, 5, nil), Train(list, 2, 5, nil)
	if !bytes.Equal(a.Encode(), b.Encode()) {
		t.Error("two trainings of one seed differ")
	}
	again, err := Decode(a.Encode())
	if err != nil || *again.view().look(list[0].Image) != *a.view().look(list[0].Image) {
		t.Errorf("a net that was written and read says something else: %v", err)
	}
	file := a.Encode()
	for _, bad := range [][]byte{nil, file[:len(file)-1], append(slices.Clone(file), 0), append(append(slices.Clone(file[:len(file)-4]), 0, 0), 0xc0, 0x7f)} {
		if _, err := Decode(bad); !errors.Is(err, ErrFile) {
			t.Errorf("%d bytes: %v", len(bad), err)
		}
	}
}

// The shipped net counts dishes that it has not been shown.
func TestTheShippedNetCounts(t *testing.T) {
	c, exact, off := NewCamera(Shipped()), 0, 0.0
	list := Plates(0, TestFrom, TestFrom+200)
	for _, x := range list {
		l := c.Look(x.Image, nil)
		off += math.Abs(l.Count-float64(x.Dishes)) / float64(len(list))
		if int(math.Round(l.Count)) == x.Dishes {
			exact++
		}
	}
	t.Logf("%d of %d exact, %.2f dishes off on average", exact, len(list), off)
	if exact < 165 { // docs/edge-models.md has the measured figure
		t.Errorf("%d of %d", exact, len(list))
	}
}

// A picture that went through a JPEG file of another size counts as the picture itself.
func TestPicturesOfAFolder(t *testing.T) {
	dir, list := t.TempDir(), Plates(3, 0, 24)
	for i, x := range list {
		const times = 5
		p := image.NewRGBA(image.Rect(7, 9, 7+Side*times, 9+Side*times))
		for at := range Side * Side * times * times {
			px, py := at%(Side*times), at/(Side*times)
			k := py/times*Side + px/times
			eight := func(c int) uint8 { return uint8(math.Round(float64(x.Image[c*Side*Side+k]) * 255)) }
			p.Set(7+px, 9+py, color.RGBA{eight(0), eight(1), eight(2), 255})
		}
		var b bytes.Buffer
		if err := jpeg.Encode(&b, p, &jpeg.Options{Quality: 95}); err != nil {
			t.Fatal(err)
		}
		of := filepath.Join(dir, fmt.Sprint(x.Dishes))
		if err := os.MkdirAll(of, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(of, fmt.Sprintf("%02d.jpg", i)), b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Folder(dir)
	if err != nil || len(got) != len(list) {
		t.Fatalf("%d pictures, %v", len(got), err)
	}
	c := NewCamera(Shipped())
	slices.SortStableFunc(list, func(a, b Labelled) int { return a.Dishes - b.Dishes }) // as the folders
	for i, x := range got {
		if was, is := c.Look(list[i].Image, nil).Count, c.Look(x.Image, nil).Count; x.Dishes != list[i].Dishes || math.Abs(was-is) > 0.4 {
			t.Errorf("a picture of %d dishes counts %.2f, and %.2f before it was a file", x.Dishes, is, was)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "2", "bad.jpg"), []byte("no picture"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Folder(dir); !errors.Is(err, ErrImage) {
		t.Errorf("%v", err)
	}
	small := image.NewRGBA(image.Rect(0, 0, 10, 10))
	var b bytes.Buffer
	if err := jpeg.Encode(&b, small, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := FromJPEG(bytes.NewReader(b.Bytes())); !errors.Is(err, ErrImage) {
		t.Errorf("ten pixels: %v", err)
	}
}

// The coldest dish is found where the net sees one; what is cold and no dish is not.
func TestTheColdestDish(t *testing.T) {
	c := NewCamera(Shipped())
	checked := 0
	for _, x := range Plates(0, TestFrom, TestFrom+60) {
		cells := c.view.look(x.Image)
		best := 0
		for i, v := range cells {
			if v > cells[best] {
				best = i
			}
		}
		if x.Dishes != 1 || cells[best] < dishAt {
			continue
		}
		checked++
		heat := make([]float64, Cells*Cells)
		for i := range heat {
			heat[i] = 24
		}
		heat[best] = 63
		if l := c.Look(x.Image, heat); l.Cold != 63 || slices.Contains(Warn(l, 1, true), Cooling) {
			t.Errorf("a hot dish: %+v, %v", l, Warn(l, 1, true))
		}
		heat[best] = 48
		if l := c.Look(x.Image, heat); l.Cold != 48 || !slices.Contains(Warn(l, 1, true), Cooling) || slices.Contains(Warn(l, 1, false), Cooling) {
			t.Errorf("a dish that cools: %+v, %v", l, Warn(l, 1, true))
		}
	}
	if checked == 0 {
		t.Fatal("no picture of one dish")
	}
	if l := c.Look(Plates(0, TestFrom, TestFrom+1)[0].Image, nil); !math.IsNaN(l.Cold) || Warn(Look{Count: 2.4, Cold: math.NaN()}, 2, true) != nil {
		t.Errorf("without a frame: %+v", l)
	}
	for _, w := range []struct {
		count  float64
		dishes int
		want   []string
	}{{2.4, 2, nil}, {1.4, 2, []string{Missing}}, {2.6, 2, []string{More}}, {0.2, 0, nil}} {
		if got := Warn(Look{Count: w.count, Cold: math.NaN()}, w.dishes, true); !slices.Equal(got, w.want) {
			t.Errorf("%+v: %v", w, got)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(Shipped().Encode())
	f.Fuzz(func(_ *testing.T, file []byte) { _, _ = Decode(file) })
}
