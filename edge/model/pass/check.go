package pass

import (
	_ "embed"
	"math"
)

// Look is what is seen of the pass.
type Look struct {
	Count float64 // of dishes; between two numbers where the net is in doubt
	// Cold is the temperature of the coldest dish, °C; NaN without an infrared frame, or
	// without a dish.
	Cold float64
}

// Camera looks at pictures with one net. It belongs to one goroutine.
type Camera struct{ view *view }

// NewCamera makes one.
func NewCamera(n *Net) *Camera { return &Camera{n.view()} }

const dishAt = 0.3 // of a count: a cell that has so much of one shows a dish

// Look counts the dishes of a picture. heat is a frame of 8×8 points in °C of the same view,
// row by row, or nil: a dish is as hot as the hottest point beside where it stands.
func (c *Camera) Look(im *Image, heat []float64) Look {
	cells := c.view.look(im)
	l := Look{Count: float64(count(cells)), Cold: math.NaN()}
	if len(heat) != Cells*Cells {
		return l
	}
	for i, v := range cells {
		around := func(of func(at int) float64) (most float64) {
			most = math.Inf(-1)
			for y := max(0, i/Cells-1); y <= min(Cells-1, i/Cells+1); y++ {
				for x := max(0, i%Cells-1); x <= min(Cells-1, i%Cells+1); x++ {
					most = max(most, of(y*Cells+x))
				}
			}
			return most
		}
		if v < dishAt || float64(v) < around(func(at int) float64 { return float64(cells[at]) }) {
			continue // nothing, or the rim of what is beside
		}
		if hot := around(func(at int) float64 { return heat[at] }); !(hot >= l.Cold) {
			l.Cold = hot
		}
	}
	return l
}

// Warnings about a ticket whose dishes are on the pass.
const (
	Missing = "missing" // fewer dishes than on the ticket
	More    = "more"
	Cooling = "cooling" // one is below the temperature at which hot food is held
)

// Hold is the temperature at which hot food is held, °C (FDA Food Code 3-501.16: 57).
const Hold = 57

// Warn says what about the pass does not fit a ticket of so many dishes, hot ones among them
// or not. Nothing is said where the count is nearer to the ticket's than to another.
func Warn(l Look, dishes int, hot bool) (list []string) {
	switch seen := int(math.Round(l.Count)); {
	case seen < dishes:
		list = append(list, Missing)
	case seen > dishes:
		list = append(list, More)
	}
	if hot && l.Cold < Hold {
		list = append(list, Cooling)
	}
	return list
}

//go:embed pass.bin
var shipped []byte

// Shipped is the net that boxes come with: of Recipe.
func Shipped() *Net {
	n, err := Decode(shipped)
	if err != nil {
		panic("the net that is built in is none: " + err.Error())
	}
	return n
}

// The pictures that the shipped net was trained on, by number of the generator's seed 0,
// and those that the report judges it by.
const (
	trained       = 12_000
	trainedEpochs = 20
	TestFrom      = 100_000
	TestTo        = 101_000
)

// Recipe trains the shipped net.
func Recipe(progress func(epoch int, loss float64)) *Net {
	return Train(Plates(0, 0, trained), trainedEpochs, 0, progress)
}
