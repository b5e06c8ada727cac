// Command brigata-sim plays the simulation of actors/sim.
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/brigata/brigata/actors/sim"
)

func main() {
	var n, from int
	fmt.Sscan(os.Args[1], &from)
	fmt.Sscan(os.Args[2], &n)
	b := time.Now()
	t := sim.Seeds(uint64(from), n, sim.Options{}, time.Time{})
	fmt.Println(t.Runs, t.Events, t.Faults, t.Answers, t.Violation, time.Since(b))
	if t.Failed != nil {
		fmt.Println("seed", t.Failed.Seed)
		if len(os.Args) > 3 {
			sim.Run(t.Failed, os.Stdout)
		}
	}
}
