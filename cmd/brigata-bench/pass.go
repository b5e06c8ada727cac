package main

import (
	"fmt"
	"io"
	"math"

	"github.com/brigata/brigata/edge/model/pass"
)

// pass has the net of the pass camera count the dishes of pictures that it has not seen:
// generated ones, and those of a folder.
func (e *EdgeModels) pass(out io.Writer) error {
	fmt.Fprintln(out, "\n| pictures of the pass | n | count is right | at most one off | dishes off, on average | whether there are any | of empty ones, dishes seen |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
	counted(out, "generated", pass.Plates(0, pass.TestFrom, pass.TestTo))
	if e.Images == "" {
		fmt.Fprintln(out, "\nReal pictures: not measured, for want of --images DIR.")
		return nil
	}
	list, err := pass.Folder(e.Images)
	if err != nil {
		return err
	}
	counted(out, e.Images, list)
	return nil
}

func counted(out io.Writer, name string, list []pass.Labelled) {
	c := pass.NewCamera(pass.Shipped())
	var right, near, off, presence, empty, seen float64
	for _, x := range list {
		l := c.Look(x.Image, nil)
		d := math.Abs(math.Round(l.Count) - float64(x.Dishes))
		off += math.Abs(l.Count - float64(x.Dishes))
		if d == 0 {
			right++
		}
		if d <= 1 {
			near++
		}
		some := math.Round(l.Count) > 0
		if some == (x.Dishes > 0) {
			presence++
		}
		if x.Dishes == 0 {
			empty++
			if some {
				seen++
			}
		}
	}
	n := max(1, float64(len(list)))
	fmt.Fprintf(out, "| %s | %d | %.3f | %.3f | %.2f | %.3f | %.0f of %.0f |\n", name, len(list), right/n, near/n, off/n, presence/n, seen, empty)
}
