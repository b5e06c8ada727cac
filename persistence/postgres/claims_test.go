package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/persistence/postgres"
)

// TestClaimsAtOnce has four processes claim, release, renew, fence and raise as they like,
// all on the same cells. No claim is given twice under one number, and whoever claims
// after another finds that the other had released, or that its epoch had been raised.
func TestClaimsAtOnce(t *testing.T) {
	url := database(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cells := []string{"amalfi", "bari", "como"}
	var mu sync.Mutex
	won := map[string]map[int64]journal.Claim{}
	released := map[journal.Claim]bool{}
	for _, c := range cells {
		won[c] = map[int64]journal.Claim{}
	}
	var all []*postgres.Journal
	for i := range 4 {
		j, err := postgres.Open(ctx, postgres.Config{URL: url, Node: fmt.Sprint("n", i)})
		check(t, err)
		defer j.Close()
		all = append(all, j)
	}
	epochOf := func(node int64) (epoch int64) {
		check(t, all[0].Pool().QueryRow(ctx, "SELECT epoch FROM nodes WHERE id = $1", node).Scan(&epoch))
		return epoch
	}
	var wg sync.WaitGroup
	end := time.Now().Add(3 * time.Second)
	for i, j := range all {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 5))
			lease, err := j.Self(ctx)
			for ; time.Now().Before(end) && err == nil; lease, err = j.Self(ctx) {
				switch r.IntN(8) {
				case 0:
					_, err = j.Raise(ctx, lease)
				case 1:
					var leases []journal.Lease
					if _, leases, err = j.Renew(ctx, lease); err == nil && len(leases) > 0 {
						_, err = j.Fence(ctx, leases[r.IntN(len(leases))])
					}
				default:
					var rows []journal.Claim
					rows, err = j.Claim(ctx, lease, cells[:1+r.IntN(3)])
					for _, c := range rows {
						if c.Node != lease.Node || c.Epoch != lease.Epoch {
							continue
						}
						mu.Lock()
						was, twice := won[c.Cell][c.Claim]
						before, known := won[c.Cell][c.Claim-1]
						won[c.Cell][c.Claim] = c
						free := released[before]
						mu.Unlock()
						if twice {
							t.Errorf("given twice: %+v and %+v", was, c)
						}
						own := before.Node == c.Node && before.Epoch == c.Epoch
						if known && !own && !free && epochOf(before.Node) <= before.Epoch {
							t.Errorf("%+v was taken from a live lease by %+v", before, c)
						}
						if r.IntN(3) == 0 {
							mu.Lock()
							released[c] = true // from here on: the row may be free before we hear of it
							mu.Unlock()
							_, err = j.Release(ctx, c)
						}
					}
				}
				if errors.Is(err, journal.ErrFenced) {
					err = nil
				}
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, c := range cells {
		if len(won[c]) < 50 {
			t.Errorf("%s was claimed %d times only", c, len(won[c]))
		}
	}
}
