package server

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/workorder"
	"github.com/brigata/brigata/edge/link"
	"github.com/brigata/brigata/edge/model/features"
)

// findings keep what people have found of predicted faults, for boxes to learn: boxes ask
// every few seconds, and the archive is looked at once a minute.
type findings struct {
	archive actors.Archive

	mu sync.Mutex
	of map[string]found // by store
}

type found struct {
	at     time.Time
	labels []link.Label
}

const findingsFor = time.Minute

// labels are the newest of a store, the oldest of them first. What cannot be read now is as
// it was.
func (f *findings) labels(ctx context.Context, store string) []link.Label {
	f.mu.Lock()
	defer f.mu.Unlock()
	was := f.of[store]
	if time.Since(was.at) < findingsFor {
		return was.labels
	}
	was.at = time.Now()
	if list, err := f.read(ctx, store); err == nil {
		was.labels = list
	}
	f.of[store] = was
	return was.labels
}

func (f *findings) read(ctx context.Context, store string) (list []link.Label, err error) {
	done, _, err := f.archive.WorkOrders(ctx, store, actors.WorkOrderQuery{State: workorder.Finished, Limit: 8 * link.LabelsMax})
	for _, w := range done {
		if w.Fault == nil || w.Finding == "" || len(list) == link.LabelsMax {
			continue
		}
		l := link.Label{WorkOrder: w.ID, Asset: w.Asset, Class: w.Fault.Class, From: w.Since, To: w.DoneAt}
		if w.Finding == workorder.FalseAlarm {
			l.Class = features.Classes[0]
		}
		list = append(list, l)
	}
	slices.Reverse(list)
	return list, err
}
