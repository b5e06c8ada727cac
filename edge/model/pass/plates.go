package pass

import (
	"math"
	"math/rand/v2"
)

// DishesMax is how many dishes a generated picture may have.
const DishesMax = 6

// Plates draws pictures: dishes on a counter, among tickets, cutlery and shadows, under
// light that differs. It knows what its author does of kitchens: what a net learns of it is
// a start, and no evidence about real ones.
func Plates(seed uint64, from, to int) []Labelled {
	list := make([]Labelled, to-from)
	for i := range list {
		list[i] = plates(rand.New(rand.NewPCG(seed<<32|uint64(from+i), 41)))
	}
	return list
}

type colour [3]float64

func (c colour) near(r *rand.Rand, by float64) (out colour) {
	for i, v := range c {
		out[i] = v + by*r.NormFloat64()
	}
	return out
}

var (
	counters = []colour{{0.62, 0.63, 0.65}, {0.45, 0.33, 0.22}, {0.25, 0.25, 0.27}, {0.72, 0.70, 0.66}}
	china    = []colour{{0.93, 0.93, 0.90}, {0.85, 0.88, 0.92}, {0.20, 0.20, 0.22}, {0.55, 0.35, 0.25}}
	foods    = []colour{{0.75, 0.25, 0.15}, {0.85, 0.65, 0.25}, {0.35, 0.55, 0.20}, {0.45, 0.25, 0.12}, {0.90, 0.80, 0.55}, {0.95, 0.55, 0.20}}
)

// canvas is a picture under way, larger than the net's, so that edges are soft.
type canvas struct {
	side float64
	px   []colour
}

const fine = 2 // pixels of the canvas for one of the picture's

func plates(r *rand.Rand) Labelled {
	c := &canvas{side: Side * fine, px: make([]colour, Side*fine*Side*fine)}
	ground := counters[r.IntN(len(counters))].near(r, 0.04)
	slopeX, slopeY := 0.25*r.NormFloat64()/c.side, 0.25*r.NormFloat64()/c.side
	for i := range c.px {
		light := 1 + slopeX*(float64(i%(Side*fine))-c.side/2) + slopeY*(float64(i/(Side*fine))-c.side/2)
		for k, v := range ground {
			c.px[i][k] = v * light
		}
	}
	for range r.IntN(4) { // tickets, cloths, trays
		c.box(r, colour{0.9, 0.9, 0.85}.near(r, 0.15))
	}
	var at [][3]float64 // x, y, radius
	want := r.IntN(DishesMax + 1)
	for tries := 0; len(at) < want && tries < 200; tries++ {
		radius := (6.5 + 3.5*r.Float64()) * fine
		x, y := radius+r.Float64()*(c.side-2*radius), radius+r.Float64()*(c.side-2*radius)
		free := true
		for _, o := range at {
			free = free && math.Hypot(x-o[0], y-o[1]) > 0.9*(radius+o[2]) // they may overlap a little
		}
		if free {
			at = append(at, [3]float64{x, y, radius})
		}
	}
	for _, d := range at {
		c.dish(r, d[0], d[1], d[2])
	}
	for range r.IntN(3) { // cutlery, a hand's shadow
		c.line(r)
	}
	im, gain, noise := new(Image), 0.75+0.5*r.Float64(), 0.01+0.03*r.Float64()
	for i := range Side * Side {
		for k := range 3 {
			sum := 0.0
			for dy := range fine {
				for dx := range fine {
					sum += c.px[(i/Side*fine+dy)*Side*fine+i%Side*fine+dx][k]
				}
			}
			im[k*Side*Side+i] = float32(max(0, min(1, gain*sum/fine/fine+noise*r.NormFloat64())))
		}
	}
	x := Labelled{Image: im, Dishes: len(at), At: [][2]float64{}}
	for _, d := range at {
		x.At = append(x.At, [2]float64{d[0] / c.side * Cells, d[1] / c.side * Cells})
	}
	return x
}

// each calls for the pixels of a square around a point.
func (c *canvas) each(x, y, radius float64, do func(dx, dy float64, p *colour)) {
	for py := max(0, y-radius); py < min(c.side, y+radius+1); py++ {
		for px := max(0, x-radius); px < min(c.side, x+radius+1); px++ {
			do(math.Floor(px)-x, math.Floor(py)-y, &c.px[int(py)*Side*fine+int(px)])
		}
	}
}

// dish is a shadow, a rim, a plate and what is on it.
func (c *canvas) dish(r *rand.Rand, x, y, radius float64) {
	plate := china[r.IntN(len(china))].near(r, 0.03)
	shade, lit := 0.75+0.2*r.Float64(), r.Float64()*2*math.Pi
	c.each(x+1.5*math.Cos(lit), y+1.5*math.Sin(lit), radius+2, func(dx, dy float64, p *colour) {
		if math.Hypot(dx, dy) < radius+1 {
			for k := range p {
				p[k] *= shade
			}
		}
	})
	inner := (0.65 + 0.2*r.Float64()) * radius
	c.each(x, y, radius, func(dx, dy float64, p *colour) {
		if d := math.Hypot(dx, dy); d < radius {
			*p = plate
			if d > inner && d < inner+1.5 {
				for k := range p {
					p[k] = plate[k] * 0.85
				}
			}
		}
	})
	for range 1 + r.IntN(3) {
		food := foods[r.IntN(len(foods))].near(r, 0.05)
		ox, oy, wide, high := 0.3*inner*r.NormFloat64(), 0.3*inner*r.NormFloat64(), inner*(0.35+0.4*r.Float64()), inner*(0.35+0.4*r.Float64())
		c.each(x, y, inner, func(dx, dy float64, p *colour) {
			if math.Hypot(dx, dy) < inner && math.Hypot((dx-ox)/wide, (dy-oy)/high) < 1 {
				*p = food.near(r, 0.04)
			}
		})
	}
}

func (c *canvas) box(r *rand.Rand, of colour) {
	x, y, wide, high := r.Float64()*c.side, r.Float64()*c.side, (3+9*r.Float64())*fine, (3+9*r.Float64())*fine
	turn := r.Float64() * math.Pi
	c.each(x, y, wide+high, func(dx, dy float64, p *colour) {
		u, v := dx*math.Cos(turn)+dy*math.Sin(turn), dy*math.Cos(turn)-dx*math.Sin(turn)
		if math.Abs(u) < wide && math.Abs(v) < high {
			*p = of
		}
	})
}

func (c *canvas) line(r *rand.Rand) {
	x, y, long, turn, of := r.Float64()*c.side, r.Float64()*c.side, (6+10*r.Float64())*fine, r.Float64()*math.Pi, colour{0.75, 0.75, 0.78}.near(r, 0.1)
	c.each(x, y, long, func(dx, dy float64, p *colour) {
		u, v := dx*math.Cos(turn)+dy*math.Sin(turn), dy*math.Cos(turn)-dx*math.Sin(turn)
		if math.Abs(u) < long && math.Abs(v) < fine {
			*p = of
		}
	})
}
